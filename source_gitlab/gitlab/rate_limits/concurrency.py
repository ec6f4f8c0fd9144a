"""How many requests at once: few at first, more while that pays, fewer at the first trouble.

By Little's law, throughput is the number of requests under way divided by their latency. So more
at once pays as long as latency stays what it was, and once latency has grown as much as the number
did, the server only queues.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

_START = 8
# Latency that has grown by less than this pays; beyond the second pair, the server is overloaded.
# The seconds keep noise among quick answers from counting as growth.
_PAYS = (1.5, 0.05)
_OVERLOADED = (3.0, 0.25)
_NEWEST_COUNTS = 0.3
# The best latency is forgotten slowly, because lists may really be slower further down.
_FORGETS = 0.0002
_LEAST_PAUSE = 0.5


@dataclass
class _Latency:
    """Seconds that a family's answers take: of late, and at best."""

    recent: float = 0.0
    best: float = 0.0

    def add(self, seconds: float) -> None:
        if not self.best:
            self.recent = self.best = seconds
        self.recent += _NEWEST_COUNTS * (seconds - self.recent)
        self.best = min(self.best + _FORGETS * (self.recent - self.best), seconds)

    def above(self, bound: tuple[float, float]) -> bool:
        factor, seconds = bound
        return self.recent > self.best * factor + seconds


class Concurrency:
    """The number of requests that may be under way, from 1 to `most`. Not thread-safe.

    Times are seconds of one monotonic clock.
    """

    def __init__(self, most: int) -> None:
        """Start low."""
        self._most = float(most)
        self._allowed = float(min(_START, most))
        self._ramp = True
        self._latencies: dict[str, _Latency] = defaultdict(_Latency)
        self._pause_ends = self._next_growth = 0.0

    @property
    def allowed(self) -> int:
        """How many requests may be under way now."""
        return int(self._allowed)

    def answered(self, family: str, seconds: float, under_way: int, now: float) -> None:
        """Count a good answer that came while `under_way` requests were, itself included."""
        latency = self._latencies[family]
        latency.add(seconds)
        if latency.above(_OVERLOADED):
            self._shrink(0.8, latency.recent, now)
        elif under_way >= self.allowed and not latency.above(_PAYS):
            # Doubles with every round trip, as TCP's slow start does, until the first trouble.
            if not self._ramp:
                if now < self._next_growth:
                    return
                self._next_growth = now + max(latency.recent, _LEAST_PAUSE)
            self._allowed = min(self._allowed + 1.0, self._most)

    def failed(self, now: float) -> None:
        """Count a refusal for going too fast, a server error or a time-out."""
        self._shrink(0.5, _LEAST_PAUSE, now)

    def _shrink(self, factor: float, latency: float, now: float) -> None:
        self._ramp = False
        # What is under way was sent before we slowed down, so its troubles count only once.
        if now >= self._pause_ends:
            self._pause_ends = now + max(latency, _LEAST_PAUSE)
            self._next_growth = self._pause_ends
            self._allowed = max(1.0, self._allowed * factor)
