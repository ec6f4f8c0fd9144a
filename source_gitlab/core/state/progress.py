"""Progress: what reading a slice changes in a state, as plain JSON.

A slice is read without a state: what reading needs to know of it is in the slice. Each page brings
what it changes, and that holds once its rows are delivered. `StreamState.apply` is the only way to
change a state while its stream is read: of one slice in order, of several in any order, and the
same progress twice as well as once. What a page does not change is left out::

    {"slice": {"container": "group", "id": 12, "deep": true},
     "through": "…Z",                every row up to here is delivered
     "position": {…},                where to go on; {}: forget the last position
     "heads": {"main": "<digits>"},  heads that were reached; "": the branch is gone
     "top": 7,                       the highest id of a list that is read to its end
     "counts": {…},                  how many rows the list has
     "seen": {"<digest>": "…Z"},     rows that need not come again
     "owed": {…},                    parents whose children did not come
     "settled": [[7, 12]],           parents that are owed no more
     "denied": [5],                  members that could not be read
     "members": {"left": [5], "others": 3, "listed": "…Z"},
     "from": "…Z",                   rows before this start date were passed over
     "joined": [3, 4],               what a newcomer adds to the counts of its group
     "closed": "…Z"}                 the slice is read to its end, up to here
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from source_gitlab.core.slices import Page, Slice
    from source_gitlab.core.state.stream_state import StreamState
    from source_gitlab.gitlab.pagination import Missed

Progress = dict[str, Any]

_PLACE = ("container", "id", "group", "deep")


def key_of(slice_: Slice) -> str:
    """The name of a slice in `positions` and `counts`."""
    return f"{slice_['container']}:{slice_['id']}"


def home_of(slice_: Slice) -> str:
    """The name of the list that shows the slice's rows in later reads."""
    return f"group:{slice_['group']}" if "group" in slice_ else key_of(slice_)


class SliceProgress:
    """Makes the progress of one slice, where `known` is what is known of it, and follows.

    It never passes the start of the slice: what was read beside the list (rows without an instant,
    a second list, members that entered) is certain up to there only. Where rows did not come, what
    is known of the slice stays as it is until the next read, which asks for them again.
    """

    def __init__(self, slice_: Slice, known: StreamState) -> None:
        """Nothing of the slice is read."""
        self._slice = slice_
        self.known = known
        self._place = {name: value for name, value in slice_.items() if name in _PLACE}
        self._is_stuck = False
        self._is_lacking = False
        self._top: int | None = None

    def of(self, page: Page, start: str) -> Progress:
        """What a page changes; `start` is when the read began, as far as clocks are known."""
        progress = self.rest()
        if page.seen:
            progress["seen"] = dict(page.seen)
        if page.settled and not any(one.holds for one in page.missed):
            progress["settled"] = [list(name) for name in page.settled]
        self._note(page.missed)
        if self._is_stuck:
            return progress
        if page.through is not None:
            progress["through"] = min(page.through, start)
        if page.counts is not None:
            progress["counts"] = page.counts.to_json()
        position = page.position
        if position is None and "through" in progress and self._slice.get("sweep"):
            # The watermark goes back with a sweep: the next read must not begin it anew.
            position = {"sweep": True}
        if position is not None:
            progress["position"] = self._position(position, start)
        if page.denied and self._slice["container"] == "group":
            progress["denied"] = sorted(page.denied)
        return progress | self._reached(page)

    def _reached(self, page: Page) -> Progress:
        """What a page reached of lists that are not read by time."""
        reached: Progress = {}
        if page.heads:
            reached["heads"] = {ref: sha or "" for ref, sha in page.heads.items()}
        if page.top is not None:
            self._top = reached["top"] = page.top
        return reached

    def closed(self, start: str) -> Progress:
        """What the end of the slice changes, unless rows of it, or parts of them, are missing.

        The next read then looks at the slice again, however quiet it is.
        """
        progress = self.rest()
        if not self._is_lacking:
            progress["closed"] = start
            if self._top is not None:
                # Once more: a state that was written in between keeps it of closed slices only.
                progress["top"] = self._top
            if self.known.joining is not None:
                progress["joined"] = list(self.known.joining)
        return progress

    def rest(self) -> Progress:
        """What came to be known beside the pages since this was last asked."""
        return {"slice": dict(self._place), **self.known.take_changes()}

    def _note(self, missed: list[Missed]) -> None:
        self._is_lacking = self._is_lacking or any(not one.remembered for one in missed)
        self._is_stuck = self._is_stuck or any(one.holds for one in missed)

    def _position(self, position: dict[str, Any], start: str) -> dict[str, Any]:
        if not position:
            return {}
        found: Progress = without_nulls({"since": self._slice["since"], "start": start, **position})
        return found


def without_nulls(value: Any) -> Any:
    """The same JSON without values that are null: "" in lists, and nothing in objects."""
    if isinstance(value, dict):
        return {key: without_nulls(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return ["" if one is None else without_nulls(one) for one in value]
    return value
