"""What a page or the end of a slice changes in a state, without reading anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from source_gitlab.core.state import SliceProgress, StreamState

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
