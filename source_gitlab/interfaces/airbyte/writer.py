"""Messages to standard output as bytes, in large writes."""

from __future__ import annotations

import os
import select
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from source_gitlab.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import BinaryIO

    from source_gitlab.interfaces.airbyte.protocol import Json

_LARGEST_WRITE = 256 * 1024
_LONGEST_WAIT = 0.1
_MOST_PIECES = 1024  # that Linux and macOS take at once (IOV_MAX)

# Messages that people read, and where in them the sentences are. Everything else is structure: a
# secret that happens to be a word of the protocol, or the name of a stream, must not change it.
_FOR_PEOPLE = frozenset({"LOG", "TRACE", "CONNECTION_STATUS", "DEBUG"})
_SENTENCES = frozenset({"message", "internal_message", "stack_trace", "data"})


class Writer:
    """Writes one message a line. Thread-safe, because logs come from every thread.

    After a write has failed, every later one fails too: what follows a gap must not come out.
    """

    def __init__(self, output: BinaryIO) -> None:
        """Write to `output`, which is buffered: a raw one writes a part when a signal comes.

        Nobody else writes to it, for its buffer is passed by where there is a file behind it.
        """
        self._output = output
        self._descriptor = _descriptor_of(output)
        self._lock = threading.Lock()
        self._waiting: list[bytes] = []
        self._size = 0
        self._failure: OSError | None = None
        self._written = time.monotonic()

    def write(self, message: Json) -> None:
        """Write a message; a page of rows may wait for more, anything else is out at once.

        The data of a RECORD are the lines of a page, in pieces.

        Raises:
            OSError: the output is broken, now or since an earlier write.
        """
        if message["type"] == "RECORD":
            self._add(message["record"]["data"])
            return
        # A state is for machines, and a CONTROL message brings renewed tokens to the platform.
        data = _readable(message) if message["type"] in _FOR_PEOPLE else message
        self._add([orjson.dumps(data), b"\n"])
        self.flush()

    def flush(self) -> None:
        """Bring out everything that waits."""
        with self._lock:
            self._flush()

    def _add(self, pieces: list[bytes]) -> None:
        with self._lock:
            self._waiting += pieces
            self._size += sum(map(len, pieces))
            is_late = time.monotonic() - self._written > _LONGEST_WAIT
            if is_late or self._size > _LARGEST_WRITE:
                self._flush()

    def _flush(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._waiting:
            waiting, self._waiting, self._size = self._waiting, [], 0
            try:
                self._put(waiting)
            except OSError as error:
                self._failure = error
                raise
        self._written = time.monotonic()

    def _put(self, pieces: list[bytes]) -> None:
        if self._descriptor is not None:
            # To join the pieces of large rows costs as much as to write them.
            write_whole(pieces, partial(_write_some, self._descriptor))
            return
        self._output.write(b"".join(pieces))
        self._output.flush()


def write_whole(
    pieces: Sequence[bytes], write: Callable[[Sequence[bytes | memoryview]], int]
) -> None:
    """Have `write` take all pieces; it may take a part of them, and tells how many bytes it took.

    Raises:
        what `write` does; a part of the pieces is written then.
    """
    for start in range(0, len(pieces), _MOST_PIECES):
        some = pieces[start : start + _MOST_PIECES]
        left = sum(map(len, some)) - write(some)
        if left:
            # A signal came, or a disk has no room for more.
            end = memoryview(b"".join(some)[-left:])
            while end:
                end = end[write([end]) :]


def _write_some(descriptor: int, pieces: Sequence[bytes | memoryview]) -> int:
    try:
        return os.writev(descriptor, pieces)
    except BlockingIOError:
        # Whoever reads it has made it so; it takes more when that one has read.
        room = select.poll()
        room.register(descriptor, select.POLLOUT)
        room.poll()
        return 0


def _descriptor_of(output: BinaryIO) -> int | None:
    """That of the file behind `output`, if there is one that takes what is in pieces."""
    try:
        return output.fileno() if hasattr(os, "writev") else None
    except OSError:
        return None


def _readable(data: Any, *, sentence: bool = False) -> Any:
    """A message without the secrets in its sentences, and whose sentences are UTF-8.

    What is no UTF-8 in them are bytes of a file's name, as Python has it.
    """
    if isinstance(data, dict):
        return {
            name: _readable(value, sentence=sentence or name in _SENTENCES)
            for name, value in data.items()
        }
    if isinstance(data, list):
        return [_readable(item, sentence=sentence) for item in data]
    if sentence and isinstance(data, str):
        return redact(data).encode("utf-8", "replace").decode()
    return data
