"""Messages to standard output as bytes, in large writes."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson
from airbyte_cdk.models import AirbyteMessageSerializer, Type
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets

from source_gitlab.airbyte import pages
from source_gitlab.redaction import redact

if TYPE_CHECKING:
    from typing import BinaryIO

    from airbyte_cdk.models import AirbyteMessage

_LARGEST_WRITE = 256 * 1024
_LONGEST_WAIT = 0.1


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
            self._add(pages.lines(message.record))
            return
        data: dict[str, Any] = AirbyteMessageSerializer.dump(message)
        text = orjson.dumps(data).decode()
        # A CONTROL message is there to bring renewed tokens to the platform, which keeps them.
        if message.type is not Type.CONTROL:
            text = redact(filter_secrets(text))
        self._add(f"{text}\n".encode())
        self.flush()

    def line(self, text: str) -> None:
        """Write a line that is a message already."""
        self._add(f"{redact(text)}\n".encode())
        self.flush()

    def flush(self) -> None:
        """Bring out everything that waits."""
        with self._lock:
            self._flush()

    def _add(self, lines: bytes) -> None:
        with self._lock:
            self._waiting.append(lines)
            self._size += len(lines)
            late = time.monotonic() - self._written > _LONGEST_WAIT
            if late or self._size > _LARGEST_WRITE:
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
