"""The proof that no row is lost on its way through dlt: histories at random, see histories.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration_tests.support.dlt_tables import Key, in_duckdb
from integration_tests.support.history_draw import Figures, live_through
from integration_tests.support.history_reading import KilledError
from source_gitlab.gitlab.errors import FatalError
from source_gitlab.interfaces.dlt.destinations import target
from source_gitlab.interfaces.dlt.loader import Loader
from source_gitlab.interfaces.dlt.sync import sync_of, tables_of
from source_gitlab.streams import streams
from source_gitlab.timestamps import instant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from integration_tests.support.histories import Run
    from integration_tests.support.history_model import Sync
    from source_gitlab.core.session import Session
    from source_gitlab.core.slices import Owner, Row

HISTORIES, START = 3, 7


Texts = dict[tuple[str, str, str], str]
"""How GitLab writes an instant in a column of a stream, by its one form that compares as text."""


class _Killed(Loader):
    """A loader that is killed after so many pages: what was not loaded by then is lost."""

    left = 0
    texts: Texts

    def write(self, stream: str, rows: list[Row], owner: Owner | None = None) -> None:
        """Take a page, or die."""
        for name in _times(stream):
            for row in rows:
                if row.get(name) is not None:
                    self.texts[stream, name, instant(row[name])] = row[name]
        super().write(stream, rows, owner)
        self.left -= 1
        if not self.left:
            raise KilledError


def _times(stream: str) -> list[str]:
    return [name for name, one in streams()[stream].columns.items() if one.kind == "time"]


class _Quiet:
    """A progress that shows nothing."""

    def show(self, *_: object) -> None:
        """Show nothing."""

    def note(self, message: str) -> None:
        """Show nothing: what is odd here is odd in every history."""

    def close(self) -> None:
        """Nothing to close."""


class _Loading:
    """One sync of a history, through dlt, into the DuckDB file `path`."""

    raw_rows = False

    def __init__(self, run: Run, sync: Sync, path: Path, texts: Texts) -> None:
        self._run = run
        self._sync = sync
        self._path = path
        self._texts = texts

    def read(self, opened: Session, names: Sequence[str]) -> None:
        """Load these streams, and look at what the destination holds."""
        wanted = {name: streams()[name] for name in names}
        place = target(f"duckdb://{self._path}")
        assert place is not None
        quiet, tables = _Quiet(), tables_of(wanted)
        try:
            with _Killed(
                place, tables, instance=opened.config.base_url, former=None, warn=quiet.note
            ) as store:
                store.texts = self._texts
                # A sync here has few pages.
                store.left = 1 + self._sync.kill % 3 if self._sync.kill else 0
                rows = 1 + self._sync.choices % 400
                outcome = sync_of(opened, store, wanted, quiet, rows=rows).run()
                self._run.figures["failed streams"] += len(outcome.incomplete)
                if outcome.fatal:
                    raise FatalError(outcome.fatal)
        finally:
            for name in names:
                held = in_duckdb(self._path, name) if self._path.exists() else {}
                self._run.tables[name] = self._as_written(name, held)

    def _as_written(self, stream: str, held: dict[Key, Row]) -> dict[Key, Row]:
        """Rows by key, with instants as GitLab wrote them, which a destination does not keep."""
        found: dict[Key, Row] = {}
        for row in held.values():
            for name in _times(stream):
                if row.get(name) is not None:
                    row[name] = self._texts[stream, name, row[name]]
            found[tuple(row[name] for name in streams()[stream].key)] = row
        return found


class _Faces:
    """Makes what reads in a sync; each history has a file of its own in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._run: Run | None = None
        self._count = 0
        self._texts: Texts = {}

    def __call__(self, run: Run, sync: Sync) -> _Loading:
        """What reads in one sync of a history."""
        if run is not self._run:
            self._run = run
            self._count += 1
        return _Loading(run, sync, self._folder / f"through{self._count}.duckdb", self._texts)


@pytest.mark.timeout(2400)
def test_no_row_is_lost_through_dlt_in_any_history(tmp_path: Path) -> None:
    """Histories, the same ones every time, of a destination that is killed and resumed."""
    figures = Figures()
    live_through(HISTORIES, START, figures, face=_Faces(tmp_path))
    counts = figures.counts
    assert counts["histories"] >= HISTORIES
    assert counts["rows lost"] == 0
    # A history in which nothing happens proves nothing.
    assert counts["kills"] > 0, figures
    assert counts["changes"] > 2 * HISTORIES, figures
    assert counts["rows compared"] > 10 * HISTORIES, figures
