"""What the runtime asks: lines of JSON, read while everything else goes on."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import orjson

from source_gitlab.engine.queue import ClosableQueue, Closed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from source_gitlab.interfaces.flow.output import Output

_SIZE: Final = 1 << 16
_GLANCE: Final = 0.2
_MOST_WAITING: Final = 100


class ProtocolError(Exception):
    """The runtime sent what this protocol does not have; the message says what."""


class Requests:
    """The requests of the runtime in order, until the input ends or `stopped` is set.

    `read` gives the next bytes of the input, at most so many, and none at its end; it is called in
    a thread of its own. Acknowledgements go to `output` at once, whatever else is under way.
    """

    def __init__(
        self, read: Callable[[int], bytes], output: Output, stopped: threading.Event
    ) -> None:
        """Start to read."""
        self._read = read
        self._output = output
        self._stopped = stopped
        self._queue: ClosableQueue[dict[str, Any] | ProtocolError] = ClosableQueue(_MOST_WAITING)
        threading.Thread(target=self._run, name="requests", daemon=True).start()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The requests but for acknowledgements.

        Raises:
            ProtocolError: a line is no request.
        """
        while not self._stopped.is_set():
            try:
                found = self._queue.get(_GLANCE)
            except Closed:
                return
            if isinstance(found, ProtocolError):
                raise found
            if found is not None:
                yield found

    def _run(self) -> None:
        try:
            for line in self._lines():
                self._take(line)
        except (OSError, ProtocolError) as error:
            self._queue.put(ProtocolError(f"The requests cannot be read: {error}"))
        finally:
            self._output.close()
            self._queue.close()

    def _lines(self) -> Iterator[bytes]:
        parts: list[bytes] = []
        while some := self._read(_SIZE):
            *whole, rest = some.split(b"\n")
            for end in whole:
                yield b"".join([*parts, end])
                parts.clear()
            parts.append(rest)
        yield b"".join(parts)

    def _take(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            request = orjson.loads(line)
        except orjson.JSONDecodeError:
            message = "a line is no JSON."
            raise ProtocolError(message) from None
        if not isinstance(request, dict):
            message = "a line is no object."
            raise ProtocolError(message)
        if "acknowledge" not in request:
            self._queue.put(request)
            return
        match request["acknowledge"]:
            case {"checkpoints": int(count)}:
                self._output.acknowledge(count)
            case _:
                message = "an acknowledgement is of no checkpoints."
                raise ProtocolError(message)
