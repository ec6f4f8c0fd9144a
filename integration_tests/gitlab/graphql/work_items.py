"""Work items: the issues of projects, and the epics of groups, as GraphQL shows them.

A list of a group has those of groups and projects below it, and of archived projects, only where it
is asked for them (app/graphql/resolvers/namespaces/work_items_resolver.rb). Groups have some with
GitLab Premium alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from integration_tests.gitlab.clock import stamp
from integration_tests.gitlab.graphql import rows
from integration_tests.gitlab.graphql.pages import page, within
from integration_tests.gitlab.present import planning
from integration_tests.gitlab.present.structure import feature

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration_tests.gitlab.graphql.pages import Viewing
    from integration_tests.gitlab.rows import Json, Row
    from integration_tests.gitlab.world import World

TYPES = {"issue": "Issue", "incident": "Incident", "task": "Task", "test_case": "Test Case"}
_STATUSES = (
    {"name": "To do", "category": "TO_DO"},
    {"name": "In progress", "category": "IN_PROGRESS"},
)
_DONE = {"name": "Done", "category": "DONE"}
_HEALTH = {"on_track": "onTrack", "needs_attention": "needsAttention", "at_risk": "atRisk"}


def of_group(viewing: Viewing, source: Json, given: dict[str, Any]) -> Json:
    """Those of a group, and of what is below it where that is asked for."""
    emulator = viewing.emulator
    world, number = emulator.world, int(source["id"].rpartition("/")[2])
    is_deep = given.get("includeDescendants")
    found: list[tuple[Row, Json]] = []
    if world.settings.tier != "free" and world.settings.epics == "on":
        groups = world.descendants(number) if is_deep else [world.groups[number]]
        seen = [one for one in groups if emulator.access.sees_group(viewing.viewer, one)]
        epics = [row for one in seen for row in world.epics.of_group(one.id) if row.readable]
        found += [(row, of_epic(world, row)) for row in epics]
    if is_deep and not given.get("excludeProjects"):
        for project in emulator.access.visible_projects(viewing.viewer, number):
            if given.get("includeArchived") or not project.facts.get("archived"):
                found += _in_project(viewing, project)
    return _page(viewing, found, given)


def of_project(viewing: Viewing, source: Json, given: dict[str, Any]) -> Json:
    """Those of a project."""
    project = viewing.emulator.world.projects[int(source["id"].rpartition("/")[2])]
    return _page(viewing, _in_project(viewing, project), given)


def _in_project(viewing: Viewing, project: Row) -> list[tuple[Row, Json]]:
    emulator = viewing.emulator
    if not emulator.access.shows(viewing.viewer, project, "issues"):
        return []
    if feature(project, "issues") == "disabled":
        return []
    return [
        (row, of_issue(emulator.world, row))
        for row in emulator.world.issues.of_project(project.id)
        if row.readable and emulator.access.shows_issue(viewing.viewer, row)
    ]


def _page(viewing: Viewing, found: list[tuple[Row, Json]], given: dict[str, Any]) -> Json:
    is_within = within(given)
    kept = [(row, one) for row, one in found if is_within(row)]
    newest_first = str(given.get("sort")).lower() != "updated_asc"
    kept.sort(key=lambda one: (one[0].updated or one[0].created, one[0].id), reverse=newest_first)
    return page(viewing, [one for _, one in kept], given)


def of_issue(world: World, row: Row) -> Json:
    """An issue. Each seventh counts its progress, as objectives do."""
    shown, facts = _shown(world, row, planning.issue), row.facts
    epic = world.epics.rows.get(facts.get("epic_id") or 0)
    parent = None if epic is None else epic.id + planning.EPICS_APART
    made = _work_item(row, shown, TYPES[facts.get("issue_type", "issue")], parent)
    iteration, milestone = facts.get("iteration"), facts.get("milestone_id")
    made["widgets"] += [
        _widget("Milestone", milestone=_named("Milestone", milestone)),
        _widget("Iteration", iteration=_named("Iteration", iteration and iteration["id"])),
        _widget("Weight", weight=shown.get("weight")),
    ]
    if row.id % 7 == 0:
        made["widgets"].append(_widget("Progress", progress=row.id % 101))
    return {**made, "project": rows.project(world, world.projects[row.project_id or 0])}


def of_epic(world: World, row: Row) -> Json:
    """An epic, which has another number than as an epic."""
    above = row.facts.get("parent_id")
    parent = above and world.epics[above].id + planning.EPICS_APART
    made = _work_item(row, _shown(world, row, planning.epic), "Epic", parent)
    return {**made, "id": rows.gid("WorkItem", row.id + planning.EPICS_APART), "project": None}


def _shown(world: World, row: Row, present: Callable[[World, Row], Json]) -> Json:
    """The row as REST shows it, as recorded where it was."""
    body = row.body(world.shown, present.__name__, lambda: present(world, row))
    found: Json = orjson.loads(body)
    return found


def _work_item(row: Row, shown: Json, kind: str, parent: int | None) -> Json:
    is_open = shown["state"] == "opened"
    closed = shown["closed_at"]
    return {
        "id": rows.gid("WorkItem", row.id),
        "iid": str(row.iid),
        "title": shown["title"],
        "description": shown["description"],
        "state": "OPEN" if is_open else "CLOSED",
        "confidential": shown["confidential"],
        "workItemType": {"name": kind},
        "author": {
            "id": rows.gid("User", shown["author"]["id"]),
            "username": shown["author"]["username"],
            "name": shown["author"]["name"],
        },
        "webUrl": shown["web_url"],
        "createdAt": f"{stamp(row.created)[:19]}Z",
        "updatedAt": f"{stamp(row.updated or row.created)[:19]}Z",
        "closedAt": closed and f"{closed[:19]}Z",
        "widgets": [
            _widget("Hierarchy", parent=_named("WorkItem", parent)),
            _widget("Status", status=_STATUSES[row.id % 2] if is_open else _DONE),
            _widget(
                "StartAndDueDate", startDate=shown.get("start_date"), dueDate=shown["due_date"]
            ),
            _widget("HealthStatus", healthStatus=_HEALTH.get(row.facts.get("health_status") or "")),
        ],
    }


def _widget(name: str, **fields: Any) -> Json:
    return {"_type": f"WorkItemWidget{name}", **fields}


def _named(kind: str, number: int | None) -> Json | None:
    return None if number is None else {"id": rows.gid(kind, number)}
