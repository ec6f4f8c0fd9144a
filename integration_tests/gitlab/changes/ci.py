"""Pipelines and jobs: run, retried, finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration_tests.gitlab.changes.base import find_row, told
from integration_tests.gitlab.changes.rows import create
from integration_tests.gitlab.clock import SECOND
from integration_tests.gitlab.default_ci import job_facts
from integration_tests.gitlab.rows import Row

if TYPE_CHECKING:
    from integration_tests.gitlab.rows import Json
    from integration_tests.gitlab.world import World


def pipeline_moved(world: World, pipeline_id: int, status: str) -> None:
    _found, row = find_row(world, "pipelines", pipeline_id)
    row.learn(status=status)
    row.updated = world.clock.now()
    told(world, world.pipelines, row)


def create_pipeline(
    world: World,
    project_id: int,
    *,
    source: str = "push",
    jobs: int = 2,
    parent_id: int | None = None,
) -> Json:
    """Run a pipeline; one with a parent becomes a child pipeline, and the parent has a bridge.

    One of the source `unknown` (imported, or older than that column) stands in no list.
    """
    facts: Json = {"source": source if parent_id is None else "parent_pipeline"}
    pipeline_id = create(world, "pipelines", project_id=project_id, columns=facts)[0]
    row = world.pipelines[pipeline_id]
    made = []
    for number in range(1, jobs + 1):
        job_id = max(world.jobs.next_id(), world.bridges.next_id())
        world.jobs.add(
            Row(
                job_id,
                job_facts(row, f"job-{number}", "test", number),
                project_id=project_id,
                created=row.created + number,
                updated=row.updated,
            )
        )
        made.append(job_id)
    bridge_id = None
    if parent_id is not None:
        _table, parent = find_row(world, "pipelines", parent_id)
        bridge_id = max(world.jobs.next_id(), world.bridges.next_id())
        world.bridges.add(
            Row(
                bridge_id,
                job_facts(parent, "child", "test", 1) | {"downstream_id": pipeline_id},
                project_id=parent.project_id,
                created=world.clock.now(),
                updated=world.clock.now(),
            )
        )
        pipeline_moved(world, parent_id, "running")
    return {"id": pipeline_id, "jobs": made, "bridge_id": bridge_id}


def retry_job(world: World, row_id: int, *, moves: bool = True) -> Json:
    """Retry a job: the old one is marked, a new one with a new id takes its place.

    A pipeline that is running already, and goes on, is not moved by it (`moves` false).
    """
    _found, old = find_row(world, "jobs", row_id)
    old.learn(retried=True)
    now = world.clock.now()
    facts = {**old.facts, "retried": False, "status": "running", "started": now, "finished": None}
    new_id = max(world.jobs.next_id(), world.bridges.next_id())
    world.jobs.add(Row(new_id, facts, project_id=old.project_id, created=now, updated=now))
    if moves:
        pipeline_moved(world, old.facts["pipeline_id"], "running")
    return {"id": new_id}


def finish_job(world: World, row_id: int, *, status: str = "success") -> Json:
    """Let a job end; its pipeline moves with it."""
    found, row = find_row(world, "jobs", row_id)
    now = world.clock.now()
    row.learn(status=status, finished=now)
    if row.facts.get("started") is None:
        row.learn(started=now - 30 * SECOND)
    row.updated = now
    told(world, found, row)
    pipeline_moved(world, row.facts["pipeline_id"], status)
    return {"id": row_id}
