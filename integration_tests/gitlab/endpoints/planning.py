"""Issues, epics, milestones, labels and boards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from integration_tests.gitlab.call import Registry
from integration_tests.gitlab.errors import EPIC, GROUP, forbidden, not_found, unauthorized
from integration_tests.gitlab.paging import offset
from integration_tests.gitlab.present.planning import epic, epic_issue, issue
from integration_tests.gitlab.rows import TIMES, Order

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from starlette.responses import Response

    from integration_tests.gitlab.call import Call
    from integration_tests.gitlab.rows import Json, Row, Table
    from integration_tests.gitlab.world import World

api = Registry()

ORDERS = (
    "created_at",
    "updated_at",
    "due_date",
    "label_priority",
    "milestone_due",
    "popularity",
    "priority",
    "relative_position",
    "title",
    "weight",
    "merged_at",
)
SCOPES = ("created-by-me", "assigned-to-me", "created_by_me", "assigned_to_me", "all")


def list_issuables(  # noqa: PLR0913 - two resources in three scopes
    call: Call,
    table: Table,
    scope: Hashable,
    projects: Callable[[], list[Row]],
    present: Callable[[World, Row], Json],
    *,
    mine: bool = False,
) -> Response:
    """A page of issues or merge requests of some projects.

    Sorted by created_at descending unless told; ties by id descending. Times are compared in full
    and inclusively. ``mine`` is the default of the instance's lists: what the viewer created.
    ``projects`` is asked only when the list was not made before.
    """
    query = call.query
    by = query.choice("order_by", ORDERS, "created_at")
    sort = query.choice("sort", ("asc", "desc"), "desc")
    whose = query.choice("scope", SCOPES, "created_by_me" if mine else "all").replace("-", "_")
    state = query.choice("state", ("opened", "closed", "locked", "merged", "all"), "all")
    limits = {
        "state": None if state == "all" else state,
        "author_id": call.viewer if whose == "created_by_me" else query.maybe_number("author_id"),
        "assignee_id": call.viewer
        if whose == "assigned_to_me"
        else query.maybe_number("assignee_id"),
        "issue_type": query.text("issue_type"),
        "iids": tuple(query.many("iids")),
        "labels": tuple(query.many("labels")),
        "search": query.text("search"),
    }
    key = (scope, call.world.structure, tuple(limits.items()))
    view = table.view(
        key,
        Order(by, descending=sort == "desc"),
        lambda: _matching(
            call,
            table,
            projects(),
            {name: value for name, value in limits.items() if value},
        ),
    )
    rows = view.between(*map(query.moment, TIMES))
    defaults = {
        "order_by": by,
        "sort": sort,
        "state": state,
        "with_labels_details": "false",
        **({"non_archived": "true", "scope": whose} if mine else {}),
    }
    return offset(call, rows, call.show(present), defaults=defaults)


def _matching(
    call: Call, table: Table, projects: list[Row], limits: dict[str, Any]
) -> Iterator[Row]:
    for project in projects:
        rows: Iterable[Row] = table.by_project.get(project.id, {}).values()
        if table.name == "issues":
            rows = (row for row in rows if call.access.shows_issue(call.viewer, row))
        yield from (row for row in rows if _matches(row, limits)) if limits else rows


def _matches(row: Row, limits: dict[str, Any]) -> bool:
    facts = row.facts
    checks: dict[str, Callable[[Any], bool]] = {
        "state": lambda value: bool(facts.get("state", "opened") == value),
        "author_id": lambda value: bool(facts["author_id"] == value),
        "assignee_id": lambda value: value in facts.get("assignee_ids", []),
        "issue_type": lambda value: bool(facts.get("issue_type", "issue") == value),
        "iids": lambda value: str(row.iid) in value,
        "labels": lambda value: set(value) <= set(facts.get("labels", [])),
        "search": lambda value: value.lower() in facts["title"].lower(),
    }
    return all(checks[name](value) for name, value in limits.items())


def projects_with(call: Call, needs: str, group_id: int | None = None) -> list[Row]:
    """The visible projects whose feature is on; archived ones only with non_archived=false."""
    current = call.query.flag("non_archived", default=True)
    return [
        row
        for row in call.access.visible_projects(call.viewer, group_id)
        if call.access.shows(call.viewer, row, needs)
        and not (current and row.facts.get("archived"))
    ]


def scope_of(call: Call, kind: str, owner_id: int | None = None) -> Hashable:
    """What tells one viewer's list from another's."""
    return kind, owner_id, call.viewer, call.query.flag("non_archived", default=True)


def list_in_group(call: Call, name: str, present: Callable[[World, Row], Json]) -> Response:
    """A page of a group's issues or merge requests; ``name`` is the feature and the table."""
    row = call.group()
    return list_issuables(
        call,
        call.world.table(name),
        scope_of(call, "group", row.id),
        lambda: projects_with(call, name, row.id),
        present,
    )


