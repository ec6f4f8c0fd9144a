"""A state as JSON: how it is written, and read back.

No value of it is null: whoever keeps a state may keep changes of it, as JSON merge patches do (RFC
7396), where null takes a value away. What is not known is left out, and in a list it is "". Older
states have nulls in these places, and are read all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_gitlab.core.state import id_sets
from source_gitlab.core.state.airbyte_import import projects_of
from source_gitlab.core.state.branch_heads import BranchHeads
from source_gitlab.core.state.errors import StateError
from source_gitlab.core.state.highest_ids import HighestIds
from source_gitlab.core.state.members import GroupState, ProjectsListed
from source_gitlab.core.state.origin import Origin
from source_gitlab.core.state.owed_parents import OwedParents
from source_gitlab.core.walks.row_counts import Counts
from source_gitlab.timestamps import instant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.core.state.stream_state import StreamState

VERSION = 1
_MOST_RECENT = 500


def read_into(state: StreamState, raw: Mapping[str, Any]) -> None:
    """Bring an empty state to what `written` made of one, or a state of Airbyte's connector.

    Raises:
        StateError: it is neither.
    """
    try:
        if raw.get("version") == VERSION:
            _read(state, raw)
        else:
            state.projects = projects_of(raw)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StateError(str(error)) from error


def _read(state: StreamState, raw: Mapping[str, Any]) -> None:
    levels = list(raw.get("earlier", []))
    if "projects" in raw:
        levels.append([raw["through"], raw["projects"]])
    for through, text in levels:
        # In order, because what is nearly in order is quickly sorted when it is written.
        state.projects.update(dict.fromkeys(sorted(id_sets.decode(text)), instant(through)))
    state.instance = instant(raw["instance"]) if "instance" in raw else None
    for number, group in raw.get("groups", {}).items():
        state.groups[int(number)] = GroupState.load(group)
        if group.get("entering"):
            state.entering[int(number)] = id_sets.decode(group["entering"])
            state.groups[int(number)].entered = len(state.entering[int(number)])
    state.heads = BranchHeads.load(raw.get("heads", {}), state.projects)
    state.counts = {str(k): Counts.load(v) for k, v in raw.get("counts", {}).items()}
    state.highest_ids = HighestIds.load(raw.get("tops", {}), state.projects)
    for number, projects_listed in raw.get("held", {}).items():
        state.projects_listed[int(number)] = ProjectsListed.load(projects_listed)
    state.owed = OwedParents.load(raw.get("owed", {}))
    state.partial = id_sets.decode(raw["partial"]) if "partial" in raw else set()
    state.origin = Origin.load(raw["origin"]) if "origin" in raw else None
    for key, position in raw.get("positions", {}).items():
        state.positions[str(key)] = without_nulls(dict(position))
    state.recent = {str(key): instant(value) for key, value in raw.get("recent", {}).items()}


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
    newest = sorted(state.recent.items(), key=lambda item: item[1])[-_MOST_RECENT:]
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
        "recent": dict(newest),
    }
    return result | {name: part for name, part in parts.items() if part}


def _groups(state: StreamState) -> dict[str, Any]:
    groups: dict[str, Any] = {}
    for number, group in sorted(state.groups.items()):
        groups[str(number)] = group.to_json(state.text_of(number, group.projects))
        entering = state.entering.get(number)
        if entering:
            groups[str(number)]["entering"] = id_sets.encode(entering)
    return groups


def without_nulls(value: Any) -> Any:
    """The same JSON without values that are null: "" in lists, and nothing in objects."""
    if isinstance(value, dict):
        return {key: without_nulls(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return ["" if one is None else without_nulls(one) for one in value]
    return value
