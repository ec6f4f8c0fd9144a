"""The gate that every request passes: how many at once, how many a minute, and how long to wait.

GitLab limits each family of endpoints on its own (https://docs.gitlab.com/security/rate_limits/),
and a refusal may come with no header and quota left, so a block is kept for its family alone.
The quota that `RateLimit-*` headers announce is kept for the limit that `RateLimit-Name` names.
"""

from __future__ import annotations

import random
import re
import threading
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from source_gitlab.gitlab.cancellation import Bounds
from source_gitlab.gitlab.errors import FatalError
from source_gitlab.gitlab.rate_limits.concurrency import Concurrency
from source_gitlab.gitlab.rate_limits.windows import LONGEST_WAIT, Family, Quota
from source_gitlab.gitlab.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_IDENTIFIED = frozenset({"groups", "projects", "users"})
_IDENTIFIER = re.compile(r"\d+|[0-9a-f]{40}")
_MINUTE = 60.0
# Fewer seconds than since 2001 are not counted from the epoch.
_EARLIEST = 1e9
_MOST_DIGITS = 18


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

    A wait of nothing, or until a moment that is past, says nothing: a clock is wrong then.
    `now` is the time of the server in seconds since the epoch.
    """
    wait = _wait_of(headers.get("Retry-After", "").strip(), now)
    if wait is None and headers.get("RateLimit-Remaining", "0").strip() == "0":
        left = _until(headers.get("RateLimit-Reset", "").strip(), now)
        wait = None if left is None else left + 1.0
    return min(wait, LONGEST_WAIT) if wait is not None and wait > 0.0 else None


def _wait_of(value: str, now: float) -> float | None:
    if _is_number(value):
        return float(value) or None
    try:
        wait = parsedate_to_datetime(value).timestamp() - now if value else 0.0
    except (ValueError, OverflowError):
        return None
    return wait if wait > 0.0 else None


def _until(reset: str, now: float) -> float | None:
    """Seconds until RateLimit-Reset; None when it is over, or cannot be read.

    GitLab gives seconds since the epoch, gateways and the standard's draft seconds from now, some
    gateways milliseconds.
    """
    if not _is_number(reset) or len(reset) > _MOST_DIGITS:
        return None
    number = float(reset)
    if number < _EARLIEST:
        left = number
    else:
        left = (number / 1000.0 if number > _EARLIEST * 1000.0 else number) - now
    return left if left > 0.0 else None


def backoff(base: float = 1.0, ceiling: float = 30.0) -> Iterator[float]:
    """Seconds between tries of one request: doubling, with jitter, up to `ceiling` or `base`."""
    delay = base
    while True:
        yield delay * random.uniform(0.75, 1.25)  # noqa: S311 -- spreads workers, guards no secret
        delay = min(delay * 2.0, max(base, ceiling))


@dataclass
class Limits:
    """At most `workers` requests at once, none while a family or its quota is used up.

    Other processes may use the same token: this one takes a `share` of what GitLab allows, and of
    `per_minute`, where 1 is all of it; `workers` are its own. `family_window` is how long a limit
    of one family is first taken to last, in seconds. All waits are by `timer`. Thread-safe.
    """

    workers: int
    per_minute: int | None = None
    family_window: float = _MINUTE
    timer: Timer = field(default_factory=Timer)
    share: float = 1.0
    refusals: int = 0

    def __post_init__(self) -> None:
        """Start with nothing learned."""
        self._lock = threading.Lock()
        # Who waits for another request to end is woken one for one, because waking all of them for
        # each of thousands of requests costs more than the requests do.
        self._ended = self.timer.condition(self._lock)
        self._unblocked = self.timer.condition(self._lock)
        self._concurrency = Concurrency(self.workers)
        # How many requests all processes together may have under way, where there are others.
        self._slots = round(self.workers / self.share) if self.share < 1.0 else None
        self._families: dict[str, Family] = {}
        self._quotas: dict[str, Quota] = {}
        self._usual: str | None = None
        self._under_way = 0
        self._next_start = 0.0
        self._holder: int | None = None
        self._blocked_until = 0.0

    @property
    def waiting(self) -> float:
        """Seconds for which a request still waits that GitLab's limits, or ours, hold back."""
        return max(self._blocked_until - self.timer.now(), 0.0)

    @property
    def under_way(self) -> int:
        """How many requests are under way at this moment."""
        with self._lock:
            return self._under_way

    @property
    def allowed(self) -> int:
        """How many requests may be under way at this moment."""
        with self._lock:
            return self._concurrency.allowed

    def enter(self, name: str, bounds: Bounds | None = None, *, asking: bool = False) -> None:
        """Wait until a request of this family may start, and count it as under way.

        One that is `asking` finds out for all others how things stand, and waits for no `hold`.

        Raises:
            FatalError: `bounds` ended the wait.
        """
        bounds = bounds or Bounds(timer=self.timer)
        with self._lock:
            try:
                while True:
                    bounds.check()
                    now = self.timer.now()
                    wait = self._wait(name, now)
                    if wait > 0.0:
                        self._blocked_until = now + wait
                        # The end of a request that this thread was woken for is another's turn.
                        self._ended.notify()
                        self._unblocked.wait(bounds.glance(wait))
                    elif not asking and self._holder not in {None, threading.get_ident()}:
                        self._ended.notify()
                        self._unblocked.wait(bounds.glance())
                    elif self._under_way >= self._concurrency.allowed:
                        self._ended.wait(bounds.glance())
                    else:
                        self._start(name, now)
                        return
            except FatalError:
                self._ended.notify()
                raise

    def wait_of(self, name: str) -> float:
        """Seconds for which GitLab lets no request of this family start; 0 for none."""
        with self._lock:
            return max(self._wait(name, self.timer.now()), 0.0)

    def hold(self) -> None:
        """Let no other thread start a request until this one calls `release`, if none does yet."""
        with self._lock:
            if self._holder is None:
                self._holder = threading.get_ident()

    def release(self) -> None:
        """End what `hold` began, if this thread did."""
        with self._lock:
            if self._holder == threading.get_ident():
                self._holder = None
                self._unblocked.notify_all()

    def leave(self, name: str, seconds: float | None) -> None:
        """Count the request as ended, with an answer after so many seconds, or (None) in trouble.

        An answer is one that GitLab gave as it wanted to; a 429, a server error and a broken
        connection are trouble.
        """
        with self._lock:
            now = self.timer.now()
            known = self._family(name)
            if seconds is None:
                self._concurrency.failed(now)
            else:
                self._concurrency.answered(name, seconds, self._under_way, now)
                known.answered(now)
            known.under_way -= 1
            self._under_way -= 1
            self._ended.notify(max(self._concurrency.allowed - self._under_way, 0))
            self._unblocked.notify_all()

    def abandon(self, name: str) -> None:
        """Count a request as ended that its caller gave up: that says nothing of GitLab."""
        with self._lock:
            self._family(name).under_way -= 1
            self._under_way -= 1
            self._ended.notify(max(self._concurrency.allowed - self._under_way, 0))
            self._unblocked.notify_all()

    def learn(self, name: str, headers: Mapping[str, str], now: float) -> None:
        """Take from an answer how many requests are left in its window.

        `now` is the time of the server in seconds since the epoch, as RateLimit-Reset is.
        """
        remaining = headers.get("RateLimit-Remaining", "").strip()
        reset = headers.get("RateLimit-Reset", "").strip()
        left = _until(reset, now)
        if left is None or not _is_number(remaining) or len(remaining) > _MOST_DIGITS:
            return
        with self._lock:
            title = self._usual = headers.get("RateLimit-Name", "")
            self._family(name).quota = title
            ends = self.timer.now() + min(left, LONGEST_WAIT)
            number = int(reset) if float(reset) >= _EARLIEST else int(now + left)
            quota = self._quotas.setdefault(title, Quota(number, int(remaining), ends))
            quota.learn(number, int(remaining), ends)

    def refused(self, name: str, headers: Mapping[str, str], now: float) -> None:
        """Block the family after a 429, or all that share its quota when that is used up."""
        self.learn(name, headers, now)
        wait = retry_after(headers, now)
        remaining = headers.get("RateLimit-Remaining", "").strip()
        with self._lock:
            self.refusals += 1
            own_limit = remaining != "0" and wait is None
            self._family(name).refused(wait, own_limit=own_limit, now=self.timer.now())

    def _family(self, name: str) -> Family:
        return self._families.setdefault(name, Family(self.family_window))

    def _wait(self, name: str, now: float) -> float:
        """Seconds until this family may be asked, were there no other request under way."""
        known = self._family(name)
        wait = known.wait(now)
        # A family that was not asked for yet is most likely counted with all the others.
        quota = self._quotas.get(known.quota if known.quota is not None else self._usual or "")
        if quota is not None:
            wait = max(wait, quota.wait(self._under_way, now, self.share, self._slots))
        if self.per_minute:
            wait = max(wait, self._next_start - now)
        return wait

    def _start(self, name: str, now: float) -> None:
        if self.per_minute:
            self._next_start = max(self._next_start, now) + _MINUTE / (self.per_minute * self.share)
        self._family(name).start(now)
        self._under_way += 1


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
