"""Histories that are read through the Flow capture, into a runtime that keeps what it commits."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING

from integration_tests.gitlab.clock import stamp
from integration_tests.support.flow_capture import Process, collection_of
from integration_tests.support.flow_runtime import Runtime
from source_gitlab.core.selection import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from integration_tests.support.histories import Run
    from integration_tests.support.history_model import Sync
    from source_gitlab.core.session import Session


class FlowHistories:
    """Makes what reads in each sync of a history: a process of its own, of one capture."""

    def __init__(self) -> None:
        """No history has begun."""
        self._run: Run | None = None
        self._runtime = Runtime([])

    def __call__(self, run: Run, sync: Sync) -> FlowReading:
        """What reads in this sync of a history."""
        if run is not self._run:
            self._run = run
            self._runtime = Runtime([collection_of(name) for name in run.history.streams])
        return FlowReading(run, sync, self._runtime)


class FlowReading:
    """One capture of a history: it is killed when so many messages have come."""

    raw_rows = False

    def __init__(self, run: Run, sync: Sync, runtime: Runtime) -> None:
        self._of = run
        self._runtime = runtime
        self._now = stamp(run.emulator.world.clock.now())
        self._kill = sync.kill
        self._commits = partial(Random(sync.choices).choice, [True, True, False])

    def read(self, opened: Session, names: Sequence[str]) -> None:
        """Read these streams.

        Raises:
            KilledError: the capture's time has come.
            FatalError: what was named is not there, so nothing can be read.
        """
        runtime, figures = self._runtime, self._of.figures
        runtime.commits = self._commits
        try:
            Process(runtime, self._now, kill=self._kill).read(opened, names)
        except NotFound:
            figures["failed syncs"] += 1
        finally:
            figures["states written"] = runtime.kept
            figures["deletions"] = runtime.deletions
            for name, table in runtime.tables().items():
                self._of.tables[name] = table
