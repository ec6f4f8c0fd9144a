"""The files that a command is given, as JSON of the form that the protocol asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from source_gitlab.encodings import text_of
from source_gitlab.interfaces.airbyte.errors import mistake
from source_gitlab.interfaces.airbyte.generations import NUMBERS
from source_gitlab.interfaces.airbyte_inputs import configured_catalog, state_messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_gitlab.interfaces.airbyte.protocol import Json

_MODES: Final = ("full_refresh", "incremental")
_SHOWN: Final = 40  # characters of what is wrong


def configuration(path: Path) -> Json:
    """The configuration in a file.

    Raises:
        Failure: it cannot be read, or is no object.
    """
    found: Json = _file("configuration", path, _configuration)
    return found


def catalog(path: Path) -> Json:
    """The configured catalog in a file, which may also be what `discover` printed.

    Raises:
        Failure: it cannot be read, or has another form.
    """
    found: Json = _file("catalog", path, catalog_in)
    return found


def states(path: Path | None) -> list[Json]:
    """The states in a file, or what `read` printed; none where no file is named.

    Raises:
        Failure: it cannot be read, or has another form.
    """
    found: list[Json] = _file("state", path, states_in) if path else []
    return found


def catalog_in(path: str) -> Json:
    """The configured catalog in a file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no JSON (orjson.JSONDecodeError), or no catalog.
    """
    found = configured_catalog(path)
    for number, entry in enumerate(found["streams"]):
        place = f"streams[{number}]"
        stream = _object(entry, place).get("stream", {})
        _text(_object(stream, f"{place}.stream").get("name"), f"{place}.stream.name")
        if entry["sync_mode"] not in _MODES:
            shown = orjson.dumps(entry["sync_mode"])[:_SHOWN].decode(errors="replace")
            message = f"{place}.sync_mode is {shown}, not {' or '.join(_MODES)}"
            raise ValueError(message)
        for name in NUMBERS:
            _number(entry.get(name), f"{place}.{name}")
    return found


def states_in(path: str) -> list[Json]:
    """The states in a file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no JSON (orjson.JSONDecodeError), or no states.
    """
    found = state_messages(path)
    for state in found:
        stream = state.get("stream")
        if not stream:
            continue
        descriptor = _object(stream, "stream").get("stream_descriptor")
        _text(
            _object(descriptor, "stream.stream_descriptor").get("name"),
            "stream.stream_descriptor.name",
        )
        if stream.get("stream_state") is not None:
            _object(stream["stream_state"], "stream.stream_state")
    return found


def _configuration(path: str) -> Json:
    return _object(orjson.loads(text_of(Path(path).read_bytes())), "its content")


def _object(value: Any, place: str) -> Json:
    if not isinstance(value, dict):
        message = f"{place} is {_kind(value)}, not an object"
        raise ValueError(message)  # noqa: TRY004 -- what is in a file is no type of ours
    return value


def _text(value: Any, place: str) -> None:
    if not isinstance(value, str) or not value:
        message = f"{place} is {_kind(value)}, not a name"
        raise ValueError(message)


def _number(value: Any, place: str) -> None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        message = f"{place} is {_kind(value)}, not a whole number"
        raise ValueError(message)


def _kind(value: Any) -> str:
    """What a value is; it is not repeated, for a token may stand in the wrong place."""
    if value is None or isinstance(value, bool):
        return orjson.dumps(value).decode()
    if isinstance(value, (int, float)):
        return "a number" if isinstance(value, int) else "a fraction"
    if isinstance(value, str):
        return "a text" if value else "empty"
    return "a list" if isinstance(value, list) else "an object"


def _file(what: str, path: Path, read: Callable[[str], Any]) -> Any:
    """What `read` reads from a file, or one sentence that says what is wrong with the file."""
    try:
        return read(str(path))
    except OSError as error:
        message = f"The {what} file {path} cannot be read: {error.strerror}.{_hint(what)}"
    except (orjson.JSONDecodeError, UnicodeDecodeError) as error:
        message = f"The {what} file {path} is not JSON ({error}).{_hint(what)}"
    except ValueError as error:
        message = f"The {what} file {path} does not have the form of a {what}: {error}."
    raise mistake(message)


def _hint(what: str) -> str:
    """What people may have taken from the other commands."""
    if what != "configuration":
        return ""
    return (
        " Here it has to be a JSON file. YAML, and - for the standard input, are for `sync`, and"
        " for `check --format text`."
    )
