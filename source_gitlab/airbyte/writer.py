"""Messages to standard output as bytes, in large writes."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import orjson
from airbyte_cdk.models import AirbyteMessageSerializer, Type
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets

if TYPE_CHECKING:
    from typing import BinaryIO

    from airbyte_cdk.models import AirbyteMessage

_LARGEST_WRITE = 256 * 1024
_LONGEST_WAIT = 0.1


class Writer:
    """Writes one message a line. Thread-safe, because logs come from every thread."""

    def __init__(self, output: BinaryIO) -> None:
        """Write to `output`, unbuffered or not."""
        self._output = output
        self._lock = threading.Lock()
        self._lines: list[bytes] = []
        self._size = 0
        self._written = time.monotonic()

    def write(self, message: AirbyteMessage) -> None:
        """Write a message; a record may wait for others, anything else is brought out at once."""
        if message.type is Type.RECORD and message.record is not None:
            record = message.record
            # The CDK's serializer leaves out columns that are null, and takes three times as long.
            self._line(
                orjson.dumps(
                    {
                        "type": "RECORD",
                        "record": {
                            "stream": record.stream,
                            "data": record.data,
                            "emitted_at": record.emitted_at,
                        },
                    }
                )
            )
            return
        data: dict[str, Any] = AirbyteMessageSerializer.dump(message)
        self._line(filter_secrets(orjson.dumps(data).decode()).encode())
        self.flush()

    def line(self, text: str) -> None:
        """Write a line that is a message already."""
        self._line(text.encode())
        self.flush()

    def flush(self) -> None:
        """Bring out everything that waits."""
        with self._lock:
            self._flush()

    def _line(self, line: bytes) -> None:
        with self._lock:
            self._lines.append(line)
            self._size += len(line)
            late = time.monotonic() - self._written > _LONGEST_WAIT
            if late or self._size > _LARGEST_WRITE:
                self._flush()

    def _flush(self) -> None:
        if self._lines:
            lines, self._lines, self._size = self._lines, [], 0
            lines.append(b"")
            self._output.write(b"\n".join(lines))
            self._output.flush()
        self._written = time.monotonic()


class LogHandler(logging.Handler):
    """Sends log records through the writer, so that no line is ever torn by another."""

    def __init__(self, writer: Writer) -> None:
        """Write to `writer`."""
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        """Write one log record."""
        self._writer.line(self.format(record))
