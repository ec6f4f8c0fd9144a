"""Pipelines, jobs, bridges and deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration_tests.gitlab.call import Registry
from integration_tests.gitlab.errors import PIPELINE, bad_request, forbidden, not_found
from integration_tests.gitlab.paging import (
    TiesAtRandom,
    decode_cursor,
    keyset_by_cursor,
    keyset_unavailable,
    offset,
    respond_one,
)
from integration_tests.gitlab.present.ci import (
    bridge,
    deployment,
    job,
    pipeline,
    pipeline_detail,
)
from integration_tests.gitlab.rows import TIMES, Order
from integration_tests.gitlab.world import REPORTER

if TYPE_CHECKING:
    from starlette.responses import Response

    from integration_tests.gitlab.call import Call
    from integration_tests.gitlab.rows import Row

api = Registry()


@api.get("/projects/:id/pipelines", job_token=True)
def pipelines(call: Call) -> Response:
    """Pipelines of a project, newest first unless told; child pipelines only when asked for.

    By updated_at there is no tie-breaker, and a null updated_at passes no filter of times.
    Pipelines of unknown source are never listed: theirs is NULL, which is not unequal to anything.
    """
    row, query = call.project("builds"), call.query
    by = query.choice("order_by", ("id", "status", "ref", "updated_at", "user_id"), "id")
    sort = query.choice("sort", ("asc", "desc"), "desc")
    source = query.text("source")
    limits = {name: query.text(name) for name in ("status", "ref", "sha", "name")}
    wanted = {name: value for name, value in limits.items() if value}
    table = call.world.pipelines
    key = (row.id, source, tuple(wanted.items()))
    children = call.settings.child_pipeline_source
    view = table.view(
        key,
        Order(by, descending=sort == "desc"),
        lambda: (
            one
            for one in table.of_project(row.id)
            if (
                one.facts["source"] == source
                if source
                else one.facts["source"] != "parent_pipeline"
            )
            and (children or one.facts["source"] != "parent_pipeline")
            and one.facts["source"] != "unknown"
            and all(one.facts.get(name) == value for name, value in wanted.items())
        ),
    )
    rows = view.between(*map(query.moment, TIMES))
    defaults = {"order_by": by, "sort": sort}
    listed = TiesAtRandom(rows) if by == "updated_at" else rows
    return offset(call, listed, call.show(pipeline), defaults=defaults)


def _pipeline(call: Call) -> tuple[Row, Row]:
    project = call.project("builds")
    found = call.world.pipelines.rows.get(call.number("pipeline_id", "pipeline_id"))
    if found is None or found.project_id != project.id:
        raise not_found(PIPELINE)
    return project, found


@api.get("/projects/:id/pipelines/:pipeline_id", job_token=True)
def single_pipeline(call: Call) -> Response:
    """One pipeline."""
    _project, found = _pipeline(call)
    return respond_one(call.show(pipeline_detail)(found))


def _of_builds(call: Call) -> Row:
    """The pipeline that the path names, to who has `read_build`."""
    project, found = _pipeline(call)
    if not call.access.reads_builds(call.viewer, project):
        raise forbidden()
    return found


def _in_scope(call: Call, rows: list[Row]) -> list[Row]:
    scopes = call.query.many("scope")
    return [row for row in rows if not scopes or row.facts["status"] in scopes]


@api.get("/projects/:id/pipelines/:pipeline_id/jobs", anonymous=False, job_token=True)
def pipeline_jobs(call: Call) -> Response:
    """Jobs of a pipeline; those that were retried only with include_retried=true."""
    found = _of_builds(call)
    retried = call.query.flag("include_retried", default=False)
    rows = [
        row
        for row in _in_scope(call, call.world.jobs_of_pipeline(found.id))
        if retried or not row.facts.get("retried")
    ]
    rows.sort(key=lambda row: row.id, reverse=True)
    return offset(call, rows, call.show(job), totals=False)


@api.get("/projects/:id/pipelines/:pipeline_id/bridges", anonymous=False, job_token=True)
def bridges(call: Call) -> Response:
    """Trigger jobs of a pipeline that were not retried. No list of jobs has them."""
    found = _of_builds(call)
    rows = [
        row
        for row in call.world.bridges.of_project(found.project_id or 0)
        if row.pipeline_id == found.id and not row.facts.get("retried")
    ]
    rows = _in_scope(call, rows)
    rows.sort(key=lambda row: row.id, reverse=True)
    return offset(call, rows, call.show(bridge))


@api.get("/projects/:id/jobs", anonymous=False)
def jobs(call: Call) -> Response:
    """Jobs of a project, newest first, retried ones and those of child pipelines too.

    Never totals. Keyset paging knows order_by=id&sort=desc only.
    """
    row, query = call.project("builds"), call.query
    if not call.access.reads_builds(call.viewer, row):
        raise forbidden()
    table = call.world.jobs
    scopes = tuple(query.many("scope"))
    view = table.view(
        (row.id, scopes),
        Order("id", descending=True),
        lambda: (
            one for one in table.of_project(row.id) if not scopes or one.facts["status"] in scopes
        ),
    )
    show = call.show(job)
    if query.text("pagination") != "keyset":
        return offset(call, view.rows, show, totals=False, limited="Ci::Build")
    if (query.text("order_by"), query.text("sort", "desc")) != ("id", "desc"):
        raise keyset_unavailable()
    cursor = query.text("cursor")
    rows = view.after_id(decode_cursor(cursor)) if cursor else view.rows
    return keyset_by_cursor(call, rows, show, defaults={})


@api.get("/projects/:id/deployments", job_token=True)
def deployments(call: Call) -> Response:
    """Deployments of a project by id; a filter of times must be paired with its order."""
    row, query = call.project("environments", level=REPORTER), call.query
    orders = ("id", "iid", "created_at", "updated_at", "finished_at", "ref")
    by = query.choice("order_by", orders, "id")
    sort = query.choice("sort", ("asc", "desc"), "asc")
    after, before = query.moment("updated_after"), query.moment("updated_before")
    if (after is not None or before is not None) and by != "updated_at":
        if call.settings.deployment_pairs:
            reason = "`updated_at` filter and `updated_at` sorting must be paired"
            raise bad_request(reason)
        by = "updated_at"
    status, place = query.text("status"), query.text("environment")
    table, environments = call.world.deployments, call.world.environments
    view = table.view(
        (row.id, status, place),
        Order(by, descending=sort == "desc"),
        lambda: (
            one
            for one in table.of_project(row.id)
            if (not status or one.facts["status"] == status)
            and (not place or environments[one.facts["environment_id"]].facts["name"] == place)
        ),
    )
    defaults = {"order_by": by, "sort": sort}
    return offset(call, view.between(after, before), call.show(deployment), defaults=defaults)
