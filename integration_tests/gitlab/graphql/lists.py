"""Fields that are served from data: the entries of ``resources/*.yaml`` with ``graphql``."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError, get_named_type, get_nullable_type, is_list_type

from integration_tests.gitlab.changes.base import find_row
from integration_tests.gitlab.graphql.pages import page
from integration_tests.gitlab.plain.resource import TIERS, graphql_resources
from integration_tests.gitlab.plain.tables import home_of, rows_below
from integration_tests.gitlab.plain.template import shown
from integration_tests.gitlab.present import structure

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo

    from integration_tests.gitlab.graphql.pages import Viewing
    from integration_tests.gitlab.plain.resource import Resource
    from integration_tests.gitlab.rows import Json, Row

DENIED = (
    "The resource that you are attempting to access does not exist or you don't have permission to"
    " perform this action"
)
_HOMES = {"Project": "projects", "Group": "groups", "Query": "groups"}
_NEVER = "9999-12-31"
_AT = "_at"
"""Under this name an object that only holds lists has the field that it came from."""
_ROW = "_row"
"""Under this name a row without a global id has its own, for the lists below it."""


def listed(
    viewing: Viewing, source: Json, info: GraphQLResolveInfo[Any], given: dict[str, Any]
) -> Any:
    """The rows of an entry, as a page, a list or one object; null for a field of none."""
    name = f"{source.get(_AT, info.parent_type.name)}.{info.field_name}"
    resource = graphql_resources().get(name)
    if resource is None:
        is_outer = any(one.startswith(f"{name}.") for one in graphql_resources())
        return {**source, _AT: name} if is_outer else None
    world = viewing.emulator.world
    named = given.get("namespaceId") or source.get("id") or source[_ROW]
    number = int(str(named).rpartition("/")[2])
    home = find_row(world, _HOMES.get(name.partition(".")[0], resource.below), number)[1]
    refused = is_refused(viewing, resource, home)
    if refused and resource.refused == "denied":
        raise GraphQLError(DENIED)
    if refused and resource.refused == "null":
        return None
    rows = [] if refused else _rows(viewing, resource, home, given)
    kind = get_nullable_type(info.return_type)
    if is_list_type(kind):
        return rows
    if get_named_type(kind).name.endswith("Connection"):
        return page(viewing, rows, given)
    if rows:
        return rows[0]
    return {} if resource.nothing == "empty" and not refused else None


def is_refused(viewing: Viewing, resource: Resource, home: Row) -> bool:
    """Whether tier, feature or role keep the viewer out."""
    emulator = viewing.emulator
    world, access = emulator.world, emulator.access
    if TIERS.index(world.settings.tier) < TIERS.index(resource.tier):
        return True
    if resource.below not in {"projects", "groups"}:
        above = home_of(world, home)
        if not resource.role or above is None:
            # It was found by its id, which decided that.
            return False
        home = above
    is_project = world.projects.rows.get(home.id) is home
    if resource.feature and structure.feature(home, resource.feature) == "disabled":
        return True
    if access.is_admin(viewing.viewer):
        return False
    level_in = access.project_level if is_project else access.group_level
    return level_in(viewing.viewer, home) < resource.level


def _rows(viewing: Viewing, resource: Resource, home: Row, given: dict[str, Any]) -> list[Json]:
    """The rows of a project or group; where projects have them, a group shows those of all."""
    world = viewing.emulator.world
    homes = [home]
    if resource.below == "projects" and world.groups.rows.get(home.id) is home:
        homes = viewing.emulator.access.visible_projects(viewing.viewer, home.id)
    found: list[Json] = [
        {**shown(world, resource, row), _ROW: row.id}
        for one in homes
        for row in rows_below(world, resource.name, one)
        if row.readable
    ]
    month = given.get("date")
    if month is not None:
        return [one for one in found if one["monthIso8601"] == month]
    first, last = given.get("startDate"), given.get("endDate", _NEVER)
    if first is None:
        return found
    if resource.span:
        _check_span(resource, first, last)
    return sorted(
        (one for one in found if first <= one["date"] <= last), key=lambda one: one["date"]
    )


def _check_span(resource: Resource, first: str, last: str) -> None:
    """Refuse spans whose end is too near to their start, or too far from it."""
    least, most = resource.span
    days = (date.fromisoformat(last) - date.fromisoformat(first)).days
    if days < least:
        message = "The start date must be earlier than the end date."
        raise GraphQLError(message)
    if days > most:
        message = f"Date range must be shorter than {most} days."
        raise GraphQLError(message)
