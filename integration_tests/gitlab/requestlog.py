"""What was asked: counts by endpoint and status, and the last requests in full."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

KEPT = 20_000


@dataclass
class Entry:
    """One request and how it ended; ``status`` is 0 when no answer was sent."""

    number: int
    at: int
    method: str
    template: str
    path: str
    query: str
    user: int | None
    user_agent: str
    status: int = 0
    fault: str | None = None
    bytes: int = 0
    milliseconds: float = 0.0


class RequestLog:
    """The log of one instance; memory is bounded, counts are not cut."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, int]] = Counter()
        self.recent: deque[Entry] = deque(maxlen=KEPT)
        self.total = 0
        self.in_flight = 0
        self.most_in_flight = 0

    def reset(self) -> None:
        """Forget everything."""
        self.counts.clear()
        self.recent.clear()
        self.total = 0
        self.most_in_flight = self.in_flight

    def begin(self, entry: Entry) -> None:
        """A request has arrived."""
        self.total += 1
        entry.number = self.total
        self.recent.append(entry)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def end(self, entry: Entry) -> None:
        """Its answer has been sent, or will never be."""
        self.in_flight -= 1
        self.counts[f"{entry.method} {entry.template}", entry.status] += 1

    def report(self, limit: int = KEPT) -> dict[str, Any]:
        """Counts by endpoint and status, and the last ``limit`` requests, oldest first."""
        counts: dict[str, dict[str, int]] = {}
        for (endpoint, status), number in sorted(self.counts.items()):
            counts.setdefault(endpoint, {})[str(status)] = number
        return {
            "total": self.total,
            "most_in_flight": self.most_in_flight,
            "counts": counts,
            "recent": [asdict(entry) for entry in list(self.recent)[-limit:]],
        }
