"""What a page or the end of a slice changes in a state, without reading anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from source_gitlab.core.state import SliceProgress, StreamState
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from source_gitlab.core.slices import Page, Slice


def advance(state: StreamState, slice_: Slice, page: Page) -> None:
    """Note that the rows of a page are delivered."""
    progress = SliceProgress(slice_, StreamState()).of(page, slice_["start"])
    state.apply(orjson.loads(orjson.dumps(progress)))


def close(state: StreamState, slice_: Slice) -> None:
    """Note that a slice is read to its end."""
    progress = SliceProgress(slice_, StreamState()).closed(slice_["start"])
    state.apply(orjson.loads(orjson.dumps(progress)))


def comparable(state: Any) -> Any:
    """A state without what differs between two reads by one process, too.

    What is owed stands in any order, and a count ends at the moment at which it was asked for.
    """
    owed = {**state.get("owed", {})}
    owed["parents"] = sorted(owed.get("parents", []))
    counts = {
        key: {**one, "windows": [rows for _, rows in one["windows"]]}
        for key, one in state.get("counts", {}).items()
    }
    return {**state, "owed": owed, "counts": counts}


def in_seconds(name: str, state: Any) -> Any:
    """The same of a stream whose slices other processes read.

    They may have begun within the second in which the read was planned, and GitLab tells no more
    than seconds: how far they certainly came is then its beginning.
    """
    loaded = StreamState.load(orjson.loads(orjson.dumps(state)), streams()[name])
    for number, through in list(loaded.projects.items()):
        loaded.projects[number] = _second(through)
    for group in loaded.groups.values():
        group.through = group.through and _second(group.through)
    loaded.instance = loaded.instance and _second(loaded.instance)
    return comparable(loaded.to_json())


def _second(moment: str) -> str:
    return f"{moment[: len('2026-03-01T12:00:00')]}.000Z"
