"""Projects and members: moved, renamed, archived, hidden, let in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration_tests.gitlab.changes.base import MutationError, find_row, told
from integration_tests.gitlab.rows import Row

if TYPE_CHECKING:
    from integration_tests.gitlab.rows import Json
    from integration_tests.gitlab.world import World


def leave_path(world: World, project: Row) -> None:
    world.redirects[world.project_path(project.id).lower()] = project.id


def move_project(world: World, row_id: int, group_id: int) -> Json:
    """Transfer a project into another group; the old path redirects."""
    found, row = find_row(world, "projects", row_id)
    if group_id not in world.groups:
        message = f"no such group: {group_id}"
        raise MutationError(message)
    leave_path(world, row)
    found.move(row, group_id)
    row.updated = world.clock.now()
    world.restructured()
    return {"path": world.project_path(row_id)}


def rename_project(world: World, row_id: int, path: str) -> Json:
    """Give a project another path; the old one redirects."""
    found, row = find_row(world, "projects", row_id)
    leave_path(world, row)
    row.learn(path=path)
    row.updated = world.clock.now()
    told(world, found, row)
    return {"path": world.project_path(row_id)}


def rename_group(world: World, row_id: int, path: str) -> Json:
    """Give a group another path; all that is below it has another one with it."""
    _found, row = find_row(world, "groups", row_id)
    row.learn(path=path)
    row.updated = world.clock.now()
    world.restructured()
    return {"path": world.group_path(row_id)}


def set_project_facts(world: World, project_id: int, **facts: object) -> Json:
    """Set facts of a project, which moves it."""
    found, row = find_row(world, "projects", project_id)
    row.learn(**facts)
    row.updated = world.clock.now()
    told(world, found, row)
    return {"id": project_id}


def archive(world: World, row_id: int, *, archived: bool = True) -> Json:
    """Archive a project, or bring it back."""
    return set_project_facts(world, row_id, archived=archived)


def hide_project(world: World, row_id: int) -> Json:
    """Let a project be gone for everyone: 404."""
    return set_project_facts(world, row_id, hidden=True)


def show_project(world: World, row_id: int) -> Json:
    """Bring a hidden project back."""
    return set_project_facts(world, row_id, hidden=False)


def set_visibility(world: World, row_id: int, visibility: str) -> Json:
    """Make a project private, internal or public."""
    return set_project_facts(world, row_id, visibility=visibility)


def set_feature(world: World, row_id: int, feature: str, level: str) -> Json:
    """Switch a feature of a project: enabled, private or disabled."""
    _found, row = find_row(world, "projects", row_id)
    return set_project_facts(
        world, row_id, features={**row.facts.get("features", {}), feature: level}
    )


def add_member(
    world: World,
    user_id: int,
    level: int,
    *,
    group_id: int | None = None,
    project_id: int | None = None,
) -> Json:
    """Let a user into a group or project."""
    table = world.project_members if group_id is None else world.group_members
    facts = {"user_id": user_id, "access_level": level, "created_by": 1}
    row = table.add(
        Row(
            table.next_id(),
            facts,
            group_id=group_id,
            project_id=project_id,
            created=world.clock.now(),
        )
    )
    world.restructured()
    return {"id": row.id}


def remove_member(
    world: World,
    user_id: int,
    *,
    group_id: int | None = None,
    project_id: int | None = None,
) -> Json:
    """Let a user out of a group or project."""
    table = world.project_members if group_id is None else world.group_members
    gone = [
        row
        for row in table
        if row.facts["user_id"] == user_id
        and (row.group_id, row.project_id)
        == (
            group_id,
            project_id,
        )
    ]
    for row in gone:
        table.remove(row)
    world.restructured()
    return {"rows": len(gone)}


def make_admin(world: World, user_id: int) -> Json:
    """Let a user administer the instance."""
    world.users[user_id].learn(admin=True)
    world.restructured()
    return {"id": user_id}
