"""Pipelines, jobs, bridges and deployments in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration_tests.gitlab.clock import SECOND, optional_stamp, stamp
from integration_tests.gitlab.present.code import commit
from integration_tests.gitlab.present.people import user_basic, user_profile
from integration_tests.gitlab.present.planning import times

if TYPE_CHECKING:
    from integration_tests.gitlab.rows import Json, Row
    from integration_tests.gitlab.world import World

NO_SHA = "0" * 40


def pipeline_basic(world: World, row: Row) -> Json:
    """A pipeline as jobs and bridges embed it."""
    facts, project_id = row.facts, row.project_id or 0
    return {
        "id": row.id,
        "iid": row.iid,
        "project_id": project_id,
        "sha": facts["sha"],
        "ref": facts["ref"],
        "status": facts["status"],
        "source": facts["source"],
        **times(row),
        "web_url": f"{world.project_url(project_id)}/-/pipelines/{row.id}",
    }


def pipeline(world: World, row: Row) -> Json:
    """A pipeline in the list of a project."""
    return {**pipeline_basic(world, row), "name": row.facts.get("name")}


def pipeline_detail(world: World, row: Row) -> Json:
    """A single pipeline, with what the list leaves out."""
    facts, status = row.facts, row.facts["status"]
    path = world.project_path(row.project_id or 0)
    return {
        **pipeline(world, row),
        "before_sha": facts.get("before_sha", NO_SHA),
        "tag": facts.get("tag", False),
        "yaml_errors": facts.get("yaml_errors"),
        "user": user_basic(world, facts["user_id"]),
        "started_at": optional_stamp(facts.get("started")),
        "finished_at": optional_stamp(facts.get("finished")),
        "committed_at": None,
        "duration": facts.get("duration"),
        "queued_duration": facts.get("queued_duration"),
        "coverage": facts.get("coverage"),
        "detailed_status": {
            "icon": f"status_{status}",
            "text": status.capitalize(),
            "label": status,
            "group": status,
            "tooltip": status,
            "has_details": True,
            "details_path": f"/{path}/-/pipelines/{row.id}",
            "illustration": None,
            "favicon": f"/assets/ci_favicons/favicon_status_{status}.png",
        },
        "archived": False,
    }


def _seconds(started: int | None, finished: int | None) -> float | None:
    if started is None or finished is None:
        return None
    return (finished - started) / SECOND


def _build(world: World, row: Row) -> Json:
    facts, project_id = row.facts, row.project_id or 0
    owner = world.pipelines[facts["pipeline_id"]]
    started, finished = facts.get("started"), facts.get("finished")
    repository = world.repository(project_id)
    head = repository.commits.get(owner.facts["sha"])
    shown = {
        "id": row.id,
        "status": facts["status"],
        "stage": facts["stage"],
        "name": facts["name"],
        "ref": owner.facts["ref"],
        "tag": owner.facts.get("tag", False),
        "coverage": facts.get("coverage"),
        "allow_failure": facts.get("allow_failure", False),
        "created_at": stamp(row.created),
        "started_at": optional_stamp(started),
        "finished_at": optional_stamp(finished),
        "erased_at": optional_stamp(facts.get("erased")),
        "duration": _seconds(started, finished),
        "queued_duration": facts.get("queued_duration", 0.25),
        "user": user_profile(world, facts["user_id"]),
        "commit": commit(world, project_id, head) if head else None,
        "pipeline": pipeline_basic(world, owner),
        "web_url": f"{world.project_url(project_id)}/-/jobs/{row.id}",
        "project": {"ci_job_token_scope_enabled": False},
    }
    if facts["status"] == "failed":
        shown["failure_reason"] = facts.get("failure_reason", "script_failure")
    return shown


def job(world: World, row: Row) -> Json:
    """A build, as the lists of jobs show it."""
    facts = row.facts
    trace = {"file_type": "trace", "size": 2048, "filename": "job.log", "file_format": None}
    archive = {
        "file_type": "archive",
        "size": 4096,
        "filename": "artifacts.zip",
        "file_format": "zip",
    }
    kept = facts.get("artifacts", False)
    shown = {
        **_build(world, row),
        "artifacts": [archive, trace] if kept else [trace],
        "runner": {
            "id": 5,
            "description": "runner-5",
            "ip_address": "",
            "active": True,
            "paused": False,
            "is_shared": True,
            "runner_type": "instance_type",
            "name": "gitlab-runner",
            "online": True,
            "created_at": "2023-05-01T08:00:00.000Z",
            "status": "online",
            "job_execution_status": "idle",
        }
        if facts.get("started") is not None
        else None,
        "runner_manager": {
            "id": 51,
            "system_id": "s_0a1b2c3d4e5f",
            "version": "17.9.0",
            "revision": "c4cbe9dd",
            "platform": "linux",
            "architecture": "amd64",
            "created_at": "2023-05-01T08:00:00.000Z",
            "contacted_at": "2024-06-01T08:00:00.000Z",
            "ip_address": "10.0.0.5",
            "status": "online",
            "job_execution_status": "idle",
        }
        if facts.get("started") is not None
        else None,
        "artifacts_expire_at": optional_stamp(facts.get("artifacts_expire")),
        "archived": False,
        "source": world.pipelines[facts["pipeline_id"]].facts["source"],
        "tag_list": facts.get("tag_list", []),
    }
    if kept:
        shown["artifacts_file"] = {"filename": "artifacts.zip", "size": 4096}
    return shown


def bridge(world: World, row: Row) -> Json:
    """A trigger job, with the pipeline that it started."""
    downstream = row.facts.get("downstream_id")
    return {
        **_build(world, row),
        "archived": False,
        "downstream_pipeline": pipeline_basic(world, world.pipelines[downstream])
        if downstream is not None and downstream in world.pipelines
        else None,
    }


def deployment(world: World, row: Row) -> Json:
    """A deployment with its environment and the job that made it."""
    facts = row.facts
    place = world.environments[facts["environment_id"]]
    job_id = facts.get("job_id")
    return {
        "id": row.id,
        "iid": row.iid,
        "ref": facts["ref"],
        "sha": facts["sha"],
        **times(row),
        "user": user_basic(world, facts["user_id"]),
        "environment": {
            "id": place.id,
            "name": place.facts["name"],
            "slug": place.facts["slug"],
            "external_url": f"https://{place.facts['slug']}.example.com",
            **times(place),
        },
        "deployable": job(world, world.jobs[job_id])
        if job_id is not None and job_id in world.jobs
        else None,
        "status": facts["status"],
    }
