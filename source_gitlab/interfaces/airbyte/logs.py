"""What is logged, as messages of the protocol between the others."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from source_gitlab.interfaces.airbyte import protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.interfaces.airbyte.protocol import Json, Level
    from source_gitlab.interfaces.airbyte.writer import Writer

_LEVELS: Final[Mapping[int, Level]] = {
    logging.CRITICAL: "FATAL",
    logging.ERROR: "ERROR",
    logging.WARNING: "WARN",
    logging.INFO: "INFO",
}
_USUAL: Final = logging.LogRecord("", 0, "", 0, None, None, None).__dict__.keys()


class LogHandler(logging.Handler):
    """Sends log records through the writer, so that no line is ever torn by another."""

    def __init__(self, writer: Writer) -> None:
        """Write to `writer`."""
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        """Write one log record.

        The thread that logs is not to fail over the output; the one that writes messages does.
        """
        with suppress(OSError):
            self._writer.write(self._message(record))

    def _message(self, record: logging.LogRecord) -> Json:
        if record.levelno != logging.DEBUG:
            return protocol.log(_LEVELS.get(record.levelno, "INFO"), self.format(record))
        extra: dict[str, Any] = {
            name: str(value) for name, value in vars(record).items() if name not in _USUAL
        }
        if is_platform_debugging():
            return protocol.log("DEBUG", f"{record.getMessage()} ///\nExtra logs: {extra}")
        # What --debug asks for is for developers, and no message of the protocol.
        return {"type": "DEBUG", "message": record.getMessage(), "data": extra}


def set_up(writer: Writer, *, debug: bool) -> None:
    """Let everything that is logged go through the writer, and nowhere else."""
    logging.getLogger().handlers[:] = [LogHandler(writer)]
    level = logging.DEBUG if debug or is_platform_debugging() else logging.INFO
    logging.getLogger("source_gitlab").setLevel(level)


def is_platform_debugging() -> bool:
    """Whether the platform asks for the level DEBUG, which it does in the environment."""
    return os.environ.get("LOG_LEVEL", "").casefold() == "debug"
