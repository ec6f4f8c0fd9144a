"""Rows of plain lists: made when an owner's are first asked for, then kept as any other row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration_tests.gitlab.clock import SECOND, moment
from integration_tests.gitlab.plain.resource import resources
from integration_tests.gitlab.rows import Row, Table

if TYPE_CHECKING:
    from integration_tests.gitlab.plain.resource import Resource
    from integration_tests.gitlab.world import World

FIRST_NEW_ID = 10**12
"""From here on are the ids of rows that a change makes; those that lists begin with are below."""
INSTANCE = 0
"""Stands for the id of an owner where a list belongs to the instance."""
INSTALLED = moment("2024-01-01T08:00:00Z")


class OwnedTable(Table):
    """Rows by the id of what they stand below, beside what every table has.

    An owner has rows from the beginning: ``resource.each`` of them. They are made when somebody
    looks, so that a world of any size has them at no cost. Equal owners have equal rows.
    """

    def __init__(self, resource: Resource) -> None:
        """Make a table in which nobody has looked yet."""
        super().__init__(resource.name)
        self.resource = resource
        self._owned: dict[int, dict[int, Row]] = {}
        self._highest: dict[int, int] = {}
        self._next_new = FIRST_NEW_ID

    def of_owner(self, owner: Row | None) -> list[Row]:
        """The rows below an owner, None for the instance, in the order of insertion."""
        owner_id = INSTANCE if owner is None else owner.id
        wanted = self.resource.of.items()
        if owner is not None and any(owner.facts.get(name) != value for name, value in wanted):
            return []
        if owner_id not in self._owned:
            self._owned[owner_id] = {}
            lacking = self.resource.lacking
            count = 0 if lacking and owner_id % lacking == 0 else self.resource.each
            for number in range(1, count + 1):
                self.add(self._made(owner, number))
        return list(self._owned[owner_id].values())

    def _made(self, owner: Row | None, number: int) -> Row:
        owner_id = INSTANCE if owner is None else owner.id
        start = INSTALLED if owner is None else owner.created
        created = start + number * self.resource.apart * SECOND + number * 1_001
        return self.row_below(owner, owner_id * 10 + number, number, created)

    def row_below(self, owner: Row | None, row_id: int, number: int, created: int) -> Row:
        """A row that is not in the table yet."""
        root = self.resource.root
        project_id, group_id = (None, None)
        if owner is not None and root == "projects":
            project_id = owner.id if self.resource.below == "projects" else owner.project_id
        if owner is not None and root == "groups":
            group_id = owner.id if self.resource.below == "groups" else owner.group_id
        return Row(
            row_id,
            {"owner_id": INSTANCE if owner is None else owner.id, "number": number},
            iid=number,
            project_id=project_id,
            group_id=group_id,
            created=created,
            updated=created,
        )

    def new_below(self, owner: Row | None, created: int) -> Row:
        """Add a row below an owner, as a change does."""
        self.of_owner(owner)
        number = 1 + self._highest.get(INSTANCE if owner is None else owner.id, 0)
        row = self.add(self.row_below(owner, self.next_id(), number, created))
        self._next_new += 1
        return row

    def add(self, row: Row) -> Row:
        """Insert a row."""
        owner_id = row.facts["owner_id"]
        self._owned.setdefault(owner_id, {})[row.id] = row
        self._highest[owner_id] = max(self._highest.get(owner_id, 0), row.facts["number"])
        return super().add(row)

    def next_id(self) -> int:
        """An id that was never used: one behind those of all rows that a change made."""
        return self._next_new

    def remove(self, row: Row) -> None:
        """Delete a row."""
        del self._owned[row.facts["owner_id"]][row.id]
        super().remove(row)


def owned_table(world: World, name: str) -> OwnedTable:
    """The table of a plain list; made when it is first asked for."""
    found = world.plain.get(name)
    if not isinstance(found, OwnedTable):
        found = world.plain[name] = OwnedTable(resources()[name])
    return found


def _owning(name: str) -> Resource | None:
    """The resource whose own rows a table, or another resource, shows; None for the world's."""
    found = resources().get(name)
    while found is not None and found.table:
        found = None if found.table == found.name else resources().get(found.table)
    return found


