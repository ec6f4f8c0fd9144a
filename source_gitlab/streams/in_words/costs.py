"""What it costs to read a stream, and what it needs, in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from source_gitlab.streams.in_words.rows import singular
from source_gitlab.streams.vocabulary import OFFERINGS, TIERS

if TYPE_CHECKING:
    from source_gitlab.streams import Stream
    from source_gitlab.streams.model import Refresh

_NUMBERS = ("a request", "two requests", "three requests", "four requests")
_INVENTORY = {"groups": "two requests per group", "projects": "a request per hundred projects"}
# What a signal lets out of an incremental read (core/change_detection.py).
_SIGNALS = {
    "activity": "{requests} per {place} that was active, and daily per {place}",
    "touch": "{requests} per {place} that was touched, and daily per {place}",
    "daily": "{requests} per {place}, daily",
    "weekly": "{requests} per {place}, weekly",
    "list": "a request per chosen group; {requests} per {place} where that list differs, and daily",
}


def endpoints(stream: Stream) -> list[str]:
    """The requests of a stream, as GitLab's documentation writes them."""
    if stream.kind == "inventory":
        return [f"GET /{stream.name}"]
    if stream.walk == "graphql":
        kinds = stream.containers if stream.kind == "selection" else (stream.kind,)
        rows = str(stream.rows).removesuffix(".nodes")
        types = [*stream.global_ids.values(), ""]
        homes = [types[0] if one == "child" else one for one in kinds]
        return [f"GraphQL {home[:1].lower()}{home[1:]}.{rows}" for home in homes]
    if stream.walk == "derived":
        return [f"rows of {stream.parent}"]
    scopes = stream.containers if stream.kind == "selection" else (stream.kind,)
    paths = [path for one in scopes for path in stream.addresses(one, f":{one}_id")]
    return ["GET /" + re.sub(r"{(\w+)}", r":\1", path) for path in paths]


def cost(stream: Stream) -> str:
    """The requests of an incremental read; the first read asks for all."""
    if stream.walk == "derived":
        return f"the requests of `{stream.parent}`, once more"
    return _COSTS[stream.kind](stream)


def _cost_of_inventory(stream: Stream) -> str:
    return _INVENTORY[stream.walk]


def _cost_of_instance(stream: Stream) -> str:
    if stream.span:
        return f"a request for every {stream.span.days} days"
    found = _requests(stream)
    return f"{found}, {stream.refresh.signal}" if stream.refresh else found


def _cost_of_place(stream: Stream) -> str:
    """What a list of each group or project costs."""
    if stream.span and stream.span.sums:
        return f"two requests per {stream.kind} and day that has rows, and few for the others"
    if stream.span:
        return f"a request per {stream.kind}, for every {stream.span.days} days"
    if stream.gate:
        return f"a request per {stream.kind} whose `{stream.gate}` changed"
    if stream.refresh:
        return _of_refresh(stream, stream.refresh, stream.kind)
    return f"{_requests(stream)} per {stream.kind}"


def _of_refresh(stream: Stream, refresh: Refresh, place: str) -> str:
    return _SIGNALS[refresh.signal].format(requests=_requests(stream), place=place)


def _requests(stream: Stream) -> str:
    """The requests of one place or parent."""
    number = stream.requests_each
    return _NUMBERS[number - 1] if number <= len(_NUMBERS) else f"{number} requests"


def _cost_of_child(stream: Stream) -> str:
    parent = singular(str(stream.parent))
    if stream.refresh:
        return _of_refresh(stream, stream.refresh, parent)
    if stream.cursor is None:
        return f"{_requests(stream)} per {parent}"
    found = f"{_requests(stream)} per {parent} that changed"
    if stream.probe:
        found += " and has some, and few to find out which"
    if stream.moved_by:
        found += f", or of which one of its `{stream.moved_by.stream}` did"
    if stream.recheck:
        days = "the last day" if stream.recheck == 1 else f"the last {stream.recheck} days"
        found += f", or did so in {days} before the last read"
    return f"{found}; weekly per {parent}" if stream.sweep else found


def _cost_of_selection(stream: Stream) -> str:
    found = f"a request per chosen {' or '.join(stream.containers)}"
    # Without a cursor, the whole list is asked for each time.
    return found if stream.cursor else f"{found} and hundred rows"


_COSTS = {
    "inventory": _cost_of_inventory,
    "selection": _cost_of_selection,
    "group": _cost_of_place,
    "project": _cost_of_place,
    "instance": _cost_of_instance,
    "child": _cost_of_child,
}


def is_paged(stream: Stream) -> bool:
    """Whether a list may take more requests than `cost` says."""
    one = stream.walk in {"object", "derived"} or stream.kind == "inventory"
    is_list = str(stream.rows).endswith("nodes") or stream.by_name is not None
    plain = stream.walk == "graphql" and not is_list
    return not one and not plain and not stream.span and "hundred" not in cost(stream)


def needs(stream: Stream) -> str:
    """The least tier, role and version, and the only offering, of a stream; `-` for none."""
    parts = []
    if stream.tier != "free":
        parts.append(stream.tier.capitalize())
    if stream.role != "guest":
        parts.append(stream.role.capitalize())
    if stream.where:
        parts.append(OFFERINGS[stream.where])
    if stream.since_version:
        parts.append(f"GitLab {stream.since_version[0]}.{stream.since_version[1]}")
    return ", ".join(parts) or "-"


def needs_in_full(stream: Stream) -> str:
    """What GitLab must be and have, and the token's user be, for a stream to be read."""
    parts = [_least_tier(stream), _least_role(stream)]
    if stream.where:
        parts.append(f"{OFFERINGS[stream.where]}, because no other has it")
    if stream.since_version:
        major, minor = stream.since_version
        parts.append(f"GitLab {major}.{minor} or newer")
    if stream.feature:
        parts.append(f"the feature `{stream.feature}` switched on in the project")
    return "; ".join(parts)


def _least_tier(stream: Stream) -> str:
    if stream.tier == TIERS[0]:
        return "any tier"
    higher = "" if stream.tier == TIERS[-1] else " or a higher one"
    return f"the tier {stream.tier.capitalize()}{higher}"


def _least_role(stream: Stream) -> str:
    if stream.role == "admin":
        return "an administrator"
    if stream.kind == "instance":
        return "any account"
    higher = "" if stream.role == "owner" else " or a higher one"
    return f"the role {stream.role.capitalize()}{higher}"


def choice(stream: Stream) -> str:
    """Whether a stream is read by default."""
    return "by default" if stream.selected else "by name"
