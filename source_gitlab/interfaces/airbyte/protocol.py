"""Messages of the Airbyte protocol as JSON, with their fields in its order.

https://docs.airbyte.com/understanding-airbyte/airbyte-protocol
"""

from __future__ import annotations

import time
import traceback
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.interfaces.airbyte.errors import Failure

Json = dict[str, Any]
Level = Literal["FATAL", "ERROR", "WARN", "INFO", "DEBUG"]
Status = Literal["STARTED", "RUNNING", "COMPLETE", "INCOMPLETE"]


def log(level: Level, message: str) -> Json:
    """A line of the log."""
    return {"type": "LOG", "log": {"level": level, "message": message}}


def connection_status(*, ok: bool, message: str | None) -> Json:
    """The answer of `check`."""
    answer = {"status": "SUCCEEDED" if ok else "FAILED"}
    if message is not None:
        answer["message"] = message
    return {"type": "CONNECTION_STATUS", "connectionStatus": answer}


def stream_status(stream: str, status: Status, *, quota_reset: int | None = None) -> Json:
    """How far a stream is; `quota_reset`: until when a rate limit holds it up, in milliseconds."""
    what: Json = {"stream_descriptor": {"name": stream}, "status": status}
    if quota_reset is not None:
        limited = {"quota_reset": quota_reset}
        what["reasons"] = [{"type": "RATE_LIMITED", "rate_limited": limited}]
    return _trace("STREAM_STATUS", stream_status=what)


def error(failure: Failure, *, stack: bool) -> Json:
    """An error; with `stack`, the traceback of the mistake behind it, if it is one."""
    what: Json = {"message": failure.message, "internal_message": failure.internal_message}
    if stack and failure.error is not None:
        what["stack_trace"] = "".join(traceback.format_exception(failure.error))
    what["failure_type"] = failure.failure_type
    if failure.stream:
        what["stream_descriptor"] = {"name": failure.stream}
    return _trace("ERROR", error=what)


def state(stream: str, content: Mapping[str, Any], records: int) -> Json:
    """The state of a stream, behind so many records since the one before it."""
    return {
        "type": "STATE",
        "state": {
            "type": "STREAM",
            "stream": {"stream_descriptor": {"name": stream}, "stream_state": content},
            # The protocol counts in floating point.
            "sourceStats": {"recordCount": float(records)},
        },
    }


def configuration(config: Mapping[str, Any]) -> Json:
    """A configuration for the platform to keep in place of the one that it gave."""
    control = {
        "type": "CONNECTOR_CONFIG",
        "emitted_at": now(),
        "connectorConfig": {"config": config},
    }
    return {"type": "CONTROL", "control": control}


def now() -> int:
    """The time in milliseconds."""
    return time.time_ns() // 1_000_000


def _trace(kind: str, **what: Json) -> Json:
    return {"type": "TRACE", "trace": {"type": kind, "emitted_at": now(), **what}}
