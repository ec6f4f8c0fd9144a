"""What a binding asks for: which stream, how often, and by which key its collection goes."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from source_gitlab.config.values import Setting, shown
from source_gitlab.interfaces.flow import intervals
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from source_gitlab.streams import Stream


@dataclass(frozen=True)
class Resource:
    """A stream, the columns of its collection's key, and the seconds between two reads."""

    stream: Stream
    collection_key: tuple[str, ...]
    interval: float


def resources(bindings: Iterable[Mapping[str, Any]], *, interval: float) -> list[Resource]:
    """What the bindings of a request ask for; those without an interval have the capture's.

    Raises:
        ConfigError: there is no such stream, it is bound twice, or the key of a collection is none
            of its columns.
    """
    found: dict[str, Resource] = {}
    for binding in bindings:
        one = _resource(binding, interval)
        if one.stream.name in found:
            Setting("stream", None).fail(f"{one.stream.name} is bound twice. Keep one binding.")
        found[one.stream.name] = one
    return list(found.values())


def _resource(binding: Mapping[str, Any], interval: float) -> Resource:
    config = binding.get("resourceConfig") or {}
    stream = _stream(config.get("stream"))
    collection = binding.get("collection") or {}
    pointers = collection.get("key") or [f"/{name}" for name in stream.key]
    columns = tuple(
        str(one).removeprefix("/").replace("~1", "/").replace("~0", "~") for one in pointers
    )
    for name in columns:
        column = stream.columns.get(name)
        if column is None or not (column.in_key or not column.nullable):
            key = ", ".join(f"/{one}" for one in stream.key)
            Setting(f"collection {collection.get('name', stream.name)}", None).fail(
                f"/{name} is in its key, which not every row of {stream.name} has. Give it the key"
                f" {key}."
            )
    seconds = intervals.seconds(config.get("interval"), otherwise=interval)
    return Resource(stream, columns, seconds)


def _stream(name: object) -> Stream:
    if not isinstance(name, str) or not name:
        Setting("stream", name).fail("a binding names no stream. Discover the bindings again.")
    if name not in streams():
        close = difflib.get_close_matches(name[:80], list(streams()), n=1)
        also = f" Did you mean {close[0]}?" if close else ""
        Setting("stream", name).fail(f"there is no stream {shown(name)}.{also}")
    return streams()[name]
