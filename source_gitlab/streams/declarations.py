"""Reads `declared/*.yaml` and fills in what follows from the kind of a stream."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from source_gitlab import yaml_files
from source_gitlab.streams.attributes import DOCUMENTATION
from source_gitlab.streams.declaration_error import DeclarationError
from source_gitlab.streams.model import READ_AT, MovedBy, Probe, Refresh, RowsOfMap, Span, Stream
from source_gitlab.streams.validation import check_alone, check_together
from source_gitlab.streams.vocabulary import Paging
from source_gitlab.streams.walks import WALKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Declared = dict[str, Any]

# In this order the streams stand in catalogs and documents.
AREAS = (
    "structure",
    "people",
    "access",
    "planning",
    "issues",
    "merge_requests",
    "code",
    "ci",
    "packages",
    "security",
    "activity",
    "analytics",
    "cost",
    "instance",
)
_INHERITED = ("feature", "tier", "role", "refresh", "distinct", "where", "since_version")
_OF_MAPS: Mapping[str, Callable[..., object]] = {
    "rows": RowsOfMap,
    "span": Span,
    "probe": Probe,
    "moved_by": MovedBy,
}
_TUPLES = (
    "key",
    "containers",
    "queries",
    "drop",
    "takes",
    "null_as_empty",
    "optional",
    "descendants_since",
    "paged_since",
    "since_version",
)
# What a walk needs of the list that it reads.
_QUERIES: Mapping[str, Declared] = {
    "keyset": {"pagination": "keyset"},
    # The keyset of jobs exists in this order only (https://docs.gitlab.com/api/jobs/).
    "jobs": {"pagination": "keyset", "order_by": "id", "sort": "desc"},
}


def declared() -> dict[str, Declared]:
    """Every declaration as it is written, by stream.

    Raises:
        DeclarationError: two areas declare a stream of one name.
    """
    found: dict[str, Declared] = {}
    for streams in _by_area().values():
        for name, values in streams.items():
            if name in found:
                raise DeclarationError(name, "name", name, "a name that no other stream has")
            found[name] = values
    return found


def areas_of_streams() -> dict[str, str]:
    """The area in whose file each stream is declared."""
    return {name: area for area, streams in _by_area().items() for name in streams}


@cache
def _by_area() -> Mapping[str, Mapping[str, Declared]]:
    return {area: yaml_files.read("streams", "declared", f"{area}.yaml") or {} for area in AREAS}


def build(written: Mapping[str, Mapping[str, Any]]) -> dict[str, Stream]:
    """The streams that some declarations stand for, in their order.

    Raises:
        DeclarationError: one of them is wrong, alone or beside the others.
    """
    for name, values in written.items():
        check_alone(name, values)
    built: dict[str, Stream] = {}
    for name in _parents_first(written):
        built[name] = _stream(name, written[name], built)
    check_together(built)
    return {name: built[name] for name in written}


def _parents_first(written: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    """The names, each behind its parent's.

    Raises:
        DeclarationError: a parent does not exist, or is below its own child.
    """
    done: dict[str, None] = {}
    waiting = list(written)
    while waiting:
        ready = [name for name in waiting if written[name].get("parent") in {None, *done}]
        if not ready:
            name = waiting[0]
            known = [one for one in written if one not in waiting]
            allowed = f"a stream that is not below this one: {', '.join(known)}"
            raise DeclarationError(name, "parent", written[name]["parent"], allowed)
        done.update(dict.fromkeys(ready))
        waiting = [name for name in waiting if name not in done]
    return done


def _stream(name: str, written: Mapping[str, Any], built: Mapping[str, Stream]) -> Stream:
    parent = built.get(written.get("parent", ""))
    values: Declared = {"walk": "pages", "key": ["id"], "path": name, "doc": f"{name}/", **written}
    values.setdefault("kind", "child" if parent else "project")
    if values["kind"] == "inventory":
        values["path"] = ""
    values["query"] = _QUERIES.get(values["walk"], {}) | values.get("query", {})
    _set_types(values)
    if parent:
        values["path"] = _child_path(values, parent)
        for attribute in _INHERITED:
            values.setdefault(attribute, getattr(parent, attribute))
    cursor = values.setdefault("cursor", _cursor(values, parent))
    values["add"] = _added(values, parent, read_at=cursor == READ_AT)
    values["doc"] = DOCUMENTATION + values["doc"]
    values.pop("ids", None)
    values["brings_every_parent"] = parent is None or parent.snapshot
    return Stream(name=name, **values)


def _child_path(values: Declared, parent: Stream) -> str:
    """Where the list of a child is: below its parent's item, or where a path from `/` on says."""
    path: str = "" if values["walk"] == "derived" else values["path"]
    if path.startswith("/"):
        return path.removeprefix("/")
    above = "" if values["walk"] == "derived" else parent.item
    return "/".join(filter(None, [above, path]))


def _set_types(values: Declared) -> None:
    """Turn what YAML can say into the types of `Stream`."""
    refresh = values.get("refresh")
    if isinstance(refresh, dict):
        values["refresh"] = Refresh("list", **refresh)
    elif refresh is not None:
        values["refresh"] = Refresh(refresh)
    if "paging" in values:
        values["paging"] = Paging(values["paging"])
    for attribute, make in _OF_MAPS.items():
        if isinstance(values.get(attribute), dict):
            values[attribute] = make(**values[attribute])
    if "unique" in values:
        values["unique"] = tuple(map(tuple, values["unique"]))
    for attribute in _TUPLES:
        if attribute in values:
            values[attribute] = tuple(values[attribute])


def _cursor(values: Declared, parent: Stream | None) -> str | None:
    """The cursor that follows from how rows are found; None where nothing tells of changes."""
    if parent is not None and parent.cursor == READ_AT:
        return READ_AT
    if parent is not None:
        moved = (given for given, column in parent.gives.items() if column == parent.cursor)
        return next(moved, None)
    return WALKS[values["walk"]].cursor or (READ_AT if "refresh" in values else None)


def _added(values: Declared, parent: Stream | None, *, read_at: bool) -> dict[str, str]:
    added: dict[str, str] = {}
    if values["kind"] in {"group", "project"} and not values.get("distinct"):
        added[f"{values['kind']}_id"] = f"slice.{values['kind']}_id"
    if parent is not None:
        added |= {given: f"parent.{column}" for given, column in parent.gives.items()}
    added |= dict(_id_of(one) for one in values.get("ids", ()))
    if read_at:
        added[READ_AT] = "slice.read_at"
    added.update(values.get("add", {}))
    return added


def _id_of(named: str) -> tuple[str, str]:
    """The column for the id of an object, or for the ids of a list of objects, and its origin."""
    if named.endswith("[]"):
        return f"{named.removesuffix('[]').removesuffix('s')}_ids", f"{named}.id"
    return f"{named}_id", f"{named}.id"
