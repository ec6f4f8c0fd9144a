"""Jobs: which reads ask for a project's list of them, and that none is lost by not asking.

The names of these tests stand in docs/behaviors.md beside the promises that they hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.clock import DAY, MINUTE, moment
from integration_tests.support.history_world import WEB
from integration_tests.support.small_copies import HOUR, copy

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration_tests.support.copying import Copy

    Make = Callable[[Copy], object]


def asked_for_jobs(it: Copy) -> bool:
    """Whether the last sync asked for the project's list of jobs."""
    return any(address.startswith(f"projects/{WEB}/jobs?") for address in it.asked)


def overdue(it: Copy) -> list[str]:
    """What the copy lacks of the jobs that were made before today, in UTC."""
    today = it.emulator.world.clock.now() // DAY * DAY
    old = tuple(f"jobs ({row.id},)" for row in it.emulator.world.jobs if row.created < today)
    return [text for text in it.lacks("jobs") if text.startswith(old)]


def run(it: Copy, **more: object) -> list[int]:
    """Run a pipeline; its jobs."""
    jobs: list[int] = it.change("create_pipeline", project_id=WEB, jobs=3, **more)["jobs"]
    return jobs


@pytest.fixture(params=["without a source", "a child in an old GitLab", "stuck"])
def untold(request: pytest.FixtureRequest) -> Make:
    """Makes a job that no pipeline tells of: it is in the list of jobs only."""

    def make(it: Copy) -> object:
        if request.param == "stuck":
            job = it.emulator.world.jobs.of_project(WEB)[0]
            return it.change("retry_job", id=job.id, moves=False)
        it.emulator.world.settings.child_pipeline_source = False
        return run(it, source="unknown" if "source" in request.param else "parent_pipeline")

    return make


@pytest.mark.parametrize("kind", ["usual", "child"])
def test_where_no_pipeline_moved_jobs_are_not_asked_for(kind: str) -> None:
    it = copy()
    it.later(HOUR)
    it.sync("jobs")
    parent = it.emulator.world.pipelines.of_project(WEB)[0].id
    for _ in range(2):
        it.later(HOUR)
        it.sync("jobs")
        assert not asked_for_jobs(it)
    if kind == "child":
        # Alone, because its trigger job would move the parent.
        run(it, source="parent_pipeline")
    else:
        run(it)
    it.later(HOUR)
    it.sync("jobs")
    assert asked_for_jobs(it)
    assert it.lacks("jobs") == []
    it.later(HOUR)
    run(it, parent_id=parent)
    it.sync("jobs")
    assert it.lacks("jobs") == []


def test_a_job_retried_while_its_pipeline_keeps_running_arrives_when_that_ends() -> None:
    it = copy()
    running = it.change("create_pipeline", project_id=WEB, jobs=2)
    it.later(HOUR)
    it.sync("jobs")
    it.later(HOUR)
    retried = it.change("retry_job", id=running["jobs"][0], moves=False)["id"]
    for _ in range(3):
        it.later(HOUR)
        it.sync("jobs")
        assert not asked_for_jobs(it)
    it.change("finish_job", id=retried)
    it.sync("jobs")
    assert it.lacks("jobs") == []


def test_jobs_that_no_pipeline_tells_of_are_not_looked_for_within_the_day(untold: Make) -> None:
    it = copy()
    it.later(HOUR)
    it.sync("jobs")
    untold(it)
    it.later(HOUR)
    it.sync("jobs")
    assert not asked_for_jobs(it)
    assert it.lacks("jobs")


@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize(
    "hours",
    [(1, 2, 5, 3, 1.1), (0.1, 0.1, 12, 0.1), (11.99, 0.02, 11, 13), (30, 1, 22), (80, 80)],
)
def test_jobs_that_no_pipeline_tells_of_arrive_with_the_first_read_of_the_next_day(
    untold: Make, hours: tuple[float, ...], *, busy: bool
) -> None:
    """Whenever the reads come, from noon on, and whether or not other pipelines move."""
    it = copy()
    it.sync("jobs")
    for pause in (*hours, 24):
        untold(it)
        it.later(pause * HOUR)
        if busy:
            run(it)
        it.sync("jobs")
        assert overdue(it) == []
    assert it.lacks("jobs") == []


@pytest.mark.parametrize("pause", [0.05, 0.2, 30])
@pytest.mark.parametrize("at", [23.9, 24.1])
def test_reads_that_are_killed_around_midnight_lose_no_job(
    untold: Make, at: float, pause: float
) -> None:
    """The first one at that hour, and the others after so many hours each."""
    for pages in range(1, 14, 3):
        it = copy(2)
        it.sync("jobs")
        it.later(9 * HOUR)
        untold(it)
        it.later(0.5 * HOUR)
        it.sync("jobs")
        it.later((at - 21.5) * HOUR)
        untold(it)
        run(it)
        it.killed("jobs", pages)
        untold(it)
        it.later(pause * HOUR)
        it.killed("jobs", 2)
        untold(it)
        it.later(pause * HOUR)
        it.sync("jobs")
        assert overdue(it) == [], pages
        it.later(24 * HOUR)
        it.sync("jobs")
        assert it.lacks("jobs") == [], pages


