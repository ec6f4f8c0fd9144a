"""The proof that `sync` loses no row in its DuckDB file: histories at random, see histories.py."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from integration_tests.support.dlt_tables import in_duckdb
from integration_tests.support.history_draw import Figures, live_through
from integration_tests.support.history_sync import Quiet, Syncing, Syncs
from source_gitlab.interfaces.duckdb.daily_look import DailyLook
from source_gitlab.interfaces.duckdb.store import Store
from source_gitlab.interfaces.duckdb_types import table_of
from source_gitlab.interfaces.syncing import Sync

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from source_gitlab.core.session import Session
    from source_gitlab.core.slices import Owner, Row
    from source_gitlab.interfaces.sync_result import Outcome
    from source_gitlab.streams import Stream
    from source_gitlab.tables.fitting import Fit

HISTORIES, START = 12, 3


class _Killed(Store):
    """A store that is killed after so many pages: what was not committed by then is lost."""

    syncing: Syncing

    def shaped(self, stream: str, rows: list[Row], *, is_replaced: bool = False) -> Fit:
        """Look at a page."""
        self.syncing.note(stream, rows)
        return super().shaped(stream, rows, is_replaced=is_replaced)

    def write(self, stream: str, rows: list[Row] | Fit, owner: Owner | None = None) -> None:
        """Take a page, or die."""
        super().write(stream, rows, owner)
        self.syncing.wrote()


def _synced(syncing: Syncing, opened: Session, wanted: Mapping[str, Stream]) -> Outcome:
    tables = {name: table_of(stream) for name, stream in wanted.items()}
    quiet, instance = Quiet(), opened.config.base_url
    with _Killed(syncing.path, tables, instance=instance, warn=quiet.note) as store:
        store.syncing = syncing
        look = DailyLook(opened, store, quiet, threading.Event())
        rows = 1 + syncing.sync.choices % 400
        reads = wanted.values()
        return Sync(opened, store, reads, progress=quiet, commit_rows=rows, behind=look).run()


@pytest.mark.timeout(2400)
def test_no_row_is_lost_in_a_file_in_any_history(tmp_path: Path) -> None:
    """Histories, the same ones every time, of a file whose sync is killed and resumed."""
    figures = Figures()
    tables = partial(in_duckdb, dataset="main")
    live_through(HISTORIES, START, figures, face=Syncs(tmp_path, _synced, tables))
    counts = figures.counts
    assert counts["histories"] >= HISTORIES
    assert counts["rows lost"] == 0
    # A history in which nothing happens proves nothing.
    assert counts["kills"] > 0, figures
    assert counts["changes"] > 2 * HISTORIES, figures
    assert counts["rows compared"] > 10 * HISTORIES, figures
