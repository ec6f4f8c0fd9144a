"""Files of states in the forms that faces write, and the same for states that are put together.

Airbyte's is a list of state messages, or what `read` printed; Singer's has bookmarks; the plain one
is an object with the state of each stream under its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from source_gitlab.core.state.merging import MergeError, Named, absent, merged
from source_gitlab.core.state.parts import StateError
from source_gitlab.core.state.stream_state import StreamState
from source_gitlab.encodings import text_of
from source_gitlab.interfaces.airbyte_inputs import state_messages
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from source_gitlab.config import Shard

Json = dict[str, Any]

AIRBYTE: Final = "Airbyte"
SINGER: Final = "Singer"
PLAIN: Final = "plain"
_BOOKMARKS: Final = "bookmarks"
_OURS: Final = "state"


@dataclass(frozen=True)
class StateFile:
    """What a file holds: its form, and the state of each stream by name."""

    name: str
    form: str
    states: Mapping[str, Any]


def read(path: Path) -> StateFile:
    """The states in a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON, or holds no states. The message says which.
    """
    text = text_of(path.read_bytes())
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError:
        return StateFile(str(path), AIRBYTE, _of_messages(str(path)))
    if isinstance(raw, dict) and isinstance(raw.get("value"), dict):
        raw = raw["value"]  # of a STATE message of a tap
    if isinstance(raw, dict) and _BOOKMARKS in raw:
        return StateFile(str(path), SINGER, _of_bookmarks(raw[_BOOKMARKS]))
    if isinstance(raw, dict) and raw and raw.keys() <= streams().keys():
        return StateFile(str(path), PLAIN, raw)
    return StateFile(str(path), AIRBYTE, _of_messages(str(path)))


def _of_messages(path: str) -> Json:
    found: Json = {}
    for one in state_messages(path):
        stream = one.get("stream")
        if isinstance(stream, dict):
            found[str(stream["stream_descriptor"]["name"])] = stream.get("stream_state")
    if not found:
        message = "it holds no states of streams"
        raise ValueError(message)
    return found


def _of_bookmarks(raw: Any) -> Json:
    if not isinstance(raw, dict):
        message = "its bookmarks are no object"
        raise ValueError(message)  # noqa: TRY004 -- what is in a file is no type of ours
    found: Json = {}
    for name, bookmark in raw.items():
        ours = bookmark.get(_OURS) if isinstance(bookmark, dict) else None
        if not isinstance(ours, list) or len(ours) != 1:
            message = f"the bookmark of {name} was not written by this tap"
            raise ValueError(message)
        found[name] = ours[0]
    return found


def merge(files: Sequence[StateFile]) -> tuple[bytes, list[Shard]]:
    """The states of all files as JSON, in their form; and the shards that are missing.

    Raises:
        MergeError: they do not belong together. The message says which, and why.
    """
    forms = {one.form: one.name for one in files}
    if len(forms) > 1:
        (form, name), (other_form, other), *_ = forms.items()
        message = f"{name} has states in the form of {form}, and {other} in that of {other_form}."
        raise MergeError(message)
    states: Json = {}
    lacking: list[Shard] = []
    for name in dict.fromkeys(name for one in files for name in one.states):
        given = [_named(one, name) for one in files if name in one.states]
        lacking = max(lacking, absent(given), key=len)
        known = [one.states[name] for one in files if name in one.states]
        # What has no cursor says so in words of Airbyte's, in every shard.
        is_same = all(one == known[0] for one in known)
        states[name] = known[0] if is_same and not _is_ours(known[0]) else None
        if states[name] is None:
            states[name] = merged(streams()[name], given).to_json()
    return _written(files[0].form, states), lacking


def _is_ours(raw: Any) -> bool:
    return isinstance(raw, dict) and "version" in raw


def _named(file: StateFile, name: str) -> Named:
    stream = streams().get(name)
    if stream is None:
        message = f"{file.name} has a state of {name}, and there is no such stream."
        raise MergeError(message)
    try:
        return Named(file.name, StreamState.load(file.states[name], stream))
    except StateError as error:
        message = f"{file.name}: the state of {name} was not written by this connector: {error}."
        raise MergeError(message) from error


def _written(form: str, states: Json) -> bytes:
    if form == SINGER:
        found: Any = {_BOOKMARKS: {name: {_OURS: [one]} for name, one in states.items()}}
    elif form == AIRBYTE:
        found = [
            {"type": "STREAM", "stream": {"stream_descriptor": {"name": name}, "stream_state": one}}
            for name, one in states.items()
        ]
    else:
        found = states
    return orjson.dumps(found, option=orjson.OPT_APPEND_NEWLINE)
