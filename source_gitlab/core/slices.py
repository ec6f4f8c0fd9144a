"""What is read at once, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

from source_gitlab.gitlab.pagination import Row
from source_gitlab.timestamps import day

if TYPE_CHECKING:
    from source_gitlab.core.state.owed_parents import Name
    from source_gitlab.core.state.progress import Progress
    from source_gitlab.core.walks.row_counts import Counts
    from source_gitlab.gitlab.pagination import Missed, Query
    from source_gitlab.streams import Stream

__all__ = ["Page", "Row", "Slice", "beside", "columns_of", "list_of"]


class Slice(TypedDict, total=False):
    """One list to walk, as plain JSON: it reads the same in another thread or process.

    `container` is "group", "project", "instance" or "inventory" and `id` its numeric id, 0 for the
    instance. `since` is the instant from which rows are read (None: all of them), `start` the
    server's time when the read was planned; `read_at` is that time for columns, never earlier than
    in a read before. What entered a group that was read before has that group's id in `group`; in
    the slice of that group it is `apart`, for its rows come from its own slice. A list that
    a group has for all below it is `deep`. `known` is what the state knows of the slice, as a state
    of its own, and missing in slices of streams without a state. `position` is where an
    earlier read of this slice, from `start` on, had come to. `went_back` tells that the watermark
    lay in the future. `path` is the full path, by which GraphQL and a few lists of REST name the
    container, and rows tell that they lie in it. With `sweep`, parents are read again that have not
    changed.
    """

    stream: str
    container: str
    id: int
    since: str | None
    start: str
    read_at: str
    group: int
    apart: list[int]
    deep: bool
    known: dict[str, Any]
    went_back: bool
    sweep: bool
    path: str
    position: dict[str, Any]


@dataclass(frozen=True)
class Place:
    """The project or group (`kind`) that something belongs to, by its id.

    Where it belongs to no single one, `id` is None and `kind` are words for people.
    """

    kind: str
    id: int | None


SCOPE = Place("its scope", None)


@dataclass(frozen=True)
class Owner:
    """What rows of one table belong to: those that have these `values` in these `columns`."""

    columns: tuple[str, ...]
    values: tuple[Any, ...]


@dataclass
class Page:
    """Rows that belong together, and what is known to be complete once they are delivered.

    The rows belong to who takes the page, who may change or empty them.

    `through`: every row up to this instant is delivered. `position`: where to go on when there
    is no such instant ({}: nowhere, forget the last one). `heads`: the first digits of commits
    that were reached, by ref (None: the ref is gone). `top`: the highest id of a list that is read
    to its end. `counts`: how many rows the list has. `seen`: digests of rows, with their
    instants, that need not be delivered again. `denied`: members of the group that could not be
    read. `missed`: what did not come of the list so far, or cannot be told apart; no state moves
    past it unless it is remembered. `settled`: parents that were owed, and are no more. `progress`:
    all this as plain JSON, for `StreamState.apply`. `is_end`: the page has no rows, only progress.
    `owner`: the rows are all that it has, so that others of its rows are gone.
    """

    rows: list[Row]
    through: str | None = None
    position: dict[str, Any] | None = None
    heads: dict[str, str | None] = field(default_factory=dict)
    top: int | None = None
    counts: Counts | None = None
    seen: dict[str, str] = field(default_factory=dict)
    denied: frozenset[int] = frozenset()
    missed: list[Missed] = field(default_factory=list)
    settled: list[Name] = field(default_factory=list)
    progress: Progress = field(default_factory=dict)
    is_end: bool = False
    owner: Owner | None = None


def list_of(stream: Stream, slice_: Slice, *, archived: bool) -> tuple[str, Query]:
    """The path below /api/v4 of the list that a slice names, and its query.

    `archived` says whether archived projects are read, where the list takes that.
    """
    container, number = slice_["container"], slice_["id"]
    query: Query = stream.parameters(container, number, slice_.get("path", ""))
    if container == "group" and "non_archived" in query:
        query["non_archived"] = not archived
    return stream.address(container, number), query


def place_of(row: Row) -> Place | None:
    """The project or group that a row names as its own."""
    for kind in ("project", "group"):
        number = row.get(f"{kind}_id")
        if type(number) is int:
            return Place(kind, number)
    return None


def columns_of(slice_: Slice) -> dict[str, Any]:
    """What rows may be given of their slice: `slice.project_id` and the like in declarations."""
    read_at = slice_.get("read_at", slice_["start"])
    return {
        f"{slice_['container']}_id": slice_["id"],
        "read_at": read_at,
        "read_on": day(read_at),
    }


def beside(stream: Stream, slice_: Slice, rows: list[Row]) -> list[Row]:
    """Without the rows that another slice of this read brings.

    Slices are read at the same time, so of two versions of one row the older might come last.
    """
    if slice_["container"] != "group":
        return rows
    column = "group_id" if stream.containers == ("group",) else "project_id"
    if "group" in slice_:
        # The list of a group that entered shows the groups below it, which entered with it.
        return [row for row in rows if row.get(column) in {None, slice_["id"]}]
    apart = slice_.get("apart")
    return [row for row in rows if row.get(column) not in apart] if apart else rows
