"""What each field of the schema holds, as far as it is not in the row of its object already."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError

from integration_tests.gitlab.graphql import contributions, pipelines, rows, work_items
from integration_tests.gitlab.graphql.lists import DENIED, listed
from integration_tests.gitlab.graphql.pages import page, within
from integration_tests.gitlab.graphql.shape import NODES
from integration_tests.gitlab.plain.resource import resources
from integration_tests.gitlab.plain.tables import all_rows
from integration_tests.gitlab.present import structure

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphql import GraphQLResolveInfo

    from integration_tests.gitlab.graphql.pages import Viewing
    from integration_tests.gitlab.rows import Json, Row

LOCATIONS = {
    "CONTAINER_SCANNING": "VulnerabilityLocationContainerScanning",
    "DAST": "VulnerabilityLocationDast",
    "DEPENDENCY_SCANNING": "VulnerabilityLocationDependencyScanning",
    "SAST": "VulnerabilityLocationSast",
    "SECRET_DETECTION": "VulnerabilityLocationSecretDetection",
}


def resolve(source: Any, info: GraphQLResolveInfo[Any], /, **given: Any) -> Any:
    """The value of one field."""
    source = source or {}
    viewing: Viewing = info.context
    settings = viewing.emulator.world.settings
    name = f"{info.parent_type.name}.{info.field_name}"
    if name in settings.graphql_denies:
        raise GraphQLError(DENIED)
    slow = settings.graphql_slow_above
    is_late = slow and source.get("fullPath") and (given.get("first") or 0) > slow
    most = settings.graphql_counts_up_to
    is_late = is_late or (most and info.field_name == "count" and source["count"] > most)
    if is_late or _row(info) >= (settings.graphql_slow_from or math.inf):
        message = f"Timeout on {name}"
        raise GraphQLError(message)
    broken = settings.graphql_broken.get(name)
    if broken is not None and broken == source.get("id"):
        return None
    found = _FIELDS.get(name)
    if found is not None:
        return found(viewing, source, given)
    value = source.get(info.field_name)
    if isinstance(value, rows.Many):
        return page(viewing, value.rows, given)
    if isinstance(value, dict) and value.keys() == {NODES}:
        return page(viewing, value[NODES], given)
    return value if info.field_name in source else listed(viewing, source, info, given)


def _row(info: GraphQLResolveInfo[Any]) -> int:
    """The row of the page that a field is in, counted from 1; 0 outside of the list."""
    return next((part + 1 for part in info.path.as_list() if isinstance(part, int)), 0)


def type_of(value: Json, _info: GraphQLResolveInfo[Any], _kind: Any) -> str:
    """Which type of a union, or of an interface, an object is."""
    return str(value["_type"]) if "_type" in value else LOCATIONS[value["reportType"]]


def _group(viewing: Viewing, _source: Any, given: dict[str, Any]) -> Json | None:
    """The group of a path; null for one that the viewer may not see, without a word."""
    emulator = viewing.emulator
    found = emulator.world.find_group(given["fullPath"])
    if found is None or not emulator.access.sees_group(viewing.viewer, found):
        return None
    return rows.group(emulator.world, found)


def _project(viewing: Viewing, _source: Any, given: dict[str, Any]) -> Json | None:
    emulator = viewing.emulator
    found = emulator.world.find_project(given["fullPath"])
    if found is None or not emulator.access.sees_project(viewing.viewer, found):
        return None
    return rows.project(emulator.world, found)


def _vulnerability(viewing: Viewing, _source: Any, given: dict[str, Any]) -> Json | None:
    emulator = viewing.emulator
    number = int(str(given["id"]).rpartition("/")[2])
    row = emulator.world.vulnerabilities.rows.get(number)
    if row is None or not rows.shows_vulnerability(emulator, viewing.viewer, row):
        return None
    return rows.vulnerability(emulator.world, row)


def _container_repository(viewing: Viewing, _source: Any, given: dict[str, Any]) -> Json | None:
    """One that its project's reporters see (read_container_image)."""
    emulator = viewing.emulator
    resource = resources()["registry_repositories"]
    number = int(str(given["id"]).rpartition("/")[2])
    row = next((one for one in all_rows(emulator.world, resource.name) if one.id == number), None)
    home = emulator.world.projects.rows.get(0 if row is None else row.project_id or 0)
    if home is None or structure.feature(home, resource.feature) == "disabled":
        return None
    is_open = resource.public and home.facts["visibility"] == "public"
    level = emulator.access.project_level(viewing.viewer, home)
    if not is_open and level < resource.level and not emulator.access.is_admin(viewing.viewer):
        return None
    return {"id": given["id"]}


