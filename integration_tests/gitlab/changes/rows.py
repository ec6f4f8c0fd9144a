"""Rows of any table: made, changed, touched, deleted, made unreadable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration_tests.gitlab.changes.base import (
    MutationError,
    find_row,
    time_or,
    told,
    touch_row,
)
from integration_tests.gitlab.default_ci import pipeline_facts
from integration_tests.gitlab.plain.resource import resources
from integration_tests.gitlab.plain.tables import OwnedTable, all_rows
from integration_tests.gitlab.repository import make_sha
from integration_tests.gitlab.rows import Row

if TYPE_CHECKING:
    from integration_tests.gitlab.rows import Facts, Json
    from integration_tests.gitlab.world import World


def _pipeline_defaults(world: World, project_id: int, number: int) -> Facts:
    repository = world.repository(project_id)
    head = repository.branches.get(repository.default_branch)
    sha = head.sha if head else make_sha("pipeline", number)
    return pipeline_facts(sha, repository.default_branch, number, world.clock.now())


def _defaults(world: World, table: str, scope: Json, number: int) -> Facts:
    """The facts of a new row that nobody gave."""
    project_id = scope.get("project_id") or 0
    title = f"New {table} {number}"
    simple: dict[str, Facts] = {
        "issues": {"title": title, "author_id": 1, "state": "opened", "labels": []},
        "epics": {"title": title, "author_id": 1, "state": "opened"},
        "milestones": {"title": title, "state": "active"},
        "labels": {"name": title, "color": "#428BCA"},
        "boards": {"name": title},
        "environments": {"name": f"env-{number}", "slug": f"env-{number}"},
    }
    if table in simple:
        return simple[table]
    if table == "merge_requests":
        sha = make_sha("merge request", number)
        return {
            "title": title,
            "author_id": 1,
            "state": "opened",
            "source_branch": f"topic-{number}",
            "sha": sha,
            "commit_shas": [],
            "labels": [],
        }
    if table == "pipelines":
        return _pipeline_defaults(world, project_id, number)
    if table == "releases":
        return {
            "tag_name": f"r{number}",
            "name": title,
            "author_id": 1,
            "evidence_sha": make_sha("release", number),
            "links": [f"asset-{number}.zip"] if number % 2 else [],
        }
    if table == "deployments":
        places = world.environments.of_project(project_id)
        if not places:
            message = f"project {project_id} has no environment to deploy to"
            raise MutationError(message)
        return {
            "ref": "main",
            "sha": make_sha("deployment", number),
            "user_id": 1,
            "environment_id": places[0].id,
            "job_id": None,
            "status": "success",
        }
    return {}


def create(  # noqa: PLR0913 - a row is its columns
    world: World,
    table: str,
    *,
    project_id: int | None = None,
    group_id: int | None = None,
    owner_id: int | None = None,
    columns: Json | None = None,
    created_at: str | None = None,
    updated_at: str | None = None,
    row_id: int | None = None,
    count: int = 1,
) -> list[int]:
    """Add rows; returns their ids. Times are now unless given, with microseconds if need be.

    Rows of a plain list stand below the row ``owner_id``, or in the project or group itself.
    """
    found = world.table(table)
    made: list[int] = []
    if isinstance(found, OwnedTable):
        owner_id = next((one for one in (owner_id, project_id, group_id) if one is not None), None)
        times = (created_at, updated_at)
        return [_create_below(world, found, owner_id, columns, times) for _ in range(count)]
    for _ in range(count):
        new_id = found.next_id() if row_id is None else row_id + len(made)
        if new_id in found:
            message = f"{table} has a row {new_id}"
            raise MutationError(message)
        now = world.clock.now()
        scope = {"project_id": project_id, "group_id": group_id}
        facts = _defaults(world, table, scope, new_id) | (columns or {})
        row = Row(
            new_id,
            facts,
            project_id=project_id,
            group_id=group_id,
            iid=found.next_iid(project_id=project_id, group_id=group_id),
            created=time_or(created_at, now),
            updated=time_or(updated_at, now),
        )
        found.add(row)
        told(world, found, row)
        made.append(new_id)
    return made


def _create_below(
    world: World,
    table: OwnedTable,
    owner_id: int | None,
    columns: Json | None,
    times: tuple[str | None, str | None],
) -> int:
    below = resources()[table.name].below
    owner = (
        next((row for row in all_rows(world, below) if row.id == owner_id), None) if below else None
    )
    if below and owner is None:
        message = f"{below} has no row {owner_id}"
        raise MutationError(message)
    if table.resource.object and table.of_owner(owner):
        message = f"{table.name} has an object below {owner_id} already"
        raise MutationError(message)
    now = world.clock.now()
    row = table.new_below(owner, time_or(times[0], now))
    row.updated = time_or(times[1], row.created)
    row.overrides = columns
    told(world, table, row)
    return row.id


def update(
    world: World,
    table: str,
    row_id: int,
    *,
    columns: Json | None = None,
    updated_at: str | None = None,
) -> Json:
    """Change columns of a row and set updated_at to now, or to the time given."""
    found, row = find_row(world, table, row_id)
    known = row.facts
    given = columns or {}
    row.learn(**{name: value for name, value in given.items() if name in known})
    others = {name: value for name, value in given.items() if name not in known}
    row.overrides = {**(row.overrides or {}), **others} or None
    row.updated = time_or(updated_at, world.clock.now())
    told(world, found, row)
    return {"id": row.id, "updated_at": row.updated}


def delete(world: World, table: str, row_id: int) -> Json:
    """Remove a row."""
    found, row = find_row(world, table, row_id)
    found.remove(row)
    told(world, found, row)
    return {"id": row_id}


def touch(world: World, table: str, row_id: int, *, columns: Json | None = None) -> Json:
    """What a note does to its parent: move updated_at, unless it moved within 60 seconds.

    `columns` change whether it moves or not. They stand in other tables (labels, assignees, time
    spent, notes), whose rows touch the one that shows them (app/models/concerns/throttled_touch.rb,
    which issues, merge requests and notes include).
    """
    found, row = find_row(world, table, row_id)
    row.learn(**(columns or {}))
    moved = touch_row(world, row)
    told(world, found, row)
    return {"id": row_id, "moved": moved, "updated_at": row.updated}


def unreadable(
    world: World,
    table: str,
    *,
    row_id: int = 0,
    every: int = 0,
    readable: bool = False,
) -> Json:
    """Let GitLab drop a row, or each row whose id is divisible, after it has cut a page."""
    found = world.table(table)
    rows = [row for row in found if row.id == row_id or (every and row.id % every == 0)]
    for row in rows:
        row.readable = readable
        found.changed(row)
    return {"rows": len(rows)}


def link_epic_issue(world: World, epic_id: int, issue_id: int) -> Json:
    """Put an issue under an epic."""
    _table, _epic = find_row(world, "epics", epic_id)
    found, row = find_row(world, "issues", issue_id)
    facts = {"epic_id": epic_id, "issue_id": issue_id}
    link = world.epic_issues.add(Row(world.epic_issues.next_id(), facts))
    row.learn(epic_id=epic_id)
    row.updated = world.clock.now()
    told(world, found, row)
    return {"epic_issue_id": link.id}
