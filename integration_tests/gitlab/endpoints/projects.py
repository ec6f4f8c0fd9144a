"""Projects: the instance's list, single projects, and how a viewer sees them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from integration_tests.gitlab.call import Registry
from integration_tests.gitlab.errors import ApiError, bad_request
from integration_tests.gitlab.paging import keyset_by_id, keyset_unavailable, offset, respond_one
from integration_tests.gitlab.present.viewed import INSTANCE, SINGLE, Viewer, Wanted, project_for
from integration_tests.gitlab.rows import Order, View
from integration_tests.gitlab.world import OWNER

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response

    from integration_tests.gitlab.call import Call
    from integration_tests.gitlab.rows import Json, Row

api = Registry()

ORDERS = (
    "id",
    "name",
    "path",
    "created_at",
    "updated_at",
    "last_activity_at",
    "similarity",
    "star_count",
    "storage_size",
    "repository_size",
    "wiki_size",
    "packages_size",
)
CREATED_DESC = {"order_by": "created_at", "sort": "desc"}


def project_body(call: Call, place: str) -> Callable[[Row], bytes]:
    """How to serialise projects for this viewer, in the place where they are shown."""
    query, stamp = call.query, call.world.shown
    viewer = Viewer(call.world, call.access, call.viewer)
    wanted = Wanted(
        statistics=bool(query.maybe_flag("statistics")),
        license=bool(query.maybe_flag("license")),
        custom_attributes=bool(query.maybe_flag("with_custom_attributes")),
        simple=bool(query.maybe_flag("simple")),
    )

    def body(row: Row) -> bytes:
        def make() -> Json:
            return project_for(viewer, row, place, wanted)

        return row.body(stamp, ("project", viewer.id, place, wanted), make)

    return body


def _activity(row: Row) -> int:
    return int(row.facts.get("last_activity", row.updated or row.created))


def select_projects(call: Call, rows: list[Row]) -> list[Row]:
    """Apply the filters that every list of projects has. Archived ones stay unless told."""
    query, viewer = call.query, call.viewer
    archived = query.maybe_flag("archived")
    if archived is not None:
        rows = [row for row in rows if row.facts.get("archived", False) == archived]
    least = query.maybe_number("min_access_level")
    if query.maybe_flag("owned"):
        least = OWNER
    if query.maybe_flag("membership"):
        least = max(least or 0, 1)
    if least:
        rows = [row for row in rows if call.access.project_level(viewer, row) >= least]
    visibility = query.text("visibility")
    if visibility:
        rows = [row for row in rows if row.facts["visibility"] == visibility]
    search = (query.text("search") or "").lower()
    if search:
        rows = [
            row
            for row in rows
            if search in row.facts["name"].lower()
            or search in row.facts["path"].lower()
            or (query.maybe_flag("search_namespaces") and search in _path(call, row))
        ]
    return rows


def _path(call: Call, row: Row) -> str:
    return call.world.project_path(row.id).lower()


def list_projects(call: Call, rows: list[Row], defaults: dict[str, str], place: str) -> Response:
    """Sort the projects and answer with the page that was asked for."""
    by = call.query.choice("order_by", ORDERS, "created_at")
    sort = call.query.choice("sort", ("asc", "desc"), "desc")
    if by == "last_activity_at":
        rows = sorted(rows, key=lambda row: (_activity(row), row.id), reverse=sort == "desc")
    else:
        rows = View(rows, Order(by, descending=sort == "desc")).rows
    return offset(call, rows, project_body(call, place), defaults=defaults, limited="Project")


def _by_time(call: Call, rows: list[Row]) -> list[Row]:
    query = call.query
    after, before = query.moment("updated_after"), query.moment("updated_before")
    if after is not None or before is not None:
        if query.text("order_by") != "updated_at":
            reason = "`updated_at` filter and `updated_at` sorting must be paired"
            raise bad_request(reason)
        rows = list(View(rows, Order("updated_at")).between(after, before))
    after, before = query.moment("last_activity_after"), query.moment("last_activity_before")
    return [
        row
        for row in rows
        if (after is None or _activity(row) >= after)
        and (before is None or _activity(row) <= before)
    ]


def projects_between(call: Call) -> list[Row]:
    """The projects that the viewer sees, within the bounds `id_after` and `id_before`.

    Lists of groups have these bounds, too (`project_finder_params` in lib/api/helpers.rb).
    """
    query = call.query
    for bound in ("id_after", "id_before"):
        if bound in query and not query.text(bound):
            raise ApiError(500, {"message": "500 Internal Server Error"})
    after, before = query.maybe_number("id_after"), query.maybe_number("id_before")
    if after is None and before is None:
        return call.access.visible_projects(call.viewer)
    last = math.inf if before is None else before
    return call.access.visible_between(call.viewer, after or 0, last)


@api.get("/projects")
def projects(call: Call) -> Response:
    """Every project that the viewer sees, which on a public instance is very many."""
    query = call.query
    rows = _by_time(call, select_projects(call, projects_between(call)))
    defaults = {
        "membership": "false",
        "owned": "false",
        "simple": "false",
        "starred": "false",
        "statistics": "false",
        "with_custom_attributes": "false",
        **CREATED_DESC,
    }
    if query.text("pagination") != "keyset":
        return list_projects(call, rows, defaults, INSTANCE)
    if query.text("order_by") != "id":
        raise keyset_unavailable()
    descending = query.choice("sort", ("asc", "desc"), "desc") == "desc"
    rows.sort(key=lambda row: row.id, reverse=descending)
    body = project_body(call, INSTANCE)
    return keyset_by_id(call, rows, body, descending=descending, defaults=defaults)


@api.get("/projects/:id", job_token=True)
def single_project(call: Call) -> Response:
    """One project."""
    row = call.project()
    return respond_one(project_body(call, SINGLE)(row))
