"""Waiting: how long after which refusal, and how many requests at once.

GitLab limits each family of endpoints on its own (https://docs.gitlab.com/security/rate_limits/),
and a refusal may come with no header and quota left, so a block is kept for its family alone.
The quota that `RateLimit-*` headers announce is kept for the limit that `RateLimit-Name` names.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from source_gitlab.client.errors import FatalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# GitLab's longest window is ten minutes (users, projects), so a block may last that long.
LONGEST_WAIT = 600.0
_IDENTIFIED = frozenset({"groups", "projects", "users"})
_IDENTIFIER = re.compile(r"\d+|[0-9a-f]{40}")


def family(path: str) -> str:
    """The family that a path below /api/v4 is counted in: its words, with ids as `:id`."""
    parts = path.strip("/").split("/")
    return "/".join(
        ":id"
        if (position == 1 and parts[0] in _IDENTIFIED) or _IDENTIFIER.fullmatch(part)
        else part
        for position, part in enumerate(parts)
    )


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a refusal asks us to wait, from Retry-After or RateLimit-Reset, if either.

    `now` is the time of the server in seconds since the epoch.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isdigit():
        return min(float(value), LONGEST_WAIT)
    if value:
        try:
            moment = parsedate_to_datetime(value).timestamp()
        except ValueError:
            return None
        return min(max(moment - now, 0.0), LONGEST_WAIT)
    reset = headers.get("RateLimit-Reset", "")
    if reset.isdigit() and headers.get("RateLimit-Remaining", "0").strip() == "0":
        return min(max(float(reset) - now + 1.0, 0.0), LONGEST_WAIT)
    return None


def backoff(base: float = 1.0, ceiling: float = 30.0) -> Iterator[float]:
    """Seconds between tries of one request: doubling, with jitter, up to `ceiling`."""
    delay = base
    while True:
        yield delay * random.uniform(0.75, 1.25)  # noqa: S311 -- spreads workers, guards no secret
        delay = min(delay * 2.0, ceiling)


@dataclass
class _Family:
    blocked_until: float = 0.0
    refusals: int = 0
    window: str = ""


@dataclass
class _Window:
    remaining: int
    reset: float


@dataclass
class Limits:
    """Gate that every request passes: at most `workers` at once, none while a family is blocked.

    Times are seconds of `time.monotonic`. Thread-safe. Setting `stop` ends every wait.
    """

    workers: int
    per_minute: int | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    refusals: int = 0

    def __post_init__(self) -> None:
        """Start with nothing learned."""
        self._slots = threading.BoundedSemaphore(self.workers)
        self._lock = threading.Lock()
        self._families: dict[str, _Family] = defaultdict(_Family)
        self._windows: dict[str, _Window] = {}
        self._in_flight = 0
        self._next_start = 0.0

    def enter(self, name: str) -> None:
        """Wait until a request of this family may start, and take a slot for it.

        Raises:
            FatalError: the sync was stopped meanwhile.
        """
        while True:
            self._slots.acquire()
            pause = self._pause(name)
            if not pause:
                return
            self._slots.release()
            if self.stop.is_set():
                message = "The sync was stopped."
                raise FatalError(message)
            self.stop.wait(pause)

    def leave(self) -> None:
        """Give the slot back."""
        with self._lock:
            self._in_flight -= 1
        self._slots.release()

    def _pause(self, name: str) -> float:
        now = time.monotonic()
        with self._lock:
            known = self._families[name]
            pause = max(known.blocked_until, self._next_start if self.per_minute else 0.0) - now
            window = self._windows.get(known.window)
            # One request is kept in reserve for each that is under way, so that workers which
            # started together do not overrun the limit together.
            if window and window.reset > now and window.remaining <= self._in_flight:
                pause = max(pause, min(window.reset - now, LONGEST_WAIT))
            if pause > 0.0:
                return pause
            if self.per_minute:
                self._next_start = max(self._next_start, now) + 60.0 / self.per_minute
            self._in_flight += 1
            return 0.0

    def learn(self, name: str, headers: Mapping[str, str], now: float) -> None:
        """Take from an answer how many requests are left in its window.

        `now` is the time of the server in seconds since the epoch, as RateLimit-Reset is.
        """
        remaining = headers.get("RateLimit-Remaining", "")
        reset = headers.get("RateLimit-Reset", "")
        with self._lock:
            known = self._families[name]
            known.refusals = 0
            if remaining.isdigit() and reset.isdigit():
                known.window = headers.get("RateLimit-Name", "")
                ends = time.monotonic() + max(float(reset) - now, 0.0)
                self._windows[known.window] = _Window(int(remaining), ends)

    def refused(self, name: str, headers: Mapping[str, str], now: float) -> float:
        """Block the family after a 429 and say for how long, in seconds."""
        with self._lock:
            self.refusals += 1
            known = self._families[name]
            known.refusals += 1
            wait = retry_after(headers, now)
            if wait is None:
                wait = min(5.0 * 2.0 ** (known.refusals - 1), LONGEST_WAIT)
            wait += random.uniform(0.0, 0.5)  # noqa: S311 -- spreads workers, guards no secret
            known.blocked_until = max(known.blocked_until, time.monotonic() + wait)
            return wait
