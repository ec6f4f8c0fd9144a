"""What a reader should end up with of the lists in GraphQL, from the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration_tests.gitlab.clock import stamp
from integration_tests.gitlab.graphql import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from integration_tests.gitlab.expected import Expected, Scope


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
            state, linked = row.facts["state"], row.facts.get("issue_ids", [])
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
                    "issue_links": [
                        {
                            "id": row.id * 1000 + place,
                            "link_type": "RELATED" if place else "CREATED",
                            "issue": {"id": issue_id},
                        }
                        for place, issue_id in enumerate(linked)
                    ],
                },
            )


STREAMS: dict[str, Callable[[Scope], Iterator[Expected]]] = {
    "timelogs": _timelogs,
    "vulnerabilities": _vulnerabilities,
}
