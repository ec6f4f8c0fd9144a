"""Catalogs and states as users have them: files of Airbyte, or what `discover` and `read` print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from source_gitlab.encodings import opened
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

_OTHERS = (b'"RECORD"', b'"LOG"', b'"TRACE"', b'"CONTROL"')


def configured_catalog(path: str) -> Json:
    """The configured catalog in a file, as JSON.

    Taken is a configured catalog, one of streams without sync modes, and the output of `discover`.
    What is not chosen is chosen as a platform would by default: incremental where a stream can be.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no JSON (orjson.JSONDecodeError), or no catalog.
    """
    found = _content(path)
    messages = found if isinstance(found, list) else [found]
    if all(isinstance(one, dict) and "type" in one for one in messages):
        catalogs = [one.get("catalog") for one in messages if one.get("type") == "CATALOG"]
        if not catalogs:
            message = "it holds messages, but none of the type CATALOG"
            raise ValueError(message)
        found = catalogs[-1]
    if not isinstance(found, dict) or not isinstance(found.get("streams"), list):
        message = "it is no object with a list of streams"
        raise ValueError(message)  # noqa: TRY004 -- what is in a file is no type of ours
    return {**found, "streams": [_configured(entry) for entry in found["streams"]]}


def _configured(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    stream = entry.get("stream", entry)
    if not isinstance(stream, dict):
        return entry
    chosen = dict(entry) if "stream" in entry else {}
    declared = streams().get(str(stream.get("name")))
    incremental = declared is not None and declared.incremental
    modes = ["full_refresh", "incremental"] if incremental else ["full_refresh"]
    chosen["stream"] = {"json_schema": {}, **stream}
    if not stream.get("supported_sync_modes"):
        chosen["stream"]["supported_sync_modes"] = modes
    chosen.setdefault("sync_mode", modes[-1])
    chosen.setdefault("destination_sync_mode", "append")
    return chosen


def state_messages(path: str) -> list[Json]:
    """The states in a file, as the platform's list of them: the last of each stream.

    Taken is that list, a single one, and the output of `read`, whose other messages are left out.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no JSON (orjson.JSONDecodeError), or no states.
    """
    found = _content(path, only=b'"STATE"')
    messages = found if isinstance(found, list) else [found] if found else []
    states: dict[object, Json] = {}
    for number, message in enumerate(messages):
        if not isinstance(message, dict):
            text = f"{orjson.dumps(message)[:40].decode(errors='replace')} is no state"
            raise ValueError(text)  # noqa: TRY004 -- what is in a file is no type of ours
        if message.get("type") in ("RECORD", "LOG", "TRACE", "CONTROL"):  # which may be a list
            continue
        state = message.get("state") if message.get("type") == "STATE" else message
        if not isinstance(state, dict) or not (state.get("stream") or state.get("data") == {}):
            text = "it holds something other than states of streams"
            raise ValueError(text)
        # Behind the others, so that states stay in the order in which they were written.
        place = _stream_of(state) or number
        states.pop(place, None)
        states[place] = state
    return list(states.values())


def _stream_of(state: Any) -> object:
    stream = state.get("stream") if isinstance(state, dict) else None
    descriptor = stream.get("stream_descriptor") if isinstance(stream, dict) else None
    if not isinstance(descriptor, dict):
        return None
    namespace, name = descriptor.get("namespace"), descriptor.get("name")
    is_named = isinstance(name, str) and isinstance(namespace, (str, type(None)))
    return (namespace, name) if is_named else None


def _content(path: str, *, only: bytes = b"") -> Any:
    """The JSON in a file; of a file of messages, one a line, the list of those with `only` in them.

    A line of no message that `read` writes is among them, whatever it is.

    A last line that was cut off, because the process that wrote it was killed, is left out: what it
    would have said was not said.
    """
    with opened(Path(path)) as file:
        first = file.readline()
        if not _is_message(first):
            return orjson.loads(first + file.read())
        return list(_messages(first, file, only))


def _is_message(line: bytes) -> bool:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(found, dict) and isinstance(found.get("type"), str)


def _may_be_meant(line: bytes, only: bytes) -> bool:
    """Whether a line has to be looked at: rows, of which there are many, need not."""
    return only in line or not any(other in line for other in _OTHERS)


def _messages(first: bytes, rest: Any, only: bytes) -> Iterator[Any]:
    if _may_be_meant(first, only):
        yield orjson.loads(first)
    for line in rest:
        if not line.strip() or not _may_be_meant(line, only):
            continue
        try:
            yield orjson.loads(line)
        except orjson.JSONDecodeError:
            if line.endswith(b"\n"):
                raise