def test_a_job_of_a_slow_transaction_at_midnight_arrives() -> None:
    it = copy()
    it.later(12 * HOUR + 2 * 60)
    it.sync("jobs")
    for number in run(it, source="unknown"):
        row = it.emulator.world.jobs[number]
        row.created -= 5 * MINUTE
        it.emulator.world.jobs.changed(row)
    it.later(HOUR)
    it.sync("jobs")
    it.later(24 * HOUR)
    it.sync("jobs")
    assert it.lacks("jobs") == []


def test_the_first_read_of_a_day_asks_for_no_job_from_before_start_date() -> None:
    it = copy(start_date="2026-03-01T14:00:00Z")
    it.later(HOUR)
    old = set(run(it, source="unknown"))
    it.later(2 * HOUR)
    it.sync("jobs")
    new = set(run(it, source="unknown"))
    it.later(24 * HOUR)
    it.sync("jobs")
    held = {number for (number,) in it.tables["jobs"]}
    assert not old & held
    assert new <= held


# Jobs whose ids are not in the order in which they were created


def imported(it: Copy, days: float, jobs: int) -> list[int]:
    """Jobs that come now and say that they, and their pipeline, are so many days old."""
    clock = it.emulator.world.clock
    now = clock.now()
    clock.set(now - int(days * DAY), frozen=True)
    made: list[int] = it.change("create_pipeline", project_id=WEB, jobs=jobs)["jobs"]
    clock.set(now, frozen=True)
    return made


@pytest.mark.parametrize("size", [100, 7])
@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize("days", [200, 0.3])
def test_jobs_with_old_times_and_new_ids_arrive_with_the_first_read_of_the_next_day(
    *, days: float, busy: bool, size: int
) -> None:
    it = copy(size)
    it.later(HOUR)
    it.sync("jobs")
    it.later(2 * HOUR)
    run(it)
    imported(it, days, 49)
    if busy:
        run(it)
    it.later(24 * HOUR)
    it.sync("jobs")
    assert it.lacks("jobs") == []
    for _ in range(2):
        it.later(24 * HOUR)
        last = it.sync("jobs")["jobs"]
    assert last == []


@pytest.mark.parametrize("pages", range(1, 14, 2))
def test_a_read_that_is_killed_among_jobs_with_old_times_loses_none(pages: int) -> None:
    it = copy(5)
    it.later(HOUR)
    it.sync("jobs")
    run(it)
    imported(it, 200, 30)
    it.later(24 * HOUR)
    run(it)
    it.killed("jobs", pages)
    imported(it, 100, 8)
    run(it)
    it.later(HOUR)
    it.killed("jobs", pages)
    it.later(24 * HOUR)
    it.sync("jobs")
    it.later(24 * HOUR)
    it.sync("jobs")
    assert it.lacks("jobs") == []


def test_a_start_date_does_not_stop_at_a_few_jobs_with_old_times() -> None:
    it = copy(start_date="2026-02-20T00:00:00Z")
    imported(it, 200, 49)
    it.sync("jobs")
    wanted = {row.id for row in it.emulator.world.jobs if row.created > moment("2026-02-20")}
    held = {number for (number,) in it.tables["jobs"]}
    assert {row["project_id"] for row in it.tables["jobs"].values()}
    assert wanted & {row.id for row in it.emulator.world.jobs.of_project(WEB)} <= held
    imported(it, 200, 9)
    recent = imported(it, 2, 9)
    it.later(24 * HOUR)
    it.sync("jobs")
    held = {number for (number,) in it.tables["jobs"]}
    assert set(recent) <= held
    assert all(row["created_at"] >= "2026-02-20" for row in it.tables["jobs"].values())


@pytest.mark.parametrize("days", [200, 0.3])
def test_jobs_with_old_times_come_into_a_project_that_had_none(days: float) -> None:
    """An empty list was read to its end, too: whatever stands in it later is new."""
    it = copy()
    world = it.emulator.world
    for row in list(world.jobs):
        it.change("delete", table="jobs", row_id=row.id)
    it.later(HOUR)
    it.sync("jobs")
    it.later(2 * HOUR)
    made = imported(it, days, 3)
    it.later(24 * HOUR)
    it.sync("jobs")
    assert made
    assert it.lacks("jobs") == []
