"""A state as JSON: how it is written, and read back.

No value of it is null: whoever keeps a state may keep changes of it, as JSON merge patches do (RFC
7396), where null takes a value away. What is not known is left out, and in a list it is "". Older
states have nulls in these places, and are read all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from source_gitlab.core.state import id_sets
from source_gitlab.core.state.airbyte_import import projects_of
from source_gitlab.core.state.branch_heads import BranchHeads
from source_gitlab.core.state.highest_ids import HighestIds
from source_gitlab.core.state.members import GroupState, ProjectsListed
from source_gitlab.core.state.origin import Origin
from source_gitlab.core.state.owed_parents import OwedParents
from source_gitlab.core.state.parts import StateError, entries, moment, number, part
from source_gitlab.core.state.positions import load_position
from source_gitlab.core.walks.row_counts import Counts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from source_gitlab.core.state.stream_state import StreamState
    from source_gitlab.streams import Stream

VERSION = 1
_MOST_RECENT = 500
# What is kept by the number of a group.
_BY_NUMBER = {"groups", "held"}

# Parts that are one thing: the attribute of a state, and how it is made of the JSON.
_SINGLE: Mapping[str, tuple[str, Callable[[StreamState, Any], object]]] = {
    "instance": ("instance", lambda _, raw: moment(raw)),
    "heads": ("heads", lambda state, raw: BranchHeads.load(entries(raw), state.projects)),
    "tops": ("highest_ids", lambda state, raw: HighestIds.load(entries(raw), state.projects)),
    "owed": ("owed", lambda _, raw: OwedParents.load(entries(raw))),
    "origin": ("origin", lambda _, raw: Origin.load(entries(raw))),
}

T = TypeVar("T")


def read_into(state: StreamState, raw: object, stream: Stream | None) -> None:
    """Bring an empty state to what `written` made of one, or a state of Airbyte's connector.

    Raises:
        StateError: it is neither, or not one of `stream`.
    """
    if not isinstance(raw, dict):
        message = "it is no object"
        raise StateError(message)
    known: dict[str, Any] = raw
    if known.get("version") == VERSION:
        _read(state, known, stream)
        return
    if "version" in known:
        message = f"its version is {known['version']!r}, and this connector reads {VERSION}"
        raise StateError(message)
    with part("states"):
        state.projects = projects_of(known, stream)


def _read(state: StreamState, raw: Mapping[str, Any], stream: Stream | None) -> None:
    with part("projects"):
        levels = list(raw.get("earlier", []))
        if "projects" in raw:
            levels.append([raw["through"], raw["projects"]])
        for through, text in levels:
            # In order, because what is nearly in order is quickly sorted when it is written.
            state.projects.update(dict.fromkeys(sorted(id_sets.decode(text)), moment(through)))
        state.partial = id_sets.decode(raw["partial"]) if "partial" in raw else set()
    for name, (group, entering) in _each(raw, "groups", _group_of).items():
        state.groups[int(name)] = group
        if entering:
            state.entering[int(name)] = entering
    state.counts = _each(raw, "counts", Counts.load)
    listed = _each(raw, "held", lambda one: ProjectsListed.load(entries(one)))
    state.projects_listed = {int(name): one for name, one in listed.items()}
    state.positions = _each(raw, "positions", lambda one: load_position(entries(one), stream))
    for home, digests in _each(raw, "recent", _digests_of).items():
        # Older states do not say which list shows a row.
        name, found = (home, digests) if isinstance(digests, dict) else ("", {home: digests})
        state.recent.setdefault(name, {}).update(found)
    joined = _each(raw, "joined", _joined_of)
    state.joined = {home: dict(one) for home, one in joined.items()}
    state.counting = str(raw["counting"]) if raw.get("counting") else None
    # Each slice is read with a state of its own, in which most of these are missing.
    for name, (attribute, load) in _SINGLE.items():
        if name in raw:
            with part(name):
                setattr(state, attribute, load(state, raw[name]))


def _each(raw: Mapping[str, Any], name: str, load: Callable[[Any], T]) -> dict[str, T]:
    """What `load` makes of the entries of a part, each of which is a part of its own."""
    if name not in raw:
        return {}
    with part(name):
        found = entries(raw[name])
    loaded: dict[str, T] = {}
    for key, value in found.items():
        with part(f"{name}.{key[:60]}"):
            if name in _BY_NUMBER:
                int(key)
            loaded[key] = load(value)
    return loaded


def _group_of(raw: Any) -> tuple[GroupState, set[int]]:
    group = GroupState.load(entries(raw))
    entering = id_sets.decode(raw["entering"]) if raw.get("entering") else set()
    group.entered = len(entering)
    return group, entering


def written(state: StreamState) -> dict[str, Any]:
    """A state as JSON; every part that is empty is left out. The caller holds its lock."""
    result: dict[str, Any] = {"version": VERSION}
    if state.origin is not None:
        result["origin"] = state.origin.to_json()
    projects = sorted(state.projects)
    levels = state.levels(projects)
    if levels:
        through = max(levels, key=lambda level: len(levels[level]))
        result |= {"through": through, "projects": id_sets.encode(levels.pop(through))}
    earlier = [[through, id_sets.encode(ids)] for through, ids in sorted(levels.items())]
    parts = {
        "earlier": earlier,
        "instance": state.instance,
        "groups": _groups(state),
        "heads": state.heads.to_json(projects),
        "partial": id_sets.encode(state.partial) if state.partial else "",
        "counts": {key: one.to_json() for key, one in sorted(state.counts.items())},
        "tops": state.highest_ids.to_json(projects),
        "owed": state.owed.to_json(),
        "held": {str(n): one.to_json() for n, one in sorted(state.projects_listed.items())},
        "positions": dict(state.positions),
        "joined": {
            home: {str(number): rows for number, rows in sorted(one.items())}
            for home, one in sorted(state.joined.items())
        },
        "counting": state.counting,
        "recent": _newest(state.recent),
    }
    return result | {name: part for name, part in parts.items() if part}


def _newest(recent: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """The newest digests, by the list that shows their rows."""
    found = sorted((when, name, home) for home, one in recent.items() for name, when in one.items())
    newest: dict[str, dict[str, str]] = {}
    for when, name, home in found[-_MOST_RECENT:]:
        newest.setdefault(home, {})[name] = when
    return newest


def _digests_of(raw: Any) -> str | dict[str, str]:
    if isinstance(raw, dict):
        return {str(name): moment(when) for name, when in raw.items()}
    return moment(raw)


def _joined_of(raw: Any) -> dict[int, list[int]]:
    return {int(name): [number(one) for one in rows] for name, rows in entries(raw).items()}


def _groups(state: StreamState) -> dict[str, Any]:
    groups: dict[str, Any] = {}
    for group_id, group in sorted(state.groups.items()):
        groups[str(group_id)] = group.to_json(state.text_of(group_id, group.projects))
        entering = state.entering.get(group_id)
        if entering:
            groups[str(group_id)]["entering"] = id_sets.encode(entering)
    return groups
