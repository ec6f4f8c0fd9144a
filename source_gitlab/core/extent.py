"""How much of each stream a read brought: what a face may take for gone, and what it must keep.

A list that was refused, failed or was stepped over says nothing about its rows, and neither does
a read that did not learn what is in scope. So rows count as gone only where their project or group
certainly was read to its end, or certainly is in scope no more.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from source_gitlab.core.slices import Place, Slice

    Members = Callable[[int], frozenset[int] | None]
    Places = Mapping[str, set[int]]

# The list that a group has for all below it, where "group" is what belongs to one group alone.
_DEEP = "list"


@dataclass(frozen=True)
class Part:
    """The ids that leave `rest` when `first` is added and they are divided by `of`."""

    first: int
    of: int
    rest: int

    def holds(self, number: int) -> bool:
        """Whether an id is among them."""
        return (number + self.first) % self.of == self.rest


@dataclass(frozen=True)
class Extent:
    """Which rows of a stream are gone when a read of the whole stream did not bring them.

    A row belongs to the project or group whose id is in its `column` ("project_id", "group_id" or,
    in the streams of projects and groups themselves, "id"). With `all_but`, everything in scope is
    known and was read to its end except `ids`: rows of other projects that did not come are gone,
    also those of projects that left the scope. Without it, only the projects `ids` were read to
    their end, and of all others nothing is known. A row whose column is null is never gone. With a
    `part`, nothing is known of rows whose id it does not hold: another read takes those.

    Rows that belong to no single project have no such column (""). They are gone only when the
    extent is `whole`.
    """

    column: str
    ids: frozenset[int]
    all_but: bool
    part: Part | None = None

    @property
    def whole(self) -> bool:
        """Whether whatever did not come is gone."""
        return self.all_but and not self.ids and self.part is None

    def is_gone(self, owner: int | None) -> bool:
        """Whether a row that did not come, with `owner` in its column, is gone."""
        if owner is None or (self.part is not None and not self.part.holds(owner)):
            return False
        return (owner in self.ids) != self.all_but


def _places() -> defaultdict[str, set[int]]:
    return defaultdict(set)


@dataclass
class _Known:
    """What is known of one stream, by scope and id.

    `blind` tells that something was not read at a place that is not known.
    """

    planned: bool = False
    blind: bool = False
    open: defaultdict[str, set[int]] = field(default_factory=_places)
    read: defaultdict[str, set[int]] = field(default_factory=_places)
    missed: defaultdict[str, set[int]] = field(default_factory=_places)


class Extents:
    """Collects what becomes of the slices of all streams. Thread-safe.

    A slice counts as read to its end only when that is noted: what nobody notes was not read.
    """

    def __init__(self) -> None:
        """Nothing is planned or read yet."""
        self._lock = threading.Lock()
        self._streams: defaultdict[str, _Known] = defaultdict(_Known)

    def plan(self, stream: str, slice_: Slice, *, deep: bool) -> None:
        """Note that a slice is to be read; `deep` slices of a group hold what is below it too."""
        with self._lock:
            self._streams[stream].open[_scope(slice_, deep=deep)].add(slice_["id"])

    def planned(self, stream: str) -> None:
        """Note that no slice follows, and that the slices cover all that is in scope."""
        with self._lock:
            self._streams[stream].planned = True

    def read(self, stream: str, slice_: Slice, *, deep: bool) -> None:
        """Note that a slice was read to its end, apart from what was noted as `missed`."""
        scope = _scope(slice_, deep=deep)
        with self._lock:
            known = self._streams[stream]
            known.open[scope].discard(slice_["id"])
            known.read[scope].add(slice_["id"])

    def missed(self, stream: str, place: Place) -> None:
        """Note that something was not read; where it belongs to no single place, no row is gone."""
        with self._lock:
            if place.id is None:
                self._streams[stream].blind = True
            else:
                self._streams[stream].missed[place.kind].add(place.id)

    def of(
        self,
        stream: str,
        column: str | None,
        members: Members,
        *,
        is_split: bool = False,
        scope: frozenset[int] = frozenset(),
    ) -> Extent:
        """How much of a stream was read; without a `column`, all of it or nothing.

        `members` tells whose rows the list of a group holds, by the id of the group; None where
        that is not known. When a stream `is_split`, what was planned is not all that there is.
        Whatever of `scope` was not planned was not read.
        """
        with self._lock:
            known = self._streams[stream]
            if column is None:
                unread = (*known.open.values(), *known.missed.values())
                whole = known.planned and not (known.blind or is_split or any(unread))
                return Extent("", frozenset(), all_but=whole)
            kept = [*_owners(known.open, column, members), *_owners(known.missed, column, members)]
            read = list(_owners(known.read, column, members))
            planned = known.planned and not (known.blind or is_split)
        if known.blind or None in kept:
            return Extent(column, frozenset(), all_but=False)
        left = frozenset().union(*filter(None, kept))
        ended = frozenset().union(*filter(None, read)) - left
        if planned:
            return Extent(column, left | (scope - ended), all_but=True)
        return Extent(column, ended, all_but=False)


def _scope(slice_: Slice, *, deep: bool) -> str:
    return _DEEP if deep and slice_["container"] == "group" else slice_["container"]


def _owners(places: Places, column: str, members: Members) -> Iterator[frozenset[int] | None]:
    """The ids that rows of these places have in `column`; None where that is not known."""
    for scope, numbers in places.items():
        if not numbers or scope == "inventory":
            yield None if numbers else frozenset()
        elif scope != _DEEP and column in {"id", f"{scope}_id"}:
            yield frozenset(numbers)
        else:
            yield from (members(number) if scope != "project" else None for number in numbers)
