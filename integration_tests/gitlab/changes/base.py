"""What all changes need: rows by id, times, and word to everything that depends on a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration_tests.gitlab.clock import HOUR, MINUTE, moment
from integration_tests.gitlab.plain.resource import resources
from integration_tests.gitlab.plain.tables import OwnedTable, all_rows, owner_of

if TYPE_CHECKING:
    from integration_tests.gitlab.rows import Row, Table
    from integration_tests.gitlab.world import World


STRUCTURAL = {"users", "groups", "projects", "group_members", "project_members"}
"""Tables that decide where rows are and who sees them."""

NOT_EMBEDDED = {"issues", "merge_requests", "deployments", "bridges", "releases", "boards"}
"""Tables whose rows no other row shows."""


TOUCHING = frozenset({"releases"})
"""Tables whose rows touch their project whenever they change (``touch: true`` in the model)."""


class MutationError(Exception):
    """A change that does not fit the world."""


ACTIVITY = frozenset({"issues", "merge_requests", "milestones"})
"""Tables whose changes are events of the project; nothing of CI is."""


def find_row(world: World, table: str, row_id: int) -> tuple[Table, Row]:
    """A table and one of its rows; raises MutationError when there is none."""
    found = world.table(table)
    if row_id not in found and isinstance(found, OwnedTable):
        all_rows(world, table)
    if row_id not in found:
        message = f"{table} has no row {row_id}"
        raise MutationError(message)
    return found, found[row_id]


def told(world: World, table: Table, row: Row) -> None:
    """Let everything that depends on a row know that it has changed."""
    table.changed(row)
    if table.name in STRUCTURAL:
        world.restructured()
    elif table.name not in NOT_EMBEDDED:
        world.shown += 1
    if table.name in ACTIVITY:
        active(world, row.project_id or 0)
    if table.name in TOUCHING:
        touched(world, table, row)
    if table.name in resources():
        _touch_owner(world, table, row)


TOUCH_INTERVAL = MINUTE
"""GitLab moves updated_at by a touch at most once a minute (ThrottledTouch)."""


def touch_row(world: World, row: Row) -> bool:
    """Move a row's updated_at to now, unless it moved within a minute; whether it did."""
    now = world.clock.now()
    moved = row.updated is None or now - row.updated > TOUCH_INTERVAL
    if moved:
        row.updated = now
    return moved


def _touch_owner(world: World, table: Table, row: Row) -> None:
    """What a new or changed row of a plain list does to what it stands below."""
    resource = resources()[table.name]
    if resource.touches == "activity":
        active(world, row.project_id or 0)
    if resource.touches == "project":
        touched(world, table, row)
    owner = owner_of(world, resource, row)
    if resource.touches == "owner" and row.id in table and owner is not None:
        touch_row(world, owner)
        told(world, world.table(resource.below), owner)


def touched(world: World, table: Table, row: Row) -> None:
    """Move the updated_at of a row's project: at once, each time.

    A row that was deleted was so now. Any other one changed at the time that it shows, which is
    that of its transaction, and may lie back when it becomes visible.
    """
    project = world.projects.rows.get(row.project_id or 0)
    if project is None:
        return
    when = row.updated if row.id in table else None
    when = world.clock.now() if when is None else when
    project.updated = max(project.updated or 0, when)
    world.projects.changed(project)


def active(world: World, project_id: int) -> None:
    """Note activity in a project, which GitLab writes down once an hour at most."""
    project = world.projects.rows.get(project_id)
    if project is None:
        return
    now = world.clock.now()
    if now - project.facts.get("last_activity", 0) > HOUR:
        project.learn(last_activity=now)
        project.changed()


def time_or(given: str | None, otherwise: int) -> int:
    """The time that was given, or another one."""
    return otherwise if given is None else moment(given)
