"""The requests of the runtime, one after the other; the last one opens the capture."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from source_gitlab.config import OAuth, parse
from source_gitlab.core.session import Session
from source_gitlab.engine.beginning import begin
from source_gitlab.interfaces.flow import intervals
from source_gitlab.interfaces.flow.capture import Capture
from source_gitlab.interfaces.flow.form import spec
from source_gitlab.interfaces.flow.input import ProtocolError
from source_gitlab.interfaces.flow.resources import resources
from source_gitlab.interfaces.flow.schemas import document_schema
from source_gitlab.streams import streams

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Mapping

    from source_gitlab.interfaces.flow.output import Output
    from source_gitlab.streams import Stream

LOGGER = logging.getLogger("source_gitlab.flow")

Body = dict[str, Any]

# How often streams are read that tell of no change: each read is one of everything.
_WHOLE: Final = "P1D"


def serve(requests: Iterable[Mapping[str, Any]], output: Output, stopped: threading.Event) -> bool:
    """Answer requests, and capture when one says so, until `stopped` is set or they end.

    Tells whether there was any.

    Raises:
        ProtocolError: a request is none that a capture has.
        ConfigError, StateError, GitlabError, OutputError: it cannot be answered, for this reason.
    """
    is_asked = False
    for request in requests:
        is_asked = True
        if "spec" in request:
            output.send("spec", spec())
        elif "discover" in request:
            output.send("discovered", _discovered(request["discover"], stopped))
        elif "validate" in request:
            output.send("validated", _validated(request["validate"], stopped))
        elif "apply" in request:
            output.send("applied", {"actionDescription": ""})
        elif "open" in request:
            Capture(request["open"], output).run(stopped)
            break
        else:
            message = "The runtime sent a request that a capture does not have."
            raise ProtocolError(message)
    return is_asked


def _discovered(request: Mapping[str, Any], stopped: threading.Event) -> Body:
    _try_out(request.get("config") or {}, stopped)
    return {"bindings": [_discovered_binding(stream) for stream in streams().values()]}


def _discovered_binding(stream: Stream) -> Body:
    config = {"stream": stream.name}
    # Groups and projects are listed for each read of anything.
    if not stream.incremental and stream.kind != "inventory":
        config["interval"] = _WHOLE
    return {
        "recommendedName": stream.name,
        "resourceConfig": config,
        "documentSchema": document_schema(stream),
        "key": [f"/{name}" for name in stream.key],
        "disable": not stream.selected,
    }


def _validated(request: Mapping[str, Any], stopped: threading.Event) -> Body:
    config = request.get("config") or {}
    interval = intervals.seconds(config.get("interval"), otherwise=0.0)
    wanted = resources(request.get("bindings") or [], interval=interval)
    _try_out(config, stopped)
    return {"bindings": [{"resourcePath": [one.stream.name]} for one in wanted]}


def _try_out(raw: Mapping[str, Any], stopped: threading.Event) -> None:
    """Sign in, and find what was chosen.

    The configured tokens of OAuth may long have been followed by others, which the state of the
    capture has. Trying them out would renew them, and there is nothing here that keeps new ones.
    """
    config = parse(raw)
    intervals.seconds(raw.get("interval"), otherwise=0.0)
    if isinstance(config.credentials, OAuth):
        return
    with Session(config) as session:
        begin(session, stopped)
        for entry in session.report.selection:
            LOGGER.warning("%s", entry.message)
