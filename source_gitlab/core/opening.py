"""The first requests of a read, made at once while the name of what was chosen is resolved.

GitLab takes the path of a group or project wherever it takes its id (`find_group` and
`find_project` in lib/api/helpers.rb). So what a first read asks in any case need not wait for the
id: the user, the projects of a group and the user's roles in them, or the first rows of a project.
Each answer is given once, to who would have asked for it by the id. None is used where the name
does not resolve, and one that failed is asked for again, which says what is wrong.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from source_gitlab.gitlab.errors import GitlabError
from source_gitlab.gitlab.lookup import encoded

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from source_gitlab.config import Config
    from source_gitlab.core.prefetch import Prefetcher

# With fewer, a request that is made early keeps another one waiting.
_LEAST_WORKERS = 5


class Opening:
    """What was asked for by the one name that was chosen. Thread-safe."""

    def __init__(self, config: Config, prefetcher: Prefetcher) -> None:
        """Ask nothing yet."""
        self._prefetcher = prefetcher
        self._lock = threading.Lock()
        self._asked: dict[str, Future[Any]] = {}
        self._number: int | None = None
        names = [*config.groups, *config.projects]
        is_worth_it = prefetcher.workers >= _LEAST_WORKERS and config.shard is None
        self._name = names[0] if len(names) == 1 and is_worth_it else None
        self.kind = "group" if config.groups else "project"

    @property
    def name(self) -> str | None:
        """The name as part of an address; None where not one alone was chosen."""
        return encoded(self._name) if self._name is not None else None

    def ask(self, what: str, task: Callable[[], Any]) -> None:
        """Start a request whose answer is taken as `what`."""
        self._asked[what] = self._prefetcher.submit(task)

    def resolved(self, number: int) -> None:
        """Note the id of what was chosen, before anything is taken."""
        self._number = number

    def take(self, what: str, kind: str, number: int) -> Any:
        """What was asked of a group or project, once; None: it was not, or did not come."""
        with self._lock:
            future = self._asked.pop(what, None)
            if future is None:
                return None
            if (kind, number) != (self.kind, self._number):
                self._asked[what] = future
                return None
        try:
            return future.result()
        except GitlabError:
            return None
