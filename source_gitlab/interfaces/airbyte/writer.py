"""Messages to standard output as bytes, in large writes."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson
from airbyte_cdk.models import AirbyteMessageSerializer, Type

from source_gitlab.interfaces.airbyte import batches
from source_gitlab.redaction import redact

if TYPE_CHECKING:
    from typing import BinaryIO

    from airbyte_cdk.models import AirbyteMessage

_LARGEST_WRITE = 256 * 1024
_LONGEST_WAIT = 0.1


# Messages that people read, and where in them the sentences are. Everything else is structure: a
# secret that happens to be a word of the protocol, or the name of a stream, must not change it.
_FOR_PEOPLE = frozenset({Type.LOG, Type.TRACE, Type.CONNECTION_STATUS})
_SENTENCES = frozenset({"message", "internal_message", "stack_trace", "data"})


class Writer:
    """Writes one message a line. Thread-safe, because logs come from every thread.

    After a write has failed, every later one fails too: what follows a gap must not come out.
    """

    def __init__(self, output: BinaryIO) -> None:
        """Write to `output`, unbuffered or not."""
        self._output = output
        self._lock = threading.Lock()
        self._waiting: list[bytes] = []
        self._size = 0
        self._failure: OSError | None = None
        self._written = time.monotonic()

    def write(self, message: AirbyteMessage) -> None:
        """Write a message; a page of rows may wait for more, anything else is out at once.

        Raises:
            OSError: the output is broken, now or since an earlier write.
        """
        if message.type is Type.RECORD and message.record is not None:
            self._add(batches.lines(message.record))
            return
        data: dict[str, Any] = AirbyteMessageSerializer.dump(message)
        # A state is for machines, and a CONTROL message brings renewed tokens to the platform.
        if message.type in _FOR_PEOPLE:
            data = _readable(data)
        self._add(orjson.dumps(data) + b"\n")
        self.flush()

    def line(self, text: str) -> None:
        """Write a line that is a message already."""
        try:
            line = orjson.dumps(_readable(orjson.loads(text)))
        except orjson.JSONDecodeError:
            line = redact(text).encode()
        self._add(line + b"\n")
        self.flush()

    def flush(self) -> None:
        """Bring out everything that waits."""
        with self._lock:
            self._flush()

    def _add(self, lines: bytes) -> None:
        with self._lock:
            self._waiting.append(lines)
            self._size += len(lines)
            is_late = time.monotonic() - self._written > _LONGEST_WAIT
            if is_late or self._size > _LARGEST_WRITE:
                self._flush()

    def _flush(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._waiting:
            waiting, self._waiting, self._size = self._waiting, [], 0
            try:
                self._output.write(waiting[0] if len(waiting) == 1 else b"".join(waiting))
                self._output.flush()
            except OSError as error:
                self._failure = error
                raise
        self._written = time.monotonic()


def _readable(data: Any, *, sentence: bool = False) -> Any:
    """A message without the secrets in its sentences."""
    if isinstance(data, dict):
        return {
            name: _readable(value, sentence=sentence or name in _SENTENCES)
            for name, value in data.items()
        }
    if isinstance(data, list):
        return [_readable(item, sentence=sentence) for item in data]
    return redact(data) if sentence and isinstance(data, str) else data


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
            self._writer.line(self.format(record))
