"""What GitLab allows: quotas that it announces in headers, and limits that it only enforces.

Times are seconds of one monotonic clock. Nothing here is thread-safe.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

# GitLab's longest window is ten minutes (users, projects), so a block may last that long.
LONGEST_WAIT = 600.0
_FIRST_WAIT = 5.0
# Both clocks tell whole seconds, so a window may end that much later than it seems. One process
# finds that out with a request; of several, each would.
_LATER = 1.0
# The count is wrong when somebody else uses up the limit; it must not hold us back for long.
_LEAST_GROWTH = 50.0


@dataclass
class Quota:
    """One announced window: how many requests are left in it, and when it ends.

    `number` is RateLimit-Reset as GitLab wrote it, which tells windows apart. `most` is the largest
    number that was ever left.
    """

    number: int
    remaining: int
    ends: float
    most: int = 0

    def learn(self, number: int, remaining: int, ends: float) -> None:
        """Take in an answer; answers may come in another order than they were counted in."""
        self.most = max(self.most, remaining)
        if number == self.number:
            self.remaining = min(self.remaining, remaining)
            self.ends = ends
        elif number > self.number:
            self.number, self.remaining, self.ends = number, remaining, ends

    def wait(
        self, under_way: int, now: float, share: float = 1.0, others: int | None = None
    ) -> float:
        """Seconds until one more request may start beside those that are `under_way`.

        Each of these may not be counted in `remaining` yet. What other processes have under way is
        not known, so of what remains only a `share` is taken. They may start as many as `others` at
        once, each before its next answer tells that little is left: so many stay for all of them.
        """
        reserve = min(others, self.most // 2) if others else 0
        is_used_up = self.remaining < reserve or int(self.remaining * share) <= under_way
        if not is_used_up:
            return 0.0
        return self.ends + (_LATER if others else 0.0) - now


@dataclass
class Family:
    """One family of endpoints, and the limit of its own that it may have.

    Such a limit answers 429 while the announced quota has plenty left, and tells no numbers. How
    much it allows is counted: the good answers before a refusal that a short wait did not end.
    From then on, so many are sent in each `span` seconds, and more in the next when that went
    well.
    """

    span: float
    quota: str | None = None
    under_way: int = 0
    refusals: int = 0
    vain: int = 0
    blocked_until: float = 0.0
    allowance: float | None = None
    opened: float | None = None
    started: int = 0
    good: int = 0
    refused_since: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until a request may start."""
        wait = self.blocked_until - now
        if self.refusals and self.under_way:
            # After a refusal, one request alone finds out whether the limit is over.
            wait = max(wait, 0.05)
        if self._is_used_up() and self.opened is not None:
            wait = max(wait, self.opened + self.span - now)
        return wait

    def start(self, now: float) -> None:
        """Count a request that starts."""
        if self.opened is None or (not self.refusals and now >= self.opened + self.span):
            if self.allowance is not None and self._is_used_up():
                self.allowance += max(self.allowance / 4.0, _LEAST_GROWTH)
            self.opened, self.started, self.good = now, 0, 0
        self.started += 1
        self.under_way += 1

    def answered(self, now: float) -> None:
        """Count an answer that is no refusal."""
        if self.refusals and now >= self.blocked_until:
            self.refusals = self.vain = 0
            self.opened, self.started, self.good = now, 1, 0
        self.good += 1

    def refused(self, wait: float | None, *, own_limit: bool, now: float) -> None:
        """Take in a 429 that asks for a `wait`, or for none; `own_limit` tells who refused."""
        if wait is None:
            if now < self.blocked_until:
                return  # one of several that were under way together
            wait = min(_FIRST_WAIT * 2.0**self.refusals, self.span)
        elif self.refusals and now >= self.blocked_until:
            # What was asked for was waited for, and did not do.
            self.vain += 1
            wait = max(wait, min(2.0**self.vain, self.span))
        if self.refusals == 0:
            self.refused_since = now
        elif own_limit:
            self._learn(now)
        self.refusals += 1
        jitter = random.uniform(0.0, 0.5)  # noqa: S311 -- spreads workers, guards no secret
        self.blocked_until = max(self.blocked_until, now + wait + jitter)

    def _is_used_up(self) -> bool:
        return self.allowance is not None and self.started >= int(self.allowance)

    def _learn(self, now: float) -> None:
        if self.good:
            self.allowance = float(self.good)
        if now - self.refused_since > self.span:
            # Some of GitLab's limits are for ten minutes instead of one.
            self.span = min(2.0 * self.span, LONGEST_WAIT)
