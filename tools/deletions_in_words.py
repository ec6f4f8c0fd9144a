"""When the deletion of a row shows, and what becomes of the row, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_gitlab.streams import streams
from source_gitlab.streams.in_words.rows import singular, with_article
from tools.stream_links import parent_link

if TYPE_CHECKING:
    from source_gitlab.streams import Stream

_SYNC = "[`sync`](../sync.md#what-leaves-a-table)"
_VERIFY = "[`verify`](../verify.md)"

_WHEN_READ = {
    "": "with the next one",
    "activity": "with the next activity of the project, and within a day",
    "list": "with the next one in which the list of the chosen group has changed, and within a day",
    "daily": "within a day",
    "weekly": "within a week",
}


def deletion(stream: Stream) -> str:
    """Within what time the deletion of a row shows in `sync`, and in other destinations."""
    if (stream.keeps or stream.span) and not stream.list_key:
        return "Nothing is taken away: the rows of days that have passed stay."
    if stream.snapshot or stream.cursor is None:
        when = _WHEN_READ[stream.refresh.signal if stream.snapshot and stream.refresh else ""]
        return f"Deletions show in {_SYNC} {when}, because it reads the whole list then."
    if stream.parent is not None:
        return _of_child(stream)
    if stream.counted is not None:
        return (
            f"Deletions show in {_SYNC} within a week, because each day's first one counts a part"
            f" of the rows, or at once with {_VERIFY}; other destinations keep the rows."
        )
    if stream.gate_owner:
        gate = with_article(singular(str(stream.gate)))
        return f"Deletions show in {_SYNC} with that of {gate}, else with `--full-refresh` only."
    return (
        f"Deletions show in {_SYNC} with `--full-refresh` only; other destinations keep the rows."
    )


def _of_child(stream: Stream) -> str:
    parent = with_article(singular(str(stream.parent)))
    if not stream.owner:
        return f"Deletions show in {_SYNC} with `--full-refresh` only."
    if stream.list_key:
        return (
            f"Deletions show in {_SYNC} with the next change of {parent}, as long as the response"
            " has the list that they stood in; rows of a list that is gone stay."
        )
    if stream.walk == "derived":
        return f"Deletions show in {_SYNC} when the row of {parent_link(stream)} is read again."
    if stream.sweep:
        when = f"when {parent} moves, and within a week at the latest"
    elif _is_refreshed(stream):
        when = f"when {parent} is read again"
    else:
        when = f"when {parent} moves next"
    return (
        f"Deletions show in {_SYNC} {when}, and with the deletion of that row itself; other"
        " destinations keep the rows."
    )


def _is_refreshed(stream: Stream) -> bool:
    while stream.parent is not None:
        if stream.refresh is not None:
            return True
        stream = streams()[stream.parent]
    return stream.refresh is not None
