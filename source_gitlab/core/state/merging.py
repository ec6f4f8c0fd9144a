"""The states that shards left of one stream, put together as if one read had written them.

What a state knows of a group or project is a unit, and belongs to the shard that reads it
(sharding.py). A shard that went on from another state may still hold what others had read by then:
of each unit, what its own shard says counts. Where several states may say it, because a shard was
read twice or with other numbers of shards, they must say the same.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from source_gitlab.config.shard import Shard
from source_gitlab.core.sharding import Sharding
from source_gitlab.core.state.members import ProjectsListed
from source_gitlab.core.state.owed_parents import Room
from source_gitlab.core.state.stream_state import StreamState
from source_gitlab.streams import root_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from source_gitlab.core.state.members import GroupState
    from source_gitlab.core.state.origin import Origin
    from source_gitlab.core.state.owed_parents import Name, Owed
    from source_gitlab.core.walks.row_counts import Counts
    from source_gitlab.streams import Stream

Unit = tuple[str, int]
"""A container, as in slices, and its id; that of the instance is 0."""


class MergeError(ValueError):
    """States do not belong together; the message says which, and why."""


@dataclass(frozen=True)
class Named:
    """A state, with what it is called in messages."""

    name: str
    state: StreamState

    @property
    def shard(self) -> Shard | None:
        """The shard whose read left it; None when it was all."""
        origin = self.state.origin
        return Shard.parse(origin.shard) if origin and origin.shard else None


def merged(stream: Stream, given: Sequence[Named]) -> StreamState:
    """The state of all that was read.

    Raises:
        MergeError: they are of several GitLabs or configurations, or say different things of one
            group or project.
    """
    if len(given) == 1 and given[0].shard is None:
        return given[0].state
    state = StreamState()
    if not stream.incremental:
        # It is read in full each time, whatever planning noted.
        return state
    state.origin = _origin(stream, given)
    state.owed.room = Room(sum(len(one.state.owed) for one in given))
    found: dict[Unit, tuple[Named, _Known]] = {}
    for one in given:
        sharding = Sharding(one.shard)
        homes, owed = _homes(stream, one.state), _owed(one.state)
        for unit in _units(stream, one.state, owed):
            if not sharding.owns(stream, *homes.get(unit, unit)):
                continue
            known = _known(stream, one.state, unit, owed.get(unit, {}))
            before = found.setdefault(unit, (one, known))
            if before[1] != known:
                raise MergeError(_differing(stream, before[0], one, unit))
            if before[0] is one:
                _take(state, unit, known)
    state.projects_listed = _listed(given)
    return state


def absent(given: Sequence[Named]) -> list[Shard]:
    """The shards of which no state is given, though others with their number of shards are."""
    shards = {one.shard for one in given}
    if None in shards:
        return []
    numbers = {shard.of for shard in shards if shard is not None}
    lacking = {number: [Shard(part, number) for part in range(1, number + 1)] for number in numbers}
    left = [[one for one in every if one not in shards] for every in lacking.values()]
    return min(left, key=len, default=[])


def _alone(stream: Stream) -> str:
    """What is read on its own, and stands among the projects of a state."""
    root = root_of(stream)
    return "group" if root.kind == "group" or root.containers == ("group",) else "project"


def _units(stream: Stream, state: StreamState, owed: Iterable[Unit]) -> list[Unit]:
    alone = _alone(stream)
    units = {(alone, number) for number in {*state.projects, *state.partial, *state.heads.projects}}
    units |= {("group", number) for number in state.groups}
    for key in (*state.positions, *state.counts, *state.joined, *state.recent):
        container, _, number = key.partition(":")
        if number.isdecimal():
            units.add((container, int(number)))
    if state.instance is not None:
        units.add(("instance", 0))
    return sorted({*units, *owed})


def _homes(stream: Stream, state: StreamState) -> dict[Unit, Unit]:
    """The groups with which members of theirs were read, or are being read."""
    alone = _alone(stream)
    homes: dict[Unit, Unit] = {}
    for number, group in state.groups.items():
        for member in group.projects | state.entering.get(number, set()):
            if member != number or alone != "group":
                homes[alone, member] = ("group", number)
    return homes


@dataclass(frozen=True)
class _Known:
    """What a state knows of one unit; None, or nothing, where it knows nothing."""

    through: str | None
    is_partial: bool
    heads: Mapping[str, str]
    top: int | None
    group: GroupState | None
    entering: AbstractSet[int]
    position: Mapping[str, Any] | None
    counts: Counts | None
    joined: Mapping[int, Sequence[int]] | None
    recent: Mapping[str, str] | None
    owed: Mapping[Name, Owed]


def _known(stream: Stream, state: StreamState, unit: Unit, owed: Mapping[Name, Owed]) -> _Known:
    container, number = unit
    key, is_alone = f"{container}:{number}", container == _alone(stream)
    through = state.projects.get(number) if is_alone else None
    return _Known(
        through=state.instance if container == "instance" else through,
        is_partial=is_alone and number in state.partial,
        heads=state.heads.of(number) if is_alone else {},
        top=state.highest_ids.of(number) if is_alone else None,
        group=state.group(number) if container == "group" and number in state.groups else None,
        entering=frozenset(state.entering.get(number, ())) if container == "group" else frozenset(),
        position=state.positions.get(key),
        counts=state.counts.get(key),
        joined=state.joined.get(key),
        recent=state.recent.get(key),
        owed=owed,
    )


def _take(state: StreamState, unit: Unit, known: _Known) -> None:
    container, number = unit
    if container == "instance":
        state.instance = known.through
    elif known.through is not None:
        state.projects[number] = known.through
    if known.is_partial:
        state.partial.add(number)
    state.heads.reach(number, known.heads)
    if known.top is not None:
        state.highest_ids.reach(number, known.top)
    if known.group is not None:
        state.groups[number] = known.group
    if known.entering:
        state.entering[number] = set(known.entering)
    for name, owed in known.owed.items():
        state.owed.add(name, owed)
    _take_list(state, f"{container}:{number}", known)


def _take_list(state: StreamState, key: str, known: _Known) -> None:
    if known.position:
        state.positions[key] = dict(known.position)
    if known.counts is not None:
        state.counts[key] = known.counts
    if known.joined:
        state.joined[key] = {one: list(rows) for one, rows in known.joined.items()}
    if known.recent:
        state.recent[key] = dict(known.recent)


def _owed(state: StreamState) -> dict[Unit, dict[Name, Owed]]:
    """The parents that are owed, by what they are in."""
    found: defaultdict[Unit, dict[Name, Owed]] = defaultdict(dict)
    for name, owed in state.owed.entries():
        found[_unit_of(name, owed)][name] = owed
    return found


def _unit_of(name: Name, owed: Owed) -> Unit:
    """What an owed parent is in."""
    if not name[0]:
        return "instance", 0
    return "group" if owed.is_in_group else "project", int(name[0])


def _listed(given: Sequence[Named]) -> dict[int, ProjectsListed]:
    """What is known of lists that a group has of things in all its projects.

    It holds for all projects only when each shard saw the same list. How many projects a group has
    is not known: they were listed at different moments.
    """
    found: dict[int, ProjectsListed] = {}
    every = [one.state.projects_listed for one in given]
    for number in set(every[0]).intersection(*every[1:]):
        known = [one[number] for one in every]
        changed = [one.changed for one in known if one.changed]
        if len({one.digest for one in known}) == 1 and len(changed) == len(known):
            found[number] = ProjectsListed(known[0].digest, max(changed))
    return found


def _origin(stream: Stream, given: Sequence[Named]) -> Origin | None:
    """What all of them were made with."""
    origins = [(one, one.state.origin) for one in given if one.state.origin is not None]
    if not origins:
        return None
    first, known = origins[0]
    for other, origin in origins[1:]:
        for what, mine, theirs in (
            ("another GitLab", known.instance, origin.instance),
            ("another start date", known.start_date, origin.start_date),
            ("another selection of groups and projects", known.selection, origin.selection),
            ("another user's token", _plain(known.user), _plain(origin.user)),
        ):
            if mine != theirs:
                message = (
                    f"{stream.name}: {other.name} was made with {what} ({theirs or 'none'}) than"
                    f" {first.name} ({mine or 'none'}), so they are no shards of one read."
                )
                raise MergeError(message)
    users = sorted({origin.user for _, origin in origins if origin.user})
    # The one who sees less is first.
    return replace(known, user=users[0] if users else None, shard=None)


def _plain(user: str | None) -> str | None:
    return user.removesuffix("+") if user else None


def _differing(stream: Stream, first: Named, other: Named, unit: Unit) -> str:
    container, number = unit
    what = f"{container} {number}" if number else f"the {container}"
    shards = " and ".join(f"{one.name} ({_called(one.shard)})" for one in (first, other))
    return (
        f"{stream.name}: {shards} both read {what}, and not up to the same place. Leave one of"
        " them out, or give the states of shards that do not overlap."
    )


def _called(shard: Shard | None) -> str:
    return f"shard {shard}" if shard else "no shard"
