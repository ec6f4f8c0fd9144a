"""Where a read that was killed had come to in its list: what a walk goes on from.

A position has the instant at which its read began (`start`), and of one kind of walk::

    {"through": ["…Z", ""]}                    lists by time: up to where each is read ("": nowhere)
    {"sweep": true}                            all parents are read again, up to the watermark
    {"next": {…}, "since": "…Z",               jobs: the query of the next page, down to which
     "below": 9, "top": 12, "above": 300}      instant and id, the highest id, the rows before it
    {"ref": "", "head": "<40 hex digits>",     commits: of which branch, from which head
     "old": "<12 hex digits>", "page": 2,      down to which, and the next page, of how many rows
     "per_page": 100}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_gitlab.core.state.branch_heads import abbreviated
from source_gitlab.core.state.parts import entries, moment, number
from source_gitlab.streams import root_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.streams import Stream

_KINDS = {"commits": "ref", "jobs": "next"}
_BY_TIME = "through"
_SWEEP = "sweep"


def load_position(raw: Mapping[str, Any], stream: Stream | None) -> dict[str, Any]:
    """The position that a walk left, that of `stream` if it is given.

    Raises:
        KeyError, TypeError, ValueError: no walk left it, or that of another stream did.
    """
    # Older states have nulls in it.
    known = {name: value for name, value in raw.items() if value is not None}
    found = next((kind for kind in ("ref", "next", _SWEEP, _BY_TIME) if kind in known), None)
    # A child goes on in the list of its parents.
    wanted = _KINDS.get(root_of(stream).walk, _BY_TIME) if stream is not None else found
    if found == _SWEEP and (stream is None or stream.sweep):
        return {_SWEEP: True, "start": moment(known["start"])}
    if found is None or found != wanted:
        lacking = wanted or "ref, next and through"
        message = f"it has no {lacking}"
        raise ValueError(message)
    position = known | {"start": moment(known["start"])}
    if "since" in known:
        position["since"] = moment(known["since"])
    if found == "ref":
        position |= {"ref": str(known["ref"]), "page": int(known["page"])}
        if "per_page" in known:
            position["per_page"] = number(known["per_page"])
        for head in {"head", "old"} & known.keys() | {"head"}:
            abbreviated(known[head])
    elif found == "next":
        query = entries(known["next"])
        if not all(isinstance(value, (str, int)) for value in query.values()):
            message = "next is no query"
            raise ValueError(message)
        position |= {n: number(known[n]) for n in ("below", "top", "above") if n in known}
    else:
        position[_BY_TIME] = [moment(one) if one else "" for one in known[_BY_TIME]]
    return position
