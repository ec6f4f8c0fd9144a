"""Pipelines, jobs, bridges, environments and deployments of the default world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integration_tests.gitlab.clock import DAY, HOUR, MINUTE, SECOND, moment
from integration_tests.gitlab.rows import Row

if TYPE_CHECKING:
    from integration_tests.gitlab.world import World

EPOCH = moment("2024-02-01T06:00:00Z")

PIPELINES = {101: 26, 102: 8, 103: 4, 104: 2, 108: 2, 109: 1, 110: 2, 111: 1, 112: 1}
STATUSES = ("success", "failed", "success", "canceled")
ENVIRONMENTS = ("production", "1.10", "1e5")


def add_ci(world: World) -> None:
    """Fill the CI tables. Rows of a deployment refer to jobs, and bridges to child pipelines."""
    _pipelines(world)
    for row in list(world.pipelines):
        _jobs(world, row)
    _bridges(world)
    _deployments(world)


def pipeline_facts(sha: str, ref: str, number: int, created: int) -> dict[str, Any]:
    """What a pipeline that has run knows of itself."""
    return {
        "sha": sha,
        "ref": ref,
        "status": STATUSES[number % len(STATUSES)],
        "source": ("push", "web", "schedule", "merge_request_event")[number % 4],
        "name": f"Pipeline {number}" if number % 3 == 0 else None,
        "user_id": (1, 2, 3)[number % 3],
        "started": created + 5 * SECOND,
        "finished": created + 5 * MINUTE,
        "duration": 295,
        "queued_duration": 5,
        "coverage": "68.49" if number % 4 == 0 else None,
    }


def _pipelines(world: World) -> None:
    number = 0
    for project_id, count in PIPELINES.items():
        head = world.repository(project_id).branches["main"].sha
        for iid in range(1, count + 1):
            number += 1
            created = EPOCH + number * 11 * HOUR + number * 123_457
            updated: int | None = created + 10 * MINUTE
            facts = pipeline_facts(head, "main", number, created)
            if project_id == 101 and 6 <= iid <= 17:
                # Equal to the microsecond: the list has no second column to sort by.
                updated = EPOCH + 30 * DAY
            if iid == 2:
                facts |= {"status": "created", "started": None, "finished": None, "duration": None}
                updated = None
            if iid % 4 == 0:
                facts["source"] = "parent_pipeline"
            world.pipelines.add(
                Row(
                    9000 + number,
                    facts,
                    iid=iid,
                    project_id=project_id,
                    created=created,
                    updated=updated,
                )
            )


def job_facts(pipeline: Row, name: str, stage: str, number: int) -> dict[str, Any]:
    """What a job of a pipeline knows of itself."""
    waiting = pipeline.updated is None
    started = pipeline.created + number * MINUTE
    return {
        "pipeline_id": pipeline.id,
        "name": name,
        "stage": stage,
        "status": "created" if waiting else "success",
        "user_id": pipeline.facts["user_id"],
        "started": None if waiting else started,
        "finished": None if waiting else started + 42 * SECOND + 125_000,
        "queued_duration": None if waiting else 0.75,
        "coverage": None if waiting or stage != "test" else 68.49,
        "tag_list": ["docker", "linux"],
        "artifacts": stage == "build" and not waiting,
        "artifacts_expire": started + 30 * DAY if stage == "build" and not waiting else None,
        "retried": False,
    }


def _jobs(world: World, pipeline: Row) -> None:
    plan = [("compile", "build"), ("rspec", "test"), ("deploy", "deploy")]
    if pipeline.facts["status"] == "failed":
        plan.insert(1, ("rspec", "test"))
    for number, (name, stage) in enumerate(plan, 1):
        facts = job_facts(pipeline, name, stage, number)
        if pipeline.facts["status"] == "failed" and number in (2, len(plan)):
            facts["status"] = "failed"
            facts["retried"] = number == 2
        job_id = 20_001 + len(world.jobs)
        world.jobs.add(
            Row(
                job_id,
                facts,
                project_id=pipeline.project_id,
                created=pipeline.created + number,
                updated=pipeline.updated,
            )
        )


def _bridges(world: World) -> None:
    number = 0
    for child in list(world.pipelines):
        if child.facts["source"] != "parent_pipeline":
            continue
        number += 1
        parent = world.pipelines[child.id - 1]
        facts = job_facts(parent, "child-pipeline", "test", 2) | {"downstream_id": child.id}
        # Bridges and builds draw their ids from one sequence.
        bridge_id = 30_000 + number
        world.bridges.add(
            Row(
                bridge_id,
                facts,
                project_id=parent.project_id,
                created=parent.created + 2,
                updated=parent.updated,
            )
        )


def _deployments(world: World) -> None:
    environment_id = 800
    number = 0
    for project_id, count in {101: 22, 102: 5, 104: 1, 108: 2, 111: 1}.items():
        places = []
        for name in ENVIRONMENTS:
            environment_id += 1
            slug = f"env-{environment_id}"
            created = EPOCH + environment_id * SECOND
            places.append(
                world.environments.add(
                    Row(
                        environment_id,
                        {"name": name, "slug": slug},
                        project_id=project_id,
                        created=created,
                        updated=created + HOUR,
                    )
                )
            )
        jobs = [one for one in world.jobs.of_project(project_id) if one.facts["stage"] == "deploy"]
        for iid in range(1, count + 1):
            number += 1
            owner = jobs[iid % len(jobs)]
            pipeline = world.pipelines[owner.facts["pipeline_id"]]
            created = EPOCH + number * 8 * HOUR + number * 54_321
            facts = {
                "ref": pipeline.facts["ref"],
                "sha": pipeline.facts["sha"],
                "user_id": (2, 5, 1)[number % 3],
                "environment_id": places[number % 3].id,
                "job_id": owner.id if number % 5 else None,
                "status": ("success", "failed", "running")[number % 3],
            }
            world.deployments.add(
                Row(
                    10_000 + number,
                    facts,
                    iid=iid,
                    project_id=project_id,
                    created=created,
                    updated=created + 2 * MINUTE + number,
                )
            )