@api.get("/issues", anonymous=False)
def issues(call: Call) -> Response:
    """Issues of the instance; those that the viewer created, unless scope says otherwise."""
    return list_issuables(
        call,
        call.world.issues,
        scope_of(call, "instance"),
        lambda: projects_with(call, "issues"),
        issue,
        mine=True,
    )


@api.get("/groups/:id/issues")
def group_issues(call: Call) -> Response:
    """Issues of a group and of all groups below, archived projects left out unless told."""
    return list_in_group(call, "issues", issue)


@api.get("/projects/:id/issues", job_token=True)
def project_issues(call: Call) -> Response:
    """Issues of a project; none when its issues are switched off, or private and not for all."""
    row = call.project()
    projects = [row] if call.access.shows(call.viewer, row, "issues") else []
    key = ("project", row.id, call.viewer)
    return list_issuables(call, call.world.issues, key, lambda: projects, issue)


def _switched(call: Call, setting: str) -> bool:
    """Whether the list is empty because the feature is off; raises when off means an error."""
    if setting == "403":
        raise forbidden()
    if setting == "404":
        raise not_found(GROUP)
    if setting != "on" and call.viewer is None:
        raise unauthorized()
    return setting == "empty"


@api.get("/groups/:id/epics")
def epics(call: Call) -> Response:
    """Epics of a group; of the groups below too, unless include_descendant_groups=false."""
    row, query = call.group(), call.query
    empty = _switched(call, call.settings.epics)
    deep = query.flag("include_descendant_groups", default=True)
    groups = call.world.descendants(row.id) if deep else [row]
    if query.flag("include_ancestor_groups", default=False):
        groups = groups + [one for one in call.world.ancestors(row.id) if one.id != row.id]
    groups = [one for one in groups if call.access.sees_group(call.viewer, one)]
    by = query.choice("order_by", ("created_at", "updated_at", "title"), "created_at")
    sort = query.choice("sort", ("asc", "desc"), "desc")
    state = query.choice("state", ("opened", "closed", "all"), "all")
    ids = () if empty else tuple(one.id for one in groups)
    table = call.world.epics
    view = table.view(
        (ids, state),
        Order(by, descending=sort == "desc"),
        lambda: (
            one
            for group_id in ids
            for one in table.of_group(group_id)
            if state == "all" or one.facts.get("state", "opened") == state
        ),
    )
    rows = view.between(*map(query.moment, TIMES))
    defaults = {
        "include_ancestor_groups": "false",
        "include_descendant_groups": str(deep).lower(),
        "order_by": by,
        "sort": sort,
        "state": state,
        "with_labels_details": "false",
    }
    return offset(call, rows, call.show(epic), defaults=defaults)


@api.get("/groups/:id/epics/:iid/issues")
def epic_issues(call: Call) -> Response:
    """The issues of an epic, in its own order. The path takes the epic's iid, not its id."""
    row = call.group()
    _switched(call, call.settings.epics)
    iid = call.number("iid", "epic_iid")
    found = [one for one in call.world.epics.of_group(row.id) if one.iid == iid]
    if not found:
        raise not_found(EPIC)
    visible = {one.id for one in call.access.visible_projects(call.viewer)}
    links = [
        one
        for one in call.world.epic_issues
        if one.facts["epic_id"] == found[0].id
        and call.world.issues[one.facts["issue_id"]].project_id in visible
    ]
    links.sort(key=lambda one: one.facts.get("relative_position", one.id * 500))
    return offset(call, links, lambda one: orjson.dumps(epic_issue(call.world, one)))
