"""Which of GitLab's lists can be counted for a stream, and which rows of a copy they hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from source_gitlab.core.membership import only_groups
from source_gitlab.core.slices import Place, Slice
from source_gitlab.gitlab.errors import FatalError, GitlabError
from source_gitlab.streams import Stream
from source_gitlab.timestamps import plus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_gitlab.core.inventory import Group, Inventory, Project
    from source_gitlab.core.membership import Membership
    from source_gitlab.core.state import StreamState
    from source_gitlab.gitlab.pagination import Query


@dataclass(frozen=True)
class CountedList:
    """One list that can be counted.

    The copy's rows of it are those whose `column` has one of the `owners`. `through` is up to when
    the copy has been read, and `until` a little earlier: what was created since may be missing in
    it. What was last changed before `first` (None: nothing) was never asked for. A list that is not
    `dated` takes no filter of the time of creation, and is counted as a whole.
    """

    stream: Stream
    slice_: Slice
    column: str
    owners: frozenset[int]
    through: str
    until: str
    first: str | None
    dated: bool

    @property
    def place(self) -> Place:
        """The project or group whose list it is."""
        return Place(self.slice_["container"], self.slice_["id"])

    @property
    def path(self) -> str:
        """Where it is, below /api/v4."""
        return self.stream.address(self.slice_["container"], self.slice_["id"])

    @property
    def queries(self) -> list[Query]:
        """The queries that make up the list; together they hold each row once."""
        query: Query = dict(self.stream.query)
        if self.first:
            query["updated_after"] = self.first
            if not self.dated and self.stream.walk == "seek":
                query |= {"order_by": "updated_at", "sort": "asc"}
        return [{**query, **more} for more in self.stream.queries]


@dataclass
class Lists:
    """The lists of one stream that are counted, and, by place, why others are not.

    `owners` are all groups or projects that are chosen; None where they are not all known, or
    another read looks after some. Of those that are `off`, GitLab shows no rows.
    """

    owners: set[int] | None = None
    counted: list[CountedList] = field(default_factory=list)
    left: list[tuple[Place, str]] = field(default_factory=list)
    off: list[Place] = field(default_factory=list)


def lists_of(  # noqa: PLR0913, PLR0917 -- what is read, what is known of it, and when
    stream: Stream,
    state: StreamState,
    inventory: Inventory,
    membership: Membership,
    is_mine: IsMine,
    start: str,
    lookback_minutes: int,
) -> Lists:
    """The lists of a stream that `state` covers; `start` is when this look began.

    `is_mine` tells which places this read looks after, where another one does after the others.

    What is chosen and cannot be listed is in the report, and the rest is in what is found.

    Raises:
        GitlabError: GitLab could not be asked what is in scope.
    """
    found = Lists()
    why = _other_user(state, membership.access_levels.user())
    if why is not None:
        found.left.append((Place("every place", None), why))
        return found
    first = state.origin.start_date if state.origin else None
    if first and "updated_at" not in stream.columns:
        place = Place("every place", None)
        why = "It was read from a start date on, of which its rows tell nothing."
        found.left.append((place, why))
        return found
    every: set[int] = set()
    is_whole = True
    for root, (place, owners, read) in _places(stream, state, inventory, membership):
        if not is_mine(stream, root, place):
            is_whole = False
            continue
        every |= owners
        if read == OFF:
            found.off.append(place)
            continue
        if read is None:
            found.left.append((place, "It has not been read yet."))
            continue
        column = "project_id" if place.kind == "project" else "group_id"
        through = min(read, start)
        found.counted.append(
            CountedList(
                stream,
                Slice(
                    stream=stream.name,
                    container=place.kind,
                    id=place.id or 0,
                    start=start,
                    read_at=max(start, state.newest) if stream.distinct else start,
                ),
                column,
                owners,
                through,
                plus(through, minutes=-lookback_minutes),
                first,
                stream.counted == "created_at",
            )
        )
    roots = inventory.roots()
    if (
        is_whole
        and roots.complete
        and not any(inventory.lacking(root, of_groups=only_groups(stream)) for root in roots.groups)
    ):
        found.owners = every
    return found


def _other_user(state: StreamState, user: str | None) -> str | None:
    """Why rows may be hidden from a user that another one has read; None when they are not."""
    known = state.origin.user if state.origin else None
    if known is None or user == known or (user or "").endswith("+"):
        return None
    return "Its rows were read by another user, or by this one with more rights."


OFF = "off"
"""In place of an instant: GitLab shows no rows of a place, which is in the report."""

_Found = tuple[Place, frozenset[int], "str | None"]
IsMine = Callable[[Stream, int | None, Place], bool]
"""Whether a place, in a chosen group or in none, is looked after by this read."""


def _places(
    stream: Stream, state: StreamState, inventory: Inventory, membership: Membership
) -> Iterator[tuple[int | None, _Found]]:
    """The places of a stream's lists, whose rows those hold, and up to when they were read.

    Beside each stands the chosen group that it is in.
    """
    roots = inventory.roots()
    if stream.containers == ("group",):
        for root in roots.groups:
            yield from ((root.id, one) for one in _groups(stream, state, inventory, root))
        return
    for root in roots.groups if roots.whole else ():
        try:
            projects = list(inventory.listing(root).projects.values())
        except FatalError:
            raise
        except GitlabError as error:
            inventory.leave_out(root, error)
            continue
        yield from ((root.id, one) for one in _projects(stream, state, membership, projects))
    chosen = list(roots.projects)
    yield from ((None, one) for one in _projects(stream, state, membership, chosen))


def _projects(
    stream: Stream,
    state: StreamState,
    membership: Membership,
    projects: list[Project],
) -> Iterator[_Found]:
    covering = [one for one in state.groups.values() if stream.kind == "selection"]
    for project in projects:
        if membership.is_off(stream, project):
            yield Place("project", project.id), frozenset({project.id}), OFF
            continue
        instants = [one.through for one in covering if project.id in one.projects]
        instants.append(state.projects.get(project.id))
        through = max(filter(None, instants), default=None)
        yield Place("project", project.id), frozenset({project.id}), through


def _groups(
    stream: Stream, state: StreamState, inventory: Inventory, root: Group
) -> Iterator[_Found]:
    try:
        numbers = [int(row["id"]) for row in inventory.group_rows(root)]
    except FatalError:
        raise
    except GitlabError as error:
        inventory.leave_out(root, error)
        return
    of_root = state.groups[root.id].through if root.id in state.groups else None
    if stream.counted == "created_at":
        # The list of a group holds what is below it.
        yield Place("group", root.id), frozenset(numbers), of_root
        return
    for number in numbers:
        alone = state.groups[number].through if number in state.groups else None
        yield Place("group", number), frozenset({number}), alone or of_root
