"""Lists that change while they are read, and rows that show late: none is lost.

The names of these tests stand in docs/behaviors.md beside the promises that they hold.
"""

from __future__ import annotations

import pytest

from integration_tests.gitlab.clock import MINUTE, SECOND
from integration_tests.support.history_world import (
    READER,
    START,
    WEB,
)
from integration_tests.support.small_copies import HOUR, copy, create, ids


@pytest.mark.parametrize("stream", ["issues", "merge_requests", "deployments", "pipelines"])
@pytest.mark.parametrize("count", [150, 350])
def test_one_moment_may_hold_more_rows_than_a_page(stream: str, count: int) -> None:
    it = copy()
    create(it, stream, WEB, START - HOUR * SECOND, count)
    create(it, stream, WEB, START - HOUR * SECOND + 1_700, 3)
    found = it.sync(stream)[stream]
    assert it.lacks(stream) == []
    assert len(ids(found)) == len(set(ids(found)))


def test_rows_a_microsecond_apart_lie_on_both_sides_of_a_page() -> None:
    it = copy()
    for number in range(250):
        create(it, "issues", WEB, START - HOUR * SECOND + number * 7)
    it.sync("issues")
    assert it.lacks("issues") == []


def test_rows_that_change_while_they_are_read_push_no_other_row_out() -> None:
    it = copy()
    made = create(it, "issues", WEB, START - HOUR * SECOND)
    for number in range(1, 320):
        made += create(it, "issues", WEB, START - HOUR * SECOND + number * SECOND)

    def change() -> None:
        for number in made[:40]:
            it.change("update", table="issues", id=number, set={"title": "Moved"})

    it.before("issues?", lambda: it.before("updated_after", change))
    it.sync("issues")
    assert it.lacks("issues") == []


@pytest.mark.parametrize(("workers", "size", "count"), [(1, 20, 90), (4, 2, 230)])
def test_more_rows_of_one_moment_than_gitlab_counts(workers: int, size: int, count: int) -> None:
    it = copy(size, num_workers=workers)
    it.emulator.world.settings.count_limit = 50
    create(it, "issues", WEB, START - 2 * HOUR * SECOND, count)
    create(it, "issues", WEB, START - HOUR * SECOND, 5)
    it.sync("issues")
    assert it.lacks("issues") == []


def test_rows_of_a_slow_transaction_arrive_and_no_row_arrives_twice() -> None:
    it = copy()
    create(it, "issues", WEB, START - 125 * SECOND)
    it.sync("issues")
    late = create(it, "issues", WEB, START - 8 * MINUTE)
    it.later(60)
    assert ids(it.sync("issues")["issues"]) == late
    assert it.sync("issues")["issues"] == []


def test_a_child_that_does_not_move_its_parent_arrives() -> None:
    it = copy()
    it.sync("pipeline_trigger_jobs")
    it.later(HOUR)
    parent = it.change("create_pipeline", project_id=WEB)["id"]
    it.later(20)
    it.sync("pipeline_trigger_jobs")
    it.later(20)
    made = {"name": "late", "stage": "test", "status": "created", "user_id": READER}
    columns = {**made, "pipeline_id": parent, "queued_duration": 0.5}
    it.change("create", table="bridges", project_id=WEB, row_id=9_000, set=columns)
    it.later(900)
    assert ids(it.sync("pipeline_trigger_jobs")["pipeline_trigger_jobs"]) == [9_000]
    it.later(900)
    assert it.sync("pipeline_trigger_jobs")["pipeline_trigger_jobs"] == []
