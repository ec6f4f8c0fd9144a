"""The catalog: what there is to choose, and what of it was chosen.

What a stream and each property may be is in its metadata, found by a breadcrumb. Who edits a
catalog sets `selected` there; Meltano sets it on automatic properties as well, which come all the
same. Older programs set it in the stream, or in the schema, and some write `replication_method`
there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from source_gitlab.interfaces.singer.schema import fields_of, schema_of
from source_gitlab.streams import streams
from source_gitlab.tables.conforming import Field
from source_gitlab.tables.table import EXTRA

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from source_gitlab.streams import Stream
    from source_gitlab.streams.columns import Column

Json = dict[str, Any]
Breadcrumb = tuple[str, ...]

FULL_TABLE: Final = "FULL_TABLE"
INCREMENTAL: Final = "INCREMENTAL"
_PROPERTIES: Final = "properties"

# What the settings of other taps for GitLab choose; none of them hides a stream here.
SWITCHES: Final[Mapping[str, tuple[str, ...]]] = {
    "ultimate_license": ("epics", "epic_issues"),
    "fetch_merge_request_commits": ("merge_request_commits",),
    "fetch_pipelines_extended": ("pipelines_extended",),
    "fetch_group_variables": ("group_variables",),
    "fetch_project_variables": ("project_variables",),
}


class CatalogError(ValueError):
    """The catalog cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Choice:
    """A stream that was chosen, with the columns that were.

    `left_out` are the names of those that were not. `is_full` tells that it is read as a whole each
    time, without a state.
    """

    stream: Stream
    fields: Mapping[str, Field]
    left_out: frozenset[str] = frozenset()
    has_extra: bool = True
    is_full: bool = False


def method_of(stream: Stream) -> str:
    """How a stream is read unless the catalog says otherwise.

    Lists that bring all that there is are read as a whole: what they lack is gone, and no record
    tells that.
    """
    return INCREMENTAL if stream.incremental and not stream.snapshot else FULL_TABLE


def catalog(switches: Mapping[str, bool] | None = None) -> Json:
    """Every stream as `--discover` shows it; it is the same for every GitLab.

    `switches` are those of `SWITCHES` that the configuration sets.
    """
    chosen = {name: one.selected for name, one in streams().items()}
    for switch, is_on in (switches or {}).items():
        chosen |= dict.fromkeys(SWITCHES[switch], is_on)
    return {"streams": [_entry(one, chosen=chosen[name]) for name, one in streams().items()]}


def default_choices(switches: Mapping[str, bool] | None = None) -> list[Choice]:
    """What is read where no catalog is given."""
    return choices(catalog(switches))


def _entry(stream: Stream, *, chosen: bool) -> Json:
    fields, method = fields_of(stream), method_of(stream)
    top: Json = {
        "inclusion": "available",
        "selected": chosen,
        "selected-by-default": chosen,
        "table-key-properties": list(stream.key),
    }
    if stream.cursor:
        top["valid-replication-keys"] = [stream.cursor]
    if not stream.incremental:
        top["forced-replication-method"] = FULL_TABLE
    if stream.parent is not None:
        top["parent-tap-stream-id"] = stream.parent
    entry: Json = {
        "tap_stream_id": stream.name,
        "stream": stream.name,
        "key_properties": list(stream.key),
        "replication_method": method,
        "schema": schema_of(fields),
        "metadata": [{"breadcrumb": [], "metadata": top}],
    }
    if method == INCREMENTAL:
        entry["replication_key"] = stream.cursor
    automatic = _automatic(stream)
    for crumb, name in _breadcrumbs(fields, ()):
        is_automatic = len(crumb) == len((_PROPERTIES, name)) and name in automatic
        how: Json = {"inclusion": "automatic" if is_automatic else "available"}
        if not is_automatic:
            how["selected-by-default"] = True
        entry["metadata"].append({"breadcrumb": list(crumb), "metadata": how})
    entry["metadata"].append(
        {
            "breadcrumb": [_PROPERTIES, EXTRA],
            "metadata": {"inclusion": "available", "selected-by-default": True},
        }
    )
    return entry


def _automatic(stream: Stream) -> frozenset[str]:
    """Columns that always come: without them a target cannot tell rows or versions apart."""
    return frozenset((*stream.key, *filter(None, [stream.cursor])))


def _breadcrumbs(
    fields: Mapping[str, Field], above: Breadcrumb
) -> Iterator[tuple[Breadcrumb, str]]:
    for name, field in fields.items():
        crumb = (*above, _PROPERTIES, name)
        yield crumb, name
        if field.inner is not None and not field.column.lists:
            yield from _breadcrumbs(field.inner, crumb)


