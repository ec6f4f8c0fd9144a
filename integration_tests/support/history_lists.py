"""What may happen to the rows of plain lists: whatever is served from data changes in one way.

A row comes, changes or goes, and what it stands below is touched with it, at most once a minute, as
by the note that GitLab writes of it: what moves nothing at all, no incremental read can see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration_tests.gitlab.changes.base import active
from integration_tests.gitlab.plain.resource import resources
from integration_tests.gitlab.plain.tables import all_rows, owner_of, rows_below
from integration_tests.support.history_world import ANOTHER

if TYPE_CHECKING:
    from integration_tests.gitlab.plain.resource import Resource
    from integration_tests.gitlab.rows import Row
    from integration_tests.support.history_changes import Changes

OPEN_TABLES = {"labels", "boards", "milestones", "environments"}
"""Tables of the world whose rows need no other row, so that one more can be made of nothing."""
TOUCHABLE = {"projects", "groups", "commits", "instance_users"}
"""Owners that no row below them touches."""


def change_listed(it: Changes, a: int, b: int) -> bool:
    """A row of one of the history's plain lists comes, changes or goes."""
    known = [resources()[name] for name in it.streams if name in resources()]
    # A commit never moves, so what comes below it later is not read.
    known = [one for one in known if one.below != "commits"]
    if not known:
        return False
    resource = known[a % len(known)]
    if resource.table:
        return _change_table(it, resource, a, b)
    owners = all_rows(it.emulator.world, resource.below) if resource.below else [None]
    if not owners:
        return False
    owner = owners[b % len(owners)]
    rows = rows_below(it.emulator.world, resource.name, owner)
    done = (_create, _create, _update, _delete)[a // len(known) % 4](it, resource, owner, rows, b)
    if done:
        _touch(it, resource, owner)
    return done


def _create(it: Changes, resource: Resource, owner: Row | None, rows: list[Row], b: int) -> bool:
    # Rows without an id of their own are told apart by what they are about, which stands in a
    # list once.
    is_named = not isinstance(resource.row, dict) or resource.row.get("id") == "$id"
    if rows and (resource.object or not is_named):
        return _update(it, resource, owner, rows, b)
    return it.do("create", table=resource.name, owner_id=None if owner is None else owner.id)


def _update(it: Changes, resource: Resource, _owner: Row | None, rows: list[Row], b: int) -> bool:
    changed = resource.change(f"Changed {it.done}")
    if not rows or not changed:
        return False
    return it.do("update", table=resource.name, id=rows[b % len(rows)].id, set=changed)


def _delete(it: Changes, resource: Resource, _owner: Row | None, rows: list[Row], b: int) -> bool:
    return bool(rows) and it.do("delete", table=resource.name, id=rows[b % len(rows)].id)


def _touch(it: Changes, resource: Resource, owner: Row | None) -> None:
    """Touch every row above, or note activity in the project."""
    world = it.emulator.world
    if owner is None:
        return
    if resource.below == "projects":
        active(world, owner.id)
    while owner is not None and resource.below not in TOUCHABLE:
        it.do("touch", table=resource.below, id=owner.id)
        if resource.below not in resources():
            return
        resource = resources()[resource.below]
        owner = owner_of(world, resource, owner)


def _change_table(it: Changes, resource: Resource, a: int, b: int) -> bool:
    """A row of one of the world's own tables, which other rows may show, comes or changes."""
    world = it.emulator.world
    if not resource.below:
        return False
    homes = all_rows(world, resource.below)
    place = {f"{resource.below.removesuffix('s')}_id": homes[b % len(homes)].id}
    if resource.table.endswith("_members"):
        held = world.table(resource.table)
        rows = rows_below(world, resource.name, homes[b % len(homes)])
        if any(row.facts["user_id"] == ANOTHER for row in rows) or not len(held):
            return False
        return it.do("add_member", user_id=ANOTHER, level=30, **place)
    if resource.table not in OPEN_TABLES:
        return False
    row = it.some(resource.table, b)
    if a % 2 or row is None:
        return it.do("create", table=resource.table, **place)
    column = "title" if "title" in row.facts else "name"
    return it.do("update", table=resource.table, id=row.id, set={column: f"Changed {it.done}"})