def _projects(viewing: Viewing, source: Json) -> list[Row]:
    emulator = viewing.emulator
    number = int(source["id"].rpartition("/")[2])
    if "/Group/" in source["id"]:
        return emulator.access.visible_projects(viewing.viewer, number)
    return [emulator.world.projects[number]]


def _timelogs(viewing: Viewing, source: Json, given: dict[str, Any]) -> Json:
    """Those of issues and merge requests that the viewer may read; archived projects too."""
    emulator = viewing.emulator
    shown = [
        rows.timelog(emulator.world, row)
        for project in _projects(viewing, source)
        for row in emulator.world.timelogs.of_project(project.id)
        if rows.shows_timelog(emulator, viewing.viewer, row)
    ]
    since, until = given.get("startTime"), given.get("endTime")
    shown = [
        one
        for one in shown
        if (since is None or one["spentAt"] >= since) and (until is None or one["spentAt"] <= until)
    ]
    return page(viewing, _sorted(shown, "spentAt"), given)


def _vulnerabilities(viewing: Viewing, source: Json, given: dict[str, Any]) -> Json | None:
    """Null where the viewer lacks the role, or the instance the tier."""
    emulator = viewing.emulator
    world = emulator.world
    number = int(source["id"].rpartition("/")[2])
    home = world.groups[number] if "/Group/" in source["id"] else world.projects[number]
    if not rows.may_read_security(emulator, viewing.viewer, home):
        return None
    shown = [
        rows.vulnerability(world, row)
        for project in _projects(viewing, source)
        for row in world.vulnerabilities.of_project(project.id)
        if rows.shows_vulnerability(emulator, viewing.viewer, row)
    ]
    return page(viewing, _sorted(shown, "detectedAt"), given)


def _merge_requests(viewing: Viewing, source: Json, given: dict[str, Any]) -> Json | None:
    """Those that the viewer sees, by the time of their last change; null in a project without any.

    Of a group its own alone, and none of archived projects, unless more is asked for
    (app/graphql/resolvers/group_merge_requests_resolver.rb).
    """
    emulator = viewing.emulator
    world, homes = emulator.world, _projects(viewing, source)
    if "/Group/" in source["id"]:
        number = int(source["id"].rpartition("/")[2])
        homes = [
            one
            for one in homes
            if (given.get("includeSubgroups") or one.group_id == number)
            and (given.get("includeArchived") or not one.facts.get("archived"))
        ]
    open_ = [one for one in homes if emulator.access.shows(viewing.viewer, one, "merge_requests")]
    if "/Project/" in source["id"] and not open_:
        return None
    is_within = within(given)
    found = [
        row
        for one in open_
        for row in world.merge_requests.of_project(one.id)
        if row.readable and is_within(row)
    ]
    newest_first = str(given.get("sort")).lower() != "updated_asc"
    found.sort(key=lambda row: (row.updated or row.created, row.id), reverse=newest_first)
    return page(viewing, [rows.merge_request(world, row) for row in found], given)


def _sorted(shown: list[Json], column: str) -> list[Json]:
    return sorted(shown, key=lambda one: (one[column], int(one["id"].rpartition("/")[2])))


_FIELDS: dict[str, Callable[[Viewing, Any, dict[str, Any]], Any]] = {
    "Query.group": _group,
    "Query.project": _project,
    "Query.projects": pipelines.projects,
    "Pipeline.jobs": pipelines.jobs,
    "Project.pipeline": pipelines.pipeline,
    "Project.pipelineCounts": pipelines.counts,
    "Project.pipelines": pipelines.pipelines,
    "Group.contributions": contributions.of_group,
    "Group.workItems": work_items.of_group,
    "Project.workItems": work_items.of_project,
    "Query.containerRepository": _container_repository,
    "Query.vulnerability": _vulnerability,
    "Query.queryComplexity": lambda _viewing, _source, _given: {"limit": 250, "score": 1},
    "Group.timelogs": _timelogs,
    "Project.timelogs": _timelogs,
    "Group.mergeRequests": _merge_requests,
    "Project.mergeRequests": _merge_requests,
    "Group.vulnerabilities": _vulnerabilities,
    "Project.vulnerabilities": _vulnerabilities,
}
