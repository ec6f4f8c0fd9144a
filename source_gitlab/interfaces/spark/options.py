"""The options of the data source, which are texts: what Spark hands over of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import orjson

from source_gitlab.config import parse
from source_gitlab.core.state import StateError, StreamState
from source_gitlab.engine.exit_codes import UsageError
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.config import Config
    from source_gitlab.streams import Stream

_TOKEN: Final = "GITLAB_TOKEN"  # noqa: S105 -- the name of a variable
_READERS: Final = 4
_OPTIONS: Final = (
    *("api_url", "config", "groups", "processes", "projects"),
    *("staging", "state", "stream", "token_env"),
)


def stream_of(options: Mapping[str, str]) -> Stream:
    """The stream to read.

    Raises:
        UsageError: there is none of this name, or an option has an unknown name.
    """
    name = options.get("stream", "")
    unknown = sorted({*options} - {*_OPTIONS, "path"})
    if unknown:
        message = f"There is no option {', '.join(unknown)}. There are: {', '.join(_OPTIONS)}."
        raise UsageError(message)
    if name not in streams():
        message = "Set the option stream to the name of a stream, such as issues."
        raise UsageError(message)
    return streams()[name]


def processes_of(options: Mapping[str, str]) -> int:
    """How many partitions are read at the same time.

    Raises:
        UsageError: the option is no such number.
    """
    text = options.get("processes", str(_READERS))
    if not text.isdecimal() or int(text) < 1:
        message = "The option processes is a whole number from 1 on."
        raise UsageError(message)
    return int(text)


def state_of(options: Mapping[str, str]) -> StreamState:
    """The state to go on from.

    Raises:
        StateError: the option is no state of the stream.
    """
    stream = stream_of(options)
    try:
        return StreamState.load(orjson.loads(options.get("state") or "{}"), stream)
    except orjson.JSONDecodeError as error:
        message = f"the option state is no JSON ({error})"
        raise StateError(message) from None


def config_of(options: Mapping[str, str]) -> Config:
    """The configuration, with the token of this process's environment.

    Raises:
        UsageError: the option config is wrong, or there is no token.
        ConfigError: a field is wrong.
    """
    try:
        raw = orjson.loads(options.get("config") or "{}")
    except orjson.JSONDecodeError as error:
        message = f"The option config is no JSON ({error})."
        raise UsageError(message) from None
    name = options.get("token_env", _TOKEN)
    if not isinstance(raw, dict) or "credentials" in raw:
        message = (
            "The option config is an object without credentials: options are shown in plans and"
            f" logs. Set the environment variable {name} on the driver and on the executors."
        )
        raise UsageError(message)
    token = os.environ.get(name)
    if not token:
        message = (
            f"There is no access token in the environment variable {name}. Set it on the driver,"
            f" and on the executors with spark.executorEnv.{name}."
        )
        raise UsageError(message)
    lists = {
        f"{one}_list": [text.strip() for text in options[one].split(",") if text.strip()]
        for one in ("groups", "projects")
        if options.get(one)
    }
    url = {"api_url": options["api_url"]} if options.get("api_url") else {}
    credentials = {"auth_type": "access_token", "access_token": token}
    return parse({**raw, **lists, **url, "credentials": credentials})
