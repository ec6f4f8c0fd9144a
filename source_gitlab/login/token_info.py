"""What a token says of itself, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from source_gitlab.gitlab.errors import GitlabError, Unauthorized
from source_gitlab.setup_check.budget import Budget, OutOfBudget
from source_gitlab.setup_check.identity import identify, refused
from source_gitlab.setup_check.result import FAILED, Step
from source_gitlab.setup_check.run import session_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from source_gitlab.config import Config
    from source_gitlab.tokens.rotation import TokenRotation

_REQUESTS: Final = 8
_SECONDS: Final = 20.0
_DAY: Final = 86_400


@dataclass(frozen=True)
class Inspection:
    """The findings on one token; they never hold the token."""

    base_url: str
    steps: Sequence[Step]

    @property
    def ok(self) -> bool:
        """Whether the token is valid and may read."""
        return all(step.status != FAILED for step in self.steps)

    def lines(self) -> list[str]:
        """For people, one sentence a line."""
        return [f"{self.base_url}", *(f"  {step.message}" for step in self.steps)]

    def to_json(self) -> dict[str, Any]:
        """For programs.

        `days` are whole days to the token's end, `seconds` are told for OAuth tokens; both are null
        where there is no end or GitLab does not tell.
        """
        found: dict[str, Any] = {}
        for step in self.steps:
            found |= step.details
        seconds = found.get("seconds")
        days = seconds // _DAY if isinstance(seconds, int) else found.get("days")
        return {
            "url": self.base_url,
            "ok": self.ok,
            "kind": found.get("kind", "unknown"),
            "user": found.get("user"),
            "scopes": found.get("scopes"),
            "expires_at": found.get("expires_at"),
            "days": days,
            "seconds": seconds,
            "messages": [step.message for step in self.steps],
        }


def inspect(config: Config, rotation: TokenRotation | None) -> Inspection:
    """Ask GitLab about the token of a configuration.

    Raises:
        FatalError: GitLab cannot be reached.
        GitlabError: it does not answer as GitLab.
    """
    with session_for(config, rotation=rotation) as session:
        budget = Budget(session.client, requests=_REQUESTS, seconds=_SECONDS)
        try:
            _, steps = identify(budget, config)
        except Unauthorized as error:
            steps = [refused(error, config)]
        except OutOfBudget as error:
            message = f"{config.base_url} did not answer within {_SECONDS:.0f} seconds."
            raise GitlabError(message) from error
    return Inspection(config.base_url, steps)
