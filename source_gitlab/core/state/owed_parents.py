"""Parents whose children did not come: they are owed, and asked for again by every read.

A watermark tells of parents how far they were read. One parent of a thousand may fail for years.
One may answer 404 for a moment while it stands in its list: replicas of GitLab's database may be a
minute behind (doc/administration/postgresql/database_load_balancing.md). So the watermark moves
past it, and the parent is remembered by itself until its children come, GitLab has refused them in
several reads, or nothing of its project is covered any more.

They stand in a state as a table, which is missing when nothing is owed::

    {"columns": ["project_id", "iid", "updated_at"],  what the children need of a parent
     "named": 2,                                      how many of these name it
     "parents": [[7, 12, "2026-…Z", 1]],              and in how many reads it was refused
     "also": […]}                                     tables of parents of parents

A column that a parent lacks is "" there: no number, name or instant is.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from source_gitlab.core.slices import Row, Slice

# About sixty bytes each.
MOST = 1_000
# A parent that was refused in so many reads is believed to be.
MOST_REFUSALS = 4

Name = tuple[int | str, ...]
"""The project (or group) that a parent is in, 0 for none, and the columns that name it there."""


def _name(row: Row, columns: Sequence[str]) -> Name:
    owners = (row[one] for one in ("project_id", "group_id") if type(row.get(one)) is int)
    name = (next(owners, 0), *(row[column] for column in columns))
    if not all(type(one) in {int, str} for one in name):
        message = f"{name} names no parent"
        raise ValueError(message)
    return name


@dataclass(frozen=True)
class Owed:
    """A parent, as far as its children need it; `refusals` counts the reads that met a refusal."""

    row: Row
    refusals: int = 0

    @property
    def is_in_group(self) -> bool:
        """Whether it is a group that the parent is in, not a project."""
        return "project_id" not in self.row


def _inside(slice_: Slice, members: AbstractSet[int]) -> Callable[[Name, Owed], bool]:
    """Whether a parent is one of a slice: in its own project or group, or in `members` of it."""
    container, number = slice_["container"], slice_["id"]
    others = members - set(slice_.get("apart", ()))

    def is_inside(name: Name, owed: Owed) -> bool:
        # Parents in projects say nothing of a group that has the id of their project.
        is_own = container == "instance" or owed.is_in_group == (container == "group")
        return (is_own and name[0] == number) or name[0] in others

    return is_inside


class Room:
    """How many more parents a read may owe: slices that are read at once share it. Thread-safe."""

    def __init__(self, left: int = MOST) -> None:
        """So many are `left`."""
        self._lock = threading.Lock()
        self._left = left

    def take(self) -> bool:
        """Take the place of one parent; False when there is none."""
        with self._lock:
            self._left -= 1
            return self._left >= 0


class OwedParents:
    """What is owed of one stream. Thread-safe."""

    def __init__(self) -> None:
        """Nothing is owed."""
        self._lock = threading.Lock()
        self._found: dict[Name, Owed] = {}
        self._new: dict[Name, Owed] = {}
        self.room = Room()

    @classmethod
    def load(cls, raw: Mapping[str, Any]) -> OwedParents:
        """What `to_json` wrote.

        Raises:
            AttributeError, KeyError, TypeError, ValueError: it did not.
        """
        owed = cls()
        for table in [raw, *raw.get("also", [])] if raw else []:
            columns = [str(column) for column in table["columns"]]
            named = int(table.get("named", 2))
            for *values, refusals in table.get("parents", []):
                known = (None if value == "" else value for value in values)
                row = dict(zip(columns, known, strict=True))
                if type(refusals) is not int:
                    message = f"{refusals} is no number of refusals"
                    raise ValueError(message)
                owed._found[_name(row, columns[:named])] = Owed(row, refusals)
        return owed

    def to_json(self) -> dict[str, Any]:
        """What is owed as JSON; {} when nothing is."""
        tables: dict[tuple[int, tuple[str, ...]], list[list[Any]]] = {}
        with self._lock:
            for name, one in self._found.items():
                values = ("" if value is None else value for value in one.row.values())
                tables.setdefault((len(name) - 1, tuple(one.row)), []).append(
                    [*values, one.refusals]
                )
        first, *others = [
            {"columns": list(columns), "named": named, "parents": parents}
            for (named, columns), parents in tables.items()
        ] or [{}]
        return first | {"also": others} if others else first

    def of(
        self, slice_: Slice, members: AbstractSet[int], columns: Sequence[str], named: int
    ) -> Owing:
        """What a slice owes, whose own project or group, or `members` of it, the parents are in.

        `columns` are those of a parent that its children need; the first `named` of them name it.
        """
        inside = _inside(slice_, members)
        with self._lock:
            found = {
                name: one
                for name, one in self._found.items()
                if one.row.keys() == set(columns) and inside(name, one)
            }
        return Owing(self, columns, named, found)

    def add(self, name: Name, owed: Owed) -> bool:
        """Note a parent that is owed, behind all others; False when there are too many."""
        with self._lock:
            if name not in self._found and not self.room.take():
                return False
            self._found.pop(name, None)
            self._found[name] = self._new[name] = owed
            return True

    def take_new(self) -> dict[str, Any]:
        """What came to be owed since this was last asked, as JSON; {} when nothing did."""
        with self._lock:
            if not self._new:
                return {}
            new, self._new = self._like(self._new), {}
        return new.to_json()

    def take_over(self, raw: Mapping[str, Any] | None) -> None:
        """Note what came to be owed elsewhere, behind all others; `take_new` wrote it."""
        other = self.load(raw or {})
        with self._lock:
            for name, owed in other.entries():
                self._found.pop(name, None)
                self._found[name] = owed

    def entries(self) -> list[tuple[Name, Owed]]:
        """The parents that are owed, by name."""
        with self._lock:
            return list(self._found.items())

    def part(self, slice_: Slice, members: AbstractSet[int]) -> OwedParents:
        """What is owed of a slice, whose own project or group, or `members` of it, it is in."""
        inside = _inside(slice_, members)
        with self._lock:
            return self._like({n: one for n, one in self._found.items() if inside(n, one)})

    def _like(self, found: Mapping[Name, Owed]) -> OwedParents:
        other = OwedParents()
        other._found = dict(found)
        return other

    def settle(self, names: Iterable[Name]) -> None:
        """Forget parents whose children are delivered, or given up."""
        with self._lock:
            for name in names:
                self._found.pop(name, None)

    def retain(self, covered: AbstractSet[int], *, groups: AbstractSet[int]) -> None:
        """Forget parents in what is not covered: all of that is read, whenever it is read next.

        `groups` are covered too, where it is groups that parents are in.
        """
        with self._lock:
            # What belongs to no project or group belongs to the instance.
            self._found = {
                name: one
                for name, one in self._found.items()
                if name[0] in covered or not name[0] or (one.is_in_group and name[0] in groups)
            }

    def __len__(self) -> int:
        """How many parents are owed."""
        return len(self._found)


class Owing:
    """What one slice owes, and what becomes of it in one read. Thread-safe."""

    def __init__(
        self,
        owed: OwedParents,
        columns: Sequence[str],
        named: int,
        found: Mapping[Name, Owed],
    ) -> None:
        """`found` was owed when the slice began; what comes to be owed is noted in `owed`."""
        self._owed = owed
        self._columns = columns
        self._named = columns[:named]
        self._found = found
        self._asked: set[Name] = set()

    def ask(self, parents: Iterable[Row]) -> None:
        """Note that the children of these parents are asked for."""
        if self._found:
            self._asked.update(map(self._name, parents))

    def rest(self) -> list[Row]:
        """The parents that are owed and were not asked for by this read."""
        return [dict(one.row) for name, one in self._found.items() if name not in self._asked]

    def refusals(self, parent: Row) -> int:
        """In how many earlier reads the children of a parent were refused."""
        known = self._found.get(self._name(parent))
        return known.refusals if known else 0

    def owe(self, parent: Row, refusals: int) -> bool:
        """Note that a parent's children are owed; False when that is not possible."""
        row = {column: parent.get(column) for column in self._columns}
        return self._owed.add(self._name(parent), Owed(row, refusals))

    def names(self, parent: Row) -> list[Name]:
        """The name of a parent, if it was owed."""
        if not self._found:
            return []
        name = self._name(parent)
        return [name] if name in self._found else []

    def _name(self, parent: Row) -> Name:
        return _name(parent, self._named)
