"""The proof that no row is lost on its way through dlt: histories at random, see histories.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration_tests.support.dlt_tables import in_duckdb
from integration_tests.support.history_draw import Figures, live_through
from integration_tests.support.history_sync import Quiet, Syncing, Syncs
from source_gitlab.interfaces.dlt.destinations import target
from source_gitlab.interfaces.dlt.loader import Loader
from source_gitlab.interfaces.dlt.sync import sync_of, tables_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from source_gitlab.core.session import Session
    from source_gitlab.core.slices import Owner, Row
    from source_gitlab.interfaces.sync_result import Outcome
    from source_gitlab.streams import Stream

HISTORIES, START = 3, 7


class _Killed(Loader):
    """A loader that is killed after so many pages: what was not loaded by then is lost."""

    syncing: Syncing

    def write(self, stream: str, rows: list[Row], owner: Owner | None = None) -> None:
        """Take a page, or die."""
        self.syncing.note(stream, rows)
        super().write(stream, rows, owner)
        self.syncing.wrote()


def _synced(syncing: Syncing, opened: Session, wanted: Mapping[str, Stream]) -> Outcome:
    place = target(f"duckdb://{syncing.path}")
    assert place is not None
    quiet, tables = Quiet(), tables_of(wanted)
    instance = opened.config.base_url
    with _Killed(place, tables, instance=instance, former=None, warn=quiet.note) as store:
        store.syncing = syncing
        rows = 1 + syncing.sync.choices % 400
        return sync_of(opened, store, wanted, quiet, rows=rows).run()


@pytest.mark.timeout(2400)
def test_no_row_is_lost_through_dlt_in_any_history(tmp_path: Path) -> None:
    """Histories, the same ones every time, of a destination that is killed and resumed."""
    figures = Figures()
    live_through(HISTORIES, START, figures, face=Syncs(tmp_path, _synced, in_duckdb))
    counts = figures.counts
    assert counts["histories"] >= HISTORIES
    assert counts["rows lost"] == 0
    # A history in which nothing happens proves nothing.
    assert counts["kills"] > 0, figures
    assert counts["changes"] > 2 * HISTORIES, figures
    assert counts["rows compared"] > 10 * HISTORIES, figures
