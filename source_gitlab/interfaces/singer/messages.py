"""Singer's messages, one a line (https://hub.meltano.com/singer/spec)."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import orjson

from source_gitlab.interfaces.singer.schema import schema_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from source_gitlab.interfaces.singer.catalog import Choice


def _line(**message: Any) -> bytes:
    return orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE)


def schema(choice: Choice) -> bytes:
    """What the records of a stream look like, ahead of the first of them."""
    stream = choice.stream
    message: dict[str, Any] = {
        "type": "SCHEMA",
        "stream": stream.name,
        "schema": schema_of(choice.fields, has_extra=choice.has_extra),
        "key_properties": list(stream.key),
    }
    if stream.cursor and not choice.is_full:
        message["bookmark_properties"] = [stream.cursor]
    return _line(**message)


def records(stream: str, rows: Iterable[dict[str, Any]], version: int | None) -> bytes:
    """Rows that were read just now; those with a `version` replace all former ones in the end."""
    more: dict[str, Any] = {"time_extracted": now()}
    if version is not None:
        more["version"] = version
    return b"".join(_line(type="RECORD", stream=stream, record=row, **more) for row in rows)


def state(value: dict[str, Any]) -> bytes:
    """What is covered by the records that came before."""
    return _line(type="STATE", value=value)


def activate_version(stream: str, version: int) -> bytes:
    """All rows of a stream came with this version: others are gone."""
    return _line(type="ACTIVATE_VERSION", stream=stream, version=version)


def new_version() -> int:
    """A version that is larger than those of earlier runs: milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def now() -> str:
    """The present instant in RFC 3339."""
    moment = datetime.now(tz=timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
