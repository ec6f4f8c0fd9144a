"""Groups: lists, details, and the projects of a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from integration_tests.gitlab.call import Registry
from integration_tests.gitlab.endpoints.projects import (
    CREATED_DESC,
    list_projects,
    project_body,
    projects_between,
    select_projects,
)
from integration_tests.gitlab.errors import json_response, no_route
from integration_tests.gitlab.paging import offset
from integration_tests.gitlab.present.structure import group, group_detail
from integration_tests.gitlab.present.viewed import GROUP
from integration_tests.gitlab.world import GUEST, OWNER

if TYPE_CHECKING:
    from starlette.responses import Response

    from integration_tests.gitlab.call import Call
    from integration_tests.gitlab.rows import Row

api = Registry()

EMBEDDED = 100
"""Projects that a single group carries at most."""


def _list(call: Call, rows: list[Row]) -> Response:
    query = call.query
    search = (query.text("search") or "").lower()
    least = query.maybe_number("min_access_level")
    if query.maybe_flag("owned"):
        least = OWNER
    if query.maybe_flag("top_level_only"):
        rows = [row for row in rows if row.facts["parent_id"] is None]
    if least is not None:
        rows = [row for row in rows if call.access.group_level(call.viewer, row) >= least]
    if search:
        rows = [row for row in rows if search in call.world.group_name(row.id).lower()]
    by = query.choice("order_by", ("name", "path", "id", "similarity"), "name")
    sort = query.choice("sort", ("asc", "desc"), "asc")
    rows = sorted(rows, key=lambda row: row.id)
    if by != "id":
        rows.sort(key=lambda row: str(row.facts["path" if by == "path" else "name"]).lower())
    if sort == "desc":
        rows.reverse()
    defaults = {"order_by": by, "sort": sort, "owned": "false", "statistics": "false"}
    return offset(call, rows, call.show(group), defaults=defaults)


def _visible(call: Call) -> list[Row]:
    return [row for row in call.world.groups if call.access.sees_group(call.viewer, row)]


@api.get("/groups")
def groups(call: Call) -> Response:
    """Groups that the viewer belongs to; with all_available every group that he sees."""
    rows = _visible(call)
    if call.viewer is not None and not call.query.flag("all_available", default=False):
        rows = [row for row in rows if call.access.group_level(call.viewer, row) >= GUEST]
    return _list(call, rows)


@api.get("/groups/:id")
def single_group(call: Call) -> Response:
    """One group, with up to 100 of its projects unless with_projects=false."""
    row = call.group()
    owner = call.access.group_level(call.viewer, row) >= OWNER
    shown = row.overridden(group_detail(call.world, row, owner=owner))
    if call.query.maybe_flag("with_custom_attributes"):
        shown["custom_attributes"] = [{"key": "cost_centre", "value": "42"}]
    if call.query.flag("with_projects", default=True):
        visible = call.access.visible_projects(call.viewer)
        own = [one for one in visible if one.group_id == row.id]
        shared = shared_with(row.id, visible)
        body = project_body(call, GROUP)
        shown["projects"] = [orjson.loads(body(one)) for one in own[:EMBEDDED]]
        shown["shared_projects"] = [orjson.loads(body(one)) for one in shared[:EMBEDDED]]
    return json_response(shown)


def shared_with(group_id: int, projects: list[Row]) -> list[Row]:
    """Those of the projects into which a group was invited."""
    return [
        one for one in projects if any(to == group_id for to, _level in one.facts.get("shares", []))
    ]


@api.get("/groups/:id/subgroups")
def subgroups(call: Call) -> Response:
    """The groups directly below."""
    parent = call.group().id
    return _list(call, [row for row in _visible(call) if row.facts["parent_id"] == parent])


@api.get("/groups/:id/descendant_groups")
def descendant_groups(call: Call) -> Response:
    """All groups below, at any depth; since 13.5."""
    if not call.world.settings.at_least(13, 5):
        raise no_route()
    top = call.group().id
    below = [row for row in call.world.descendants(top) if row.id != top]
    return _list(call, [row for row in below if call.access.sees_group(call.viewer, row)])


@api.get("/groups/:id/projects")
def group_projects(call: Call) -> Response:
    """The projects of a group; those shared into it too, unless with_shared=false."""
    row, query = call.group(), call.query
    deep = query.flag("include_subgroups", default=False)
    inside = {one.id for one in call.world.descendants(row.id)} if deep else {row.id}
    with_shared = query.flag("with_shared", default=True)
    rows = [
        one
        for one in projects_between(call)
        if one.group_id in inside
        or (with_shared and any(to in inside for to, _level in one.facts.get("shares", [])))
    ]
    rows = select_projects(call, rows)
    defaults = {
        "include_subgroups": str(deep).lower(),
        "with_shared": str(with_shared).lower(),
        "owned": "false",
        "simple": "false",
        "starred": "false",
        **CREATED_DESC,
    }
    return list_projects(call, rows, defaults, GROUP)


@api.get("/groups/:id/projects/shared")
def shared_projects(call: Call) -> Response:
    """The projects into which a group was invited."""
    rows = shared_with(call.group().id, call.access.visible_projects(call.viewer))
    defaults = {"simple": "false", "starred": "false", **CREATED_DESC}
    return list_projects(call, select_projects(call, rows), defaults, GROUP)
