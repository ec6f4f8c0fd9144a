"""Logs as the runtime takes them: a line of JSON each, on standard error.

The last line before an exit with another code than 0 is the error that its user sees.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, Final

import orjson

_LEVELS: Final = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_HOUR: Final = 3600.0
_NAMES: Final = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warn",
    logging.ERROR: "error",
    logging.CRITICAL: "error",
}


class _OnceAnHour(logging.Filter):
    """Lets a warning pass that was not told in the last hour: each read meets the same refusals."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno != logging.WARNING:
            return True
        text, since = record.getMessage(), record.created - _HOUR
        if self._told.get(text, since) > since:
            return False
        self._told = {one: when for one, when in self._told.items() if when > since}
        self._told[text] = record.created
        return True


class _Lines(logging.Formatter):
    """Records as lines; what a record has of an event is in its fields."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {"logger": record.name}
        event = getattr(record, "eventType", None)
        if event is not None:
            fields["eventType"] = event
        if record.exc_text:
            fields["traceback"] = record.exc_text.splitlines()
        level = _NAMES.get(record.levelno, "info")
        line = {"level": level, "msg": record.getMessage(), "fields": fields}
        return orjson.dumps(line).decode()


def install(level: str) -> None:
    """Write all logs of this process, from this level on; an unknown one counts as info."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    handler.addFilter(_OnceAnHour())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("source_gitlab").setLevel(_LEVELS.get(level.strip().casefold(), logging.INFO))
    logging.captureWarnings(capture=True)
