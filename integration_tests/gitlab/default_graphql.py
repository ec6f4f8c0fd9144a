"""Timelogs and vulnerabilities of the default world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration_tests.gitlab.clock import HOUR
from integration_tests.gitlab.graphql.rows import STATES
from integration_tests.gitlab.rows import Row

if TYPE_CHECKING:
    from integration_tests.gitlab.world import World

ISSUES_APART, MERGE_REQUESTS_APART = 3, 4
MOST_LINKED = 25
"""Issues of one vulnerability: more than a page of links holds."""


def add_timelogs(world: World) -> None:
    """Time spent on each third issue and each fourth merge request."""
    rows = [(row, "issue_id") for row in world.issues if row.id % ISSUES_APART == 0]
    rows += [
        (row, "merge_request_id")
        for row in world.merge_requests
        if row.id % MERGE_REQUESTS_APART == 0
    ]
    for number, (row, column) in enumerate(rows, 1):
        facts = {
            column: row.id,
            "spent_at": row.created + number % 5 * HOUR,
            "time_spent": 900 * (1 + number % 7),
            "summary": f"Worked on {number}" if number % 2 else None,
            "user_id": 1 + number % 3,
        }
        world.timelogs.add(
            Row(number, facts, project_id=row.project_id, created=row.created, updated=row.created)
        )


def add_vulnerabilities(world: World) -> None:
    """Seven in each project that has a pipeline; the first is linked to many issues."""
    number = 0
    for project in world.projects:
        if not world.pipelines.of_project(project.id):
            continue
        issues = [row.id for row in world.issues.of_project(project.id)]
        merge_requests = [row.id for row in world.merge_requests.of_project(project.id)]
        for place in range(7):
            number += 1
            created = project.created + number * HOUR
            facts = {
                "number": number,
                "state": STATES[number % len(STATES)],
                "issue_ids": issues[: MOST_LINKED if place == 0 else place % 3],
                "merge_request_id": merge_requests[0] if merge_requests and place == 1 else 0,
            }
            world.vulnerabilities.add(
                Row(
                    9000 + number,
                    facts,
                    project_id=project.id,
                    created=created,
                    updated=created + HOUR,
                )
            )
