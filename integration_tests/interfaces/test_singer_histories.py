"""No row is lost through the Singer face either, in histories at random; see histories.py."""

from __future__ import annotations

import threading
from contextlib import closing
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from integration_tests.support.history_draw import Figures, live_through
from integration_tests.support.history_reading import KilledError
from source_gitlab.engine.beginning import begin
from source_gitlab.engine.checkpoints import Checkpoint
from source_gitlab.gitlab.errors import FatalError, GitlabError
from source_gitlab.interfaces.singer.catalog import FULL_TABLE, INCREMENTAL, catalog, choices
from source_gitlab.interfaces.singer.state import States
from source_gitlab.interfaces.singer.tap import Tap
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Sequence

    from integration_tests.support.histories import Run
    from integration_tests.support.history_model import Sync
    from source_gitlab.core.session import Session
    from source_gitlab.interfaces.singer.catalog import Choice

HISTORIES = 40
_STATE = "singer"


class SingerReading:
    """One sync through the tap: a target that keeps records, and the last state."""

    raw_rows = False

    def __init__(self, run: Run, sync: Sync) -> None:
        """Read for a destination that may lose what no state covers."""
        self._run = run
        self._sync = sync
        # Kept for the whole history: whether lists without a time are read as a whole.
        self._has_full = Random(run.history.seed).random() < 0.5
        self._waiting: list[dict[str, Any]] = []

    def read(self, opened: Session, names: Sequence[str]) -> None:
        """Read these streams.

        Raises:
            KilledError: the sync's time has come.
            FatalError: nothing can be read.
        """
        try:
            begin(opened, threading.Event())
        except FatalError:
            raise
        except GitlabError:
            self._run.figures["failed streams"] += len(names)
            return
        states = States(self._run.states.get(_STATE))
        # A state after each page, so that a kill comes behind many of them.
        every = partial(Checkpoint, 1, 0.0)
        tap = Tap(opened, self._chosen(names), states, every=every)
        try:
            self._take(tap)
        except FatalError:
            self._write()
            raise
        self._run.figures["failed streams"] += len(tap.errors)
        self._write()

    def _chosen(self, names: Sequence[str]) -> list[Choice]:
        found = catalog()
        for entry in found["streams"]:
            name = entry["tap_stream_id"]
            method = FULL_TABLE if self._has_full and streams()[name].snapshot else INCREMENTAL
            entry["metadata"][0]["metadata"] |= {
                "selected": name in names,
                "replication-method": method,
            }
        return choices(found)

    def _take(self, tap: Tap) -> None:
        pages = 0
        with closing(tap.lines()) as chunks:
            for chunk in chunks:
                for line in chunk.splitlines():
                    self._message(orjson.loads(line))
                pages += 1
                if pages == self._sync.kill:
                    if not self._sync.lossy:
                        self._write()
                    raise KilledError

    def _message(self, message: dict[str, Any]) -> None:
        if message["type"] == "RECORD":
            self._waiting.append(message)
        elif message["type"] == "STATE":
            self._write()
            self._run.states[_STATE] = message["value"]
            self._run.figures["states written"] += 1

    def _write(self) -> None:
        for message in self._waiting:
            row, name = message["record"], message["stream"]
            key = tuple(row[column] for column in streams()[name].key)
            self._run.tables[name][key] = row
        self._waiting.clear()


@pytest.mark.timeout(2400)
def test_no_row_is_lost_in_any_history() -> None:
    """Forty histories, the same ones every time but for what threads do."""
    figures = Figures()
    live_through(HISTORIES, 20_261_126, figures, face=SingerReading)
    counts = figures.counts
    assert counts["histories"] >= HISTORIES
    assert counts["rows lost"] == 0
    assert counts["kills"] > HISTORIES / 4, figures
    assert counts["faults"] > HISTORIES / 4, figures
    assert counts["states written"] > 5 * HISTORIES, figures
    assert counts["rows compared"] > 10 * HISTORIES, figures