def rows_below(world: World, name: str, owner: Row | None) -> list[Row]:
    """The rows of a table, plain or not, that stand below a row of another (None: the instance)."""
    resource = _owning(name)
    name = name if name not in resources() else resources()[name].table or name
    if resource is not None:
        is_root = owner is not None and resource.below in {"projects", "groups"}
        if is_root and world.table(resource.below).rows.get(owner.id if owner else 0) is not owner:
            return []
        return owned_table(world, resource.name).of_owner(owner)
    if owner is None:
        return list(world.table(name))
    if name == "commits":
        return _commits(world, owner)
    if world.pipelines.rows.get(owner.id) is owner:
        rows = world.jobs if name == "jobs" else world.bridges
        return [
            row for row in rows.of_project(owner.project_id or 0) if row.pipeline_id == owner.id
        ]
    table = world.table(name)
    in_project = world.projects.rows.get(owner.id) is owner
    return table.of_project(owner.id) if in_project else table.of_group(owner.id)


def all_rows(world: World, name: str) -> list[Row]:
    """Every row of a table; those that lists begin with are made for all their owners."""
    resource = _owning(name)
    if name == "commits":
        return [one for project in world.projects for one in _commits(world, project)]
    if resource is None:
        shown = resources().get(name)
        return list(world.table(shown.table if shown is not None else name))
    if not resource.below:
        return rows_below(world, name, None)
    owners = all_rows(world, resource.below)
    table = owned_table(world, resource.name)
    return [row for owner in owners for row in table.of_owner(owner)]


def chain(resource: Resource) -> list[str]:
    """The tables whose rows the parameters of a path name, from the outermost."""
    names: list[str] = []
    below = resource.below
    while below and below not in {"projects", "groups"} and len(names) < len(resource.parameters):
        names.append(below)
        below = resources()[below].below if below in resources() else ""
    return names[::-1]


def _commits(world: World, project: Row) -> list[Row]:
    """A row for each commit that a branch reaches, so that lists can stand below it."""
    repository = world.repository(project.id)
    known = world.commit_rows.get(project.id)
    if known is None or known[0] != repository.version:
        reached = repository.reachable(one.sha for one in repository.branches.values())
        rows = [
            Row(
                int(sha[:8], 16),
                {"sha": sha, "id": sha},
                project_id=project.id,
                created=repository.commits[sha].committed,
                updated=repository.commits[sha].committed,
            )
            for sha in sorted(reached)
        ]
        known = world.commit_rows[project.id] = (repository.version, rows)
    return known[1]


def home_of(world: World, row: Row) -> Row | None:
    """The project or group that a row is in; None for one of the instance."""
    if row.project_id is not None:
        return world.projects.rows.get(row.project_id)
    return None if row.group_id is None else world.groups.rows.get(row.group_id)


def find_below(
    world: World, name: str, owner: Row | None, parameter: str, value: str
) -> Row | None:
    """The row below an owner that a parameter of a path names; None when there is none.

    A parameter that ends in ``iid`` holds an iid, one that ends in ``id`` an id, and any other the
    fact of its name.
    """
    if name in {"issues", "merge_requests"} and parameter.endswith("iid") and owner is not None:
        return world.table(name).find_iid(owner.id, int(value)) if value.isdecimal() else None
    alone = owner is None and name in resources()
    rows = all_rows(world, name) if alone else rows_below(world, name, owner)
    if parameter.endswith("iid"):
        return next((row for row in rows if str(row.iid) == value), None)
    if parameter.endswith("id"):
        return next((row for row in rows if str(row.id) == value), None)
    return next((row for row in rows if str(row.facts.get(parameter)) == value), None)


def owner_of(world: World, resource: Resource, row: Row) -> Row | None:
    """What a row of a plain list stands below; None for the instance."""
    if not resource.below:
        return None
    if resource.table:
        return home_of(world, row)
    owner_id = row.facts["owner_id"]
    if resource.below == "commits":
        project = world.projects[row.project_id or 0]
        return next((one for one in _commits(world, project) if one.id == owner_id), None)
    table = resources().get(resource.below)
    name = resource.below if table is None else table.table or resource.below
    return world.table(name).rows.get(owner_id)
