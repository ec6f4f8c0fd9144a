"""The state of one emulated instance: its world and everything around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration_tests.gitlab.access import Access
from integration_tests.gitlab.auth import Tokens
from integration_tests.gitlab.faults import Faults
from integration_tests.gitlab.limits import Limiter
from integration_tests.gitlab.oauth import Authority
from integration_tests.gitlab.requestlog import RequestLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration_tests.gitlab.world import World


class Emulator:
    """Holds the world, who may see it, the faults, the limits and the log of requests.

    ``make`` builds the world, at first and whenever the emulator is reset.
    """

    def __init__(self, make: Callable[[], World]) -> None:
        self._make = make
        self.log = RequestLog()
        self.reset()

    def reset(self) -> None:
        """Return to the first state in everything; requests under way stay in the log."""
        self.world = self._make()
        self.access = Access(self.world)
        self.tokens = Tokens(self.world.clock)
        self.oauth = Authority(self.tokens, self.world.clock, self.world.settings)
        self.faults = Faults()
        self.limiter = Limiter(self.world.clock)
        self.log.reset()
