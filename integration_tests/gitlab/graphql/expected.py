"""What a reader should end up with of the lists in GraphQL, from the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration_tests.gitlab.clock import stamp
from integration_tests.gitlab.graphql import rows, work_items
from integration_tests.gitlab.graphql.shape import as_read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from integration_tests.gitlab.expected import Expected, Scope
    from integration_tests.gitlab.rows import Json, Row
    from integration_tests.gitlab.world import World


def _timelogs(scope: Scope) -> Iterator[Expected]:
    for project in scope.projects:
        for row in scope.world.timelogs.of_project(project.id):
            if rows.shows_timelog(scope.emulator, scope.viewer, row):
                facts = row.facts
                yield (
                    {},
                    {
                        "id": row.id,
                        "spent_at": f"{stamp(facts['spent_at'])[:19]}Z",
                        "time_spent": facts["time_spent"],
                        "summary": facts.get("summary"),
                        "user_id": facts["user_id"],
                        "project_id": project.id,
                        "issue_id": facts.get("issue_id"),
                        "merge_request_id": facts.get("merge_request_id"),
                        "note_id": None,
                    },
                )


def _vulnerabilities(scope: Scope) -> Iterator[Expected]:
    for project in scope.projects:
        for row in scope.world.vulnerabilities.of_project(project.id):
            if not rows.shows_vulnerability(scope.emulator, scope.viewer, row):
                continue
            state = row.facts["state"]
            yield (
                {},
                {
                    "id": row.id,
                    "title": f"Vulnerability {row.facts['number']}",
                    "state": state,
                    "detected_at": f"{stamp(row.created)[:19]}Z",
                    "project_id": project.id,
                    "confirmed_by_id": 1 if state == "CONFIRMED" else None,
                    "merge_request_id": row.facts.get("merge_request_id") or None,
                    "issue_links": _links(row),
                },
            )


def _merge_request_metrics(scope: Scope) -> Iterator[Expected]:
    for project in scope.having("merge_requests"):
        for row in scope.world.merge_requests.of_project(project.id):
            if row.readable:
                shown = as_read(rows.merge_request(scope.world, row))
                del shown["title"], shown["project"]
                pipeline = shown["head_pipeline"]
                ids = {"project_id": project.id, "head_pipeline_id": pipeline and pipeline["id"]}
                yield {}, {**shown, **ids}


def _work_items(scope: Scope) -> Iterator[Expected]:
    for project in scope.having("issues"):
        for row in scope.world.issues.of_project(project.id):
            if row.readable and scope.access.shows_issue(scope.viewer, row):
                yield {}, _work_item(work_items.of_issue(scope.world, row), project.id)


def _group_work_items(scope: Scope) -> Iterator[Expected]:
    settings = scope.world.settings
    for group in scope.groups if settings.epics == "on" and settings.tier != "free" else ():
        for row in scope.world.epics.of_group(group.id):
            if row.readable:
                yield (
                    {"group_id": group.id},
                    _work_item(work_items.of_epic(scope.world, row), None),
                )


def _work_item(shown: Json, project_id: int | None) -> Json:
    """One with the columns of its widgets, and with the ids that it names."""
    made: Json = as_read({**shown, "widgets": None, "project": None})
    for one in shown["widgets"]:
        made |= as_read({name: value for name, value in one.items() if name != "_type"})
    made["parent_item"] = made.pop("parent")
    for column in ("parent_item", "milestone", "iteration", "author"):
        name = column.removesuffix("_item")
        made[f"{name}_id"] = (made.get(column) or {}).get("id")
    del made["widgets"], made["project"], made["author"]
    made |= {"type_name": made["work_item_type"]["name"], "status_name": made["status"]["name"]}
    return made if project_id is None else {**made, "project_id": project_id}


def _links(row: Row) -> list[Json]:
    return [
        {
            "id": row.id * 1000 + place,
            "link_type": "RELATED" if place else "CREATED",
            "issue": {"id": issue_id},
        }
        for place, issue_id in enumerate(row.facts.get("issue_ids", []))
    ]


def _below(make: Callable[[World, Row], list[Json]]) -> Callable[[Scope], Iterator[Expected]]:
    """What stands in the rows of vulnerabilities."""

    def found(scope: Scope) -> Iterator[Expected]:
        for project in scope.projects:
            for row in scope.world.vulnerabilities.of_project(project.id):
                if rows.shows_vulnerability(scope.emulator, scope.viewer, row):
                    parent = {"project_id": project.id, "vulnerability_id": row.id}
                    yield from ((parent, one) for one in make(scope.world, row))

    return found


def _transitions(world: World, row: Row) -> list[Json]:
    found = [as_read(one) for one in rows.transitions(world, row)]
    for one in found:
        (one["author"] or {}).pop("web_url", None)
    return found


STREAMS: dict[str, Callable[[Scope], Iterator[Expected]]] = {
    "merge_request_metrics": _merge_request_metrics,
    "group_work_items": _group_work_items,
    "timelogs": _timelogs,
    "vulnerabilities": _vulnerabilities,
    "work_items": _work_items,
    "vulnerability_issue_links": _below(lambda _world, row: _links(row)),
    "vulnerability_state_transitions": _below(_transitions),
}
