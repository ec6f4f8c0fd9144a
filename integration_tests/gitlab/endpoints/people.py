"""Members of groups and projects, and the users of a project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from integration_tests.gitlab.call import Registry
from integration_tests.gitlab.errors import json_response, not_found
from integration_tests.gitlab.paging import offset, respond_one
from integration_tests.gitlab.present.people import current_user, member, user_basic
from integration_tests.gitlab.world import GUEST

if TYPE_CHECKING:
    from starlette.responses import Response

    from integration_tests.gitlab.call import Call
    from integration_tests.gitlab.rows import Row

api = Registry()


def _list_members(call: Call, rows: list[Row]) -> Response:
    """Members by id; of a user who is member in several places the highest level."""
    highest: dict[int, Row] = {}
    for row in rows:
        user_id = row.facts["user_id"]
        known = highest.get(user_id)
        if known is None or known.facts["access_level"] < row.facts["access_level"]:
            highest[user_id] = row
    found = [highest[user_id] for user_id in sorted(highest)]
    return offset(call, found, call.show(member))


@api.get("/user", scopes=("api", "read_api", "read_user"), anonymous=False)
def user(call: Call) -> Response:
    """The user whose token it is."""
    return json_response(current_user(call.world, call.viewer or 0))


@api.get("/groups/:id/members/all")
def all_group_members(call: Call) -> Response:
    """Members of a group and of the groups above it."""
    return _list_members(call, _of_group(call))


@api.get("/projects/:id/members/all")
def all_project_members(call: Call) -> Response:
    """Members of a project and of the groups above it."""
    return _list_members(call, _of_project(call))


@api.get("/groups/:id/members/all/:user_id")
def one_group_member(call: Call) -> Response:
    """One of them, with the highest level (lib/api/members.rb)."""
    return _one_member(call, _of_group(call))


@api.get("/projects/:id/members/all/:user_id")
def one_project_member(call: Call) -> Response:
    """The same of a project."""
    return _one_member(call, _of_project(call))


def _of_group(call: Call) -> list[Row]:
    world = call.world
    above = world.ancestors(call.group().id)
    return [row for one in above for row in world.group_members.of_group(one.id)]


def _of_project(call: Call) -> list[Row]:
    world, row = call.world, call.project()
    above = world.ancestors(row.group_id)
    inherited = [found for one in above for found in world.group_members.of_group(one.id)]
    return world.project_members.of_project(row.id) + inherited


def _one_member(call: Call, rows: list[Row]) -> Response:
    wanted = call.number("user_id", "user_id")
    mine = [row for row in rows if row.facts["user_id"] == wanted]
    if not mine:
        what = "Member"
        raise not_found(what)
    highest = max(mine, key=lambda row: int(row.facts["access_level"]))
    return respond_one(call.show(member)(highest))


@api.get("/projects/:id/users")
def project_users(call: Call) -> Response:
    """Everyone who can work in a project, however he came by it."""
    row = call.project()
    skipped = {int(one) for one in call.query.many("skip_users")}
    found = [
        one
        for one in call.world.users
        if call.access.project_level(one.id, row) >= GUEST and one.id not in skipped
    ]
    found.sort(key=lambda one: one.id)
    return offset(call, found, lambda one: orjson.dumps(user_basic(call.world, one.id)))
