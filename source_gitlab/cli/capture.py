"""`source-gitlab` without a command: a Flow capture on standard input and output."""

from __future__ import annotations

import logging
import os
import threading
from functools import partial
from typing import TYPE_CHECKING

from source_gitlab.core.state import StateError
from source_gitlab.engine import process
from source_gitlab.engine.exit_codes import DONE, INCOMPLETE, told
from source_gitlab.gitlab.errors import Stopped
from source_gitlab.interfaces.flow import logs
from source_gitlab.interfaces.flow.input import ProtocolError, Requests
from source_gitlab.interfaces.flow.output import Output, OutputError
from source_gitlab.interfaces.flow.serve import serve
from source_gitlab.redaction import install, redact

if TYPE_CHECKING:
    from collections.abc import Sequence

LOGGER = logging.getLogger("source_gitlab.flow")
_LEVEL = "--log.level"


def is_meant(arguments: Sequence[str]) -> bool:
    """Whether these are the arguments of a capture: none, or flags of the runtime for logs."""
    values = iter(arguments)
    for one in values:
        if not one.startswith("--log."):
            return False
        if "=" not in one:
            next(values, None)
    return True


def main(arguments: Sequence[str]) -> int | None:
    """Serve the runtime on standard input and output; the exit code, None when nobody asked."""
    install()
    logs.install(_level(arguments))
    write = _take_output()
    stopped = threading.Event()
    output = Output(write)
    with process.reading(stopped.set):
        try:
            requests = Requests(partial(os.read, 0), output, stopped)
            if not serve(requests, output, stopped) and not stopped.is_set():
                return None
        except Stopped:
            return DONE
        except Exception as error:  # noqa: BLE001 -- the last line of the log is what users see
            is_told = isinstance(error, (OutputError, ProtocolError, StateError))
            return _failed(error, str(error) if is_told else told(error))
    return DONE


def _failed(error: Exception, sentence: str | None) -> int:
    """Log why the capture ends; an error without a sentence is a mistake of this program."""
    if sentence is None:
        LOGGER.error("The connector has made a mistake: %r", error, exc_info=error)
    else:
        LOGGER.error("%s", redact(sentence))
    return INCOMPLETE


def _level(arguments: Sequence[str]) -> str:
    """The level of `--log.level=debug`, `--log.level debug` or LOG_LEVEL."""
    level = os.environ.get("LOG_LEVEL", "")
    for number, one in enumerate(arguments):
        name, is_given, value = one.partition("=")
        if name == _LEVEL:
            level = value if is_given else "".join(arguments[number + 1 : number + 2])
    return level


def _take_output() -> partial[None]:
    """What writes to standard output, which nothing else does from now on: it goes to the logs."""
    number = os.dup(1)
    os.dup2(2, 1)
    return partial(_write, number)


def _write(number: int, lines: bytes) -> None:
    left = memoryview(lines)
    while left:
        left = left[os.write(number, left) :]
