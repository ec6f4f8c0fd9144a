"""Histories of `sync`: a store that is killed, and what its tables hold in GitLab's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integration_tests.support.history_reading import KilledError
from source_gitlab.gitlab.errors import FatalError
from source_gitlab.streams import streams
from source_gitlab.timestamps import instant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from integration_tests.support.dlt_tables import Key
    from integration_tests.support.histories import Run
    from integration_tests.support.history_model import Sync
    from source_gitlab.core.session import Session
    from source_gitlab.core.slices import Row
    from source_gitlab.interfaces.sync_result import Outcome
    from source_gitlab.streams import Stream

    Opened = Callable[["Syncing", Session, Mapping[str, Stream]], Outcome]
    Tables = Callable[[Path, str], dict[Key, Row]]


class Quiet:
    """A progress that shows nothing."""

    def show(self, *_: object) -> None:
        """Show nothing."""

    def note(self, message: str) -> None:
        """Show nothing: what is odd here is odd in every history."""

    def close(self) -> None:
        """Nothing to close."""


class Syncing:
    """One sync of a history into the file `path`.

    `synced` opens a store and syncs into it; `tables` tells what a stream's table holds. The store
    calls `note` before each page, and `wrote` behind it. `texts` is how GitLab writes an instant in
    a column of a stream, by its one form that compares as text.
    """

    raw_rows = False

    def __init__(  # noqa: PLR0913, PLR0917 -- a sync, and what one face does in it
        self,
        run: Run,
        sync: Sync,
        path: Path,
        texts: dict[tuple[str, str, str], str],
        synced: Opened,
        tables: Tables,
    ) -> None:
        self._run = run
        self._texts = texts
        self._synced = synced
        self._tables = tables
        self.sync = sync
        self.path = path
        # A sync here has few pages.
        self._left = 1 + sync.kill % 3 if sync.kill else 0

    def note(self, stream: str, rows: list[Row]) -> None:
        """Note how GitLab writes the instants of a page."""
        for name in _times(stream):
            for row in rows:
                if row.get(name) is not None:
                    self._texts[stream, name, instant(row[name])] = row[name]

    def wrote(self) -> None:
        """Die, when enough pages are written: what is not committed by then is lost."""
        self._left -= 1
        if not self._left:
            raise KilledError

    def read(self, opened: Session, names: Sequence[str]) -> None:
        """Bring these streams up to date, and look at what the tables hold."""
        wanted = {name: streams()[name] for name in names}
        before = {name: self._run.tables[name] for name in names if streams()[name].snapshot}
        try:
            outcome = self._synced(self, opened, wanted)
            self._run.figures["failed streams"] += len(outcome.incomplete)
            if outcome.fatal:
                raise FatalError(outcome.fatal)
        finally:
            for name in names:
                held = self._tables(self.path, name) if self.path.exists() else {}
                self._run.tables[name] = self._as_written(name, held)
        if not self.sync.other_scope:
            self._none_left_too_early(before)

    def _none_left_too_early(self, before: Mapping[str, dict[Key, Row]]) -> None:
        """Look that rows which left a table are rows that GitLab has no more."""
        left = {name: held.keys() - self._run.tables[name].keys() for name, held in before.items()}
        names = [name for name, keys in left.items() if keys]
        self._run.figures["rows that left"] += sum(map(len, left.values()))
        for name, entries in self._run.expected(names).items() if names else ():
            key = streams()[name].key
            rows = ({**one["row"], **one["parent"]} for one in entries)
            wrong = left[name] & {tuple(row[column] for column in key) for row in rows}
            assert not wrong, f"{name} lost {wrong}, which GitLab has"

    def _as_written(self, stream: str, held: dict[Key, Row]) -> dict[Key, Row]:
        """Rows by key, with instants as GitLab wrote them, which a table does not keep."""
        found: dict[Key, Row] = {}
        for row in held.values():
            for name in _times(stream):
                if row.get(name) is not None:
                    row[name] = self._texts[stream, name, row[name]]
            found[tuple(row[name] for name in streams()[stream].key)] = row
        return found


class Syncs:
    """Makes what reads in a sync; each history has a file of its own in `folder`."""

    def __init__(self, folder: Path, synced: Opened, tables: Tables) -> None:
        self._folder = folder
        self._synced = synced
        self._tables = tables
        self._run: Run | None = None
        self._count = 0
        self._texts: dict[tuple[str, str, str], Any] = {}

    def __call__(self, run: Run, sync: Sync) -> Syncing:
        """What reads in one sync of a history."""
        if run is not self._run:
            self._run = run
            self._count += 1
        path = self._folder / f"through{self._count}.duckdb"
        return Syncing(run, sync, path, self._texts, self._synced, self._tables)


def _times(stream: str) -> list[str]:
    return [name for name, one in streams()[stream].columns.items() if one.kind == "time"]
