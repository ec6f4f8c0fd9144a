"""What a read did not bring, and why: nothing is lost without a word."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from source_gitlab import report_file
from source_gitlab.core import alike
from source_gitlab.core.extent import Extents
from source_gitlab.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from source_gitlab.core.slices import Place
    from source_gitlab.gitlab.errors import GitlabError, Skipped
    from source_gitlab.streams import Stream


@dataclass(frozen=True)
class Entry:
    """One thing that was not read; `where` is its place for people, as in "project acme/web".

    `kind` ("group" or "project"), `id` and `path` are the same for programs; each is None where it
    is not known. Where it is no single stream's, but was chosen and cannot be read, `stream` is
    empty.
    """

    stream: str
    where: str
    reason: str
    message: str
    kind: str | None = None
    id: int | None = None
    path: str | None = None

    def __post_init__(self) -> None:
        """Keep printable what may quote a path or a sentence of GitLab's."""
        object.__setattr__(self, "where", printable(self.where))
        object.__setattr__(self, "message", printable(self.message))
        object.__setattr__(self, "path", self.path and printable(self.path))


class SkipLog:
    """Collects what was skipped (refused by GitLab, or gone) and what failed. Thread-safe.

    `ended` is why the whole read ended early, if it did. `extents` follow: a place at which
    something was skipped or failed is not read whole, so its rows must stay where they are.
    `path_of` tells the path of a place as far as it is known.
    """

    def __init__(self, path_of: Callable[[Place], str | None] = lambda _: None) -> None:
        """Nothing to report yet."""
        self.path_of = path_of
        self._lock = threading.Lock()
        self._skipped: dict[tuple[str, Place, str], Entry] = {}
        self._failed: list[Entry] = []
        self._counts: dict[tuple[str, Place, str], int] = {}
        self._kinds: set[tuple[str, str, str]] = set()
        self._selection: dict[tuple[str, str], Entry] = {}
        self.ended: str | None = None
        self.extents = Extents()

    def leave_out(self, where: str, reason: str, message: str) -> bool:
        """Note something chosen that no stream can read; False when the same was noted before.

        `where` is its path, as in "group acme/web"; `reason` one of those of `Skipped`, "missing"
        (a name that does not resolve), "failed" or "archived".
        """
        with self._lock:
            known = (where, reason) in self._selection
            self._selection.setdefault((where, reason), Entry("", where, reason, message))
            return not known

    def called(self, place: Place) -> str:
        """A place for people: by its path, or by its id where the path is not known."""
        if place.id is None:
            return place.kind
        return f"{place.kind} {self.path_of(place) or f'(id {place.id})'}"

    def _entry(self, stream: str, place: Place, reason: str, message: str) -> Entry:
        where = self.called(place)
        if place.id is None:
            return Entry(stream, where, reason, message)
        path = self.path_of(place)
        return Entry(stream, where, reason, message, place.kind, place.id, path)

    def skip(self, stream: str, place: Place, reason: str, message: str) -> bool:
        """Note something skipped; False when something like it was noted before.

        A thousand projects that are refused alike are one line while a read is under way, and are
        counted at its end.
        """
        identity = (stream, place, reason)
        self.extents.missed(stream, place)
        entry = self._entry(stream, place, reason, message)
        kind = (stream, reason, alike.form(entry))
        with self._lock:
            known = kind in self._kinds
            self._kinds.add(kind)
            self._skipped.setdefault(identity, entry)
            self._counts[identity] = self._counts.get(identity, 0) + 1
            return not known

    def refused(self, stream: Stream, place: Place, error: Skipped) -> bool:
        """Note that GitLab refused a list, with what the stream needs; the answer of `skip`."""
        reason, needs = error.reason, _needs(stream)
        if reason != "scope" and stream.tier != "free":
            reason = "tier"
        message = str(error) if reason == "scope" or not needs else f"{error} {needs}"
        return self.skip(stream.name, place, reason, message)

    def fail(self, stream: str, place: Place, error: GitlabError) -> None:
        """Note something that failed after its retries."""
        self.extents.missed(stream, place)
        entry = self._entry(stream, place, "failed", str(error))
        with self._lock:
            self._failed.append(entry)

    def stop(self, error: GitlabError) -> None:
        """Note why nothing more is read; the first reason counts."""
        with self._lock:
            self.ended = self.ended or str(error)

    @property
    def selection(self) -> list[Entry]:
        """What was chosen and could not be read by any stream, once each."""
        with self._lock:
            return list(self._selection.values())

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
        """The report as JSON: `ended`, `selection`, `skipped` (with how often) and `failed`."""
        with self._lock:
            return {
                "ended": self.ended,
                "selection": [
                    {"where": entry.where, "reason": entry.reason, "message": entry.message}
                    for entry in self._selection.values()
                ],
                "skipped": [
                    {**asdict(entry), "times": self._counts[identity]}
                    for identity, entry in self._skipped.items()
                ],
                "failed": [asdict(entry) for entry in self._failed],
            }

    def write(self, path: Path) -> None:
        """Write the report as JSON, whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        report_file.write(path, self.to_json())

    def lines(self) -> list[str]:
        """One line for each kind of skip and failure in each stream, for logs."""
        kinds: dict[tuple[str, str], list[Entry]] = {}
        for entry in [*self.skipped, *self.failed]:
            kinds.setdefault((entry.stream, entry.reason), []).append(entry)
        return [
            f"{stream}: {'failed at' if reason == 'failed' else f'skipped ({reason})'}"
            f" {alike.places_of(entries)}. {alike.shown(entries[0])}"
            for (stream, reason), entries in kinds.items()
        ]


def _needs(stream: Stream) -> str:
    """What GitLab asks of those who read a stream, when it is more than Free and Guest."""
    needs = []
    if stream.tier != "free":
        needs.append(f"GitLab {stream.tier.capitalize()}")
    if stream.role != "guest":
        needs.append(f"at least the role {stream.role.capitalize()} in the project or group")
    return f"Reading {stream.name} takes {' and '.join(needs)}." if needs else ""
