"""A state that is copied while a stream is planned."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.history_world import small_world
from integration_tests.support.inprocess import Wire, session
from source_gitlab.core.slices import Slice
from source_gitlab.core.state import StreamState
from source_gitlab.engine.checkpoints import Checkpoint
from source_gitlab.engine.jobs import Job, StreamRun
from source_gitlab.gitlab.errors import Stopped
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

THEN = "2026-01-01T00:00:00.000Z"


def test_no_state_is_copied_in_the_middle_of_planning() -> None:
    """Planning changes a state in several steps, with requests between; each alone is wrong."""
    state = StreamState()
    half_way, go_on = threading.Event(), threading.Event()

    def planning() -> Iterator[Slice]:
        state.projects[1] = THEN
        half_way.set()
        assert go_on.wait(PATIENCE)
        state.projects[2] = THEN
        yield Slice(container="project", id=3)
        state.projects[3] = THEN

    def copied() -> dict[str, object] | None:
        with run.delivered(1_000_000) as found:
            return found

    with session(Wire(small_world(Random(1), 5))) as opened, ThreadPoolExecutor(1) as pool:
        job = Job(streams()["branches"], state, planning())
        run = StreamRun(opened, job, Checkpoint())
        planned = pool.submit(run.plan)
        assert half_way.wait(PATIENCE)
        assert copied() is None
        with run.last_state() as last:
            assert last is None
        go_on.set()
        assert planned.result(PATIENCE)
        # It was due all the while.
        found = copied()
        assert found is not None
        assert StreamState.load(found).projects.keys() == {1, 2}
        assert copied() is None
        assert run.plan() is None
        with run.last_state() as last:
            assert StreamState.load(last).projects.keys() == {1, 2, 3}


def test_planning_that_is_ended_in_the_middle_leaves_no_state() -> None:
    """What it has changed by then is not what it would have changed."""
    state = StreamState()

    def planning() -> Iterator[Slice]:
        yield Slice(container="project", id=3)
        state.projects[1] = THEN
        raise Stopped

    with session(Wire(small_world(Random(1), 5))) as opened:
        run = StreamRun(opened, Job(streams()["branches"], state, planning()), Checkpoint())
        assert run.plan()
        with run.last_state() as last:
            assert last is not None
        with pytest.raises(Stopped):
            run.plan()
        with run.last_state() as last:
            assert last is None