def choices(raw: object) -> list[Choice]:
    """The streams that a catalog selects, in its order.

    Raises:
        CatalogError: it is no catalog, or selects nothing, or what there is not.
    """
    entries = raw.get("streams") if isinstance(raw, dict) else None
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        message = "It is no object with a list of streams. `--discover` writes one that is."
        raise CatalogError(message)
    chosen = {str(one.get("tap_stream_id") or one.get("stream")): one for one in entries}
    chosen = {name: entry for name, entry in chosen.items() if _is_chosen(name, entry)}
    unknown = [name for name in chosen if name not in streams()]
    if unknown:
        message = (
            f"It selects streams that this tap does not have: {', '.join(unknown)}. Leave them out;"
            " `--discover` lists the streams that there are."
        )
        raise CatalogError(message)
    if not chosen:
        message = "It selects no stream, so there is nothing to read. Set `selected` of some."
        raise CatalogError(message)
    return [_choice(streams()[name], entry) for name, entry in chosen.items()]


class _Metadata:
    """The metadata of an entry by breadcrumb, and what its schema says of the same things."""

    def __init__(self, name: str, entry: Mapping[str, Any]) -> None:
        self._schema = entry.get("schema") or {}
        try:
            self._found = {
                tuple(map(str, one["breadcrumb"])): dict(one["metadata"])
                for one in entry.get("metadata") or ()
            }
        except (KeyError, TypeError, ValueError):
            message = f"The metadata of {name} are no list of breadcrumbs with their metadata."
            raise CatalogError(message) from None

    def of(self, crumb: Breadcrumb) -> Mapping[str, Any]:
        return self._found.get(crumb, {})

    def is_selected(self, crumb: Breadcrumb, *, default: bool = True) -> bool:
        known = self.of(crumb)
        if known.get("inclusion") == "unsupported":
            return False
        inside = self._schema_at(crumb)
        for place in (known, inside):
            if isinstance(place.get("selected"), bool):
                return bool(place["selected"])
        return bool(known.get("selected-by-default", default))

    def lacks(self, crumb: Breadcrumb) -> bool:
        """Whether the schema beside the metadata lists its properties, and not this one."""
        above = self._schema_at(crumb[:-2])
        listed = above.get(_PROPERTIES)
        return isinstance(listed, dict) and bool(listed) and crumb[-1] not in listed

    def _schema_at(self, crumb: Breadcrumb) -> Mapping[str, Any]:
        found: Any = self._schema
        for part in crumb:
            found = found.get(part) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else {}


def _is_chosen(name: str, entry: Mapping[str, Any]) -> bool:
    known = _Metadata(name, entry)
    if isinstance(known.of(()).get("selected"), bool):
        return known.is_selected(())
    if isinstance(entry.get("selected"), bool):
        return bool(entry["selected"])
    declared = streams().get(name)
    return known.is_selected((), default=declared is not None and declared.selected)


def _choice(stream: Stream, entry: Mapping[str, Any]) -> Choice:
    known = _Metadata(stream.name, entry)
    automatic = _automatic(stream)
    fields = {
        name: _narrowed(Field.of(column), (_PROPERTIES, name), known)
        for name, column in stream.columns.items()
        if name in automatic or _is_wanted((_PROPERTIES, name), known)
    }
    return Choice(
        stream,
        fields,
        left_out=frozenset(stream.columns.keys() - fields.keys()),
        has_extra=_is_wanted((_PROPERTIES, EXTRA), known),
        is_full=_method(stream, entry, known) == FULL_TABLE,
    )


def _is_wanted(crumb: Breadcrumb, known: _Metadata) -> bool:
    return known.is_selected(crumb) and not known.lacks(crumb)


def _narrowed(field: Field, crumb: Breadcrumb, known: _Metadata) -> Field:
    """The field with those of the fields of its object that are wanted."""
    column: Column = field.column
    if field.inner is None or column.lists:
        return field
    inner = {
        name: _narrowed(one, (*crumb, _PROPERTIES, name), known)
        for name, one in field.inner.items()
        if _is_wanted((*crumb, _PROPERTIES, name), known)
    }
    return Field(column, inner)


def _method(stream: Stream, entry: Mapping[str, Any], known: _Metadata) -> str:
    """How the stream is to be read: as its metadata say, else as the entry does.

    Raises:
        CatalogError: it names a method that there is not.
    """
    given = known.of(()).get("replication-method") or entry.get("replication_method")
    if given not in {None, FULL_TABLE, INCREMENTAL}:
        message = (
            f"The replication method of {stream.name} is {str(given)[:40]!r}. Write {INCREMENTAL}"
            f" or {FULL_TABLE}."
        )
        raise CatalogError(message)
    if not stream.incremental:
        # A pattern over all streams may ask for what GitLab cannot do for some of them.
        return FULL_TABLE
    return str(given or method_of(stream))
