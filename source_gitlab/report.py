"""What a read did not bring, and why: nothing is lost without a word."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from source_gitlab.client.errors import GitlabError


@dataclass(frozen=True)
class Entry:
    """One thing that was not read; `where` is "group 12" or "project 7"."""

    stream: str
    where: str
    reason: str
    message: str


class Report:
    """Collects what was skipped (refused by GitLab, or gone) and what failed. Thread-safe."""

    def __init__(self) -> None:
        """Nothing to report yet."""
        self._lock = threading.Lock()
        self._skipped: dict[tuple[str, str, str], Entry] = {}
        self._failed: list[Entry] = []
        self._counts: dict[tuple[str, str, str], int] = {}

    def skip(self, stream: str, where: str, reason: str, message: str) -> bool:
        """Note something skipped; False when the same was noted before."""
        identity = (stream, where, reason)
        with self._lock:
            known = identity in self._skipped
            self._skipped.setdefault(identity, Entry(stream, where, reason, message))
            self._counts[identity] = self._counts.get(identity, 0) + 1
            return not known

    def fail(self, stream: str, where: str, error: GitlabError) -> None:
        """Note something that failed after its retries."""
        with self._lock:
            self._failed.append(Entry(stream, where, "failed", str(error)))

    @property
    def skipped(self) -> list[Entry]:
        """What was skipped, once each."""
        with self._lock:
            return list(self._skipped.values())

    @property
    def failed(self) -> list[Entry]:
        """What failed."""
        with self._lock:
            return list(self._failed)

    def to_json(self) -> dict[str, Any]:
        """The report as JSON: `skipped` (with how often) and `failed`."""
        with self._lock:
            return {
                "skipped": [
                    {**asdict(entry), "times": self._counts[identity]}
                    for identity, entry in self._skipped.items()
                ],
                "failed": [asdict(entry) for entry in self._failed],
            }

    def lines(self) -> list[str]:
        """One sentence for each kind of skip in each stream, for logs: counts, not every place."""
        groups: dict[tuple[str, str], list[Entry]] = {}
        for entry in self.skipped:
            groups.setdefault((entry.stream, entry.reason), []).append(entry)
        lines = []
        for (stream, reason), entries in groups.items():
            places = ", ".join(entry.where for entry in entries[:5])
            more = f" and {len(entries) - 5} more" if len(entries) > 5 else ""  # noqa: PLR2004
            lines.append(f"{stream}: skipped {places}{more} ({reason}). {entries[0].message}")
        return lines
