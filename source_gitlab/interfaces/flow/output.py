"""What the runtime gets: messages as lines of JSON, and checkpoints that it acknowledges.

The protocol is https://github.com/estuary/flow/blob/master/go/protocols/capture/capture.proto, as
lines of JSON. A checkpoint lets the runtime commit every document before it, whichever
binding it is of, together with a JSON merge patch (RFC 7396) of the capture's state.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class OutputError(Exception):
    """The runtime takes no messages any more; the message says why."""


class Output:
    """Messages to the runtime. Thread-safe: renewed tokens are announced from any thread.

    `write` brings whole lines out before it returns.
    """

    def __init__(self, write: Callable[[bytes], None]) -> None:
        """Send nothing yet."""
        self._write = write
        self._sent = 0
        self._acknowledged = 0
        self._is_closed = False
        self._turn = threading.Condition()

    def send(self, kind: str, body: Mapping[str, Any]) -> None:
        """Send one message.

        Raises:
            OutputError: nobody reads it.
        """
        with self._turn:
            self._bring(orjson.dumps({kind: body}) + b"\n")

    def commit(self, documents: Iterable[bytes], updated: Mapping[str, Any]) -> int:
        """Send documents, which are whole lines, and a checkpoint right behind them; its number.

        No other checkpoint comes between: the documents are kept with `updated` or not at all.

        Raises:
            OutputError: nobody reads it.
        """
        checkpoint = {"checkpoint": {"state": {"updated": updated, "mergePatch": True}}}
        with self._turn:
            self._bring(b"".join([*documents, orjson.dumps(checkpoint), b"\n"]))
            self._sent += 1
            return self._sent

    def acknowledge(self, count: int) -> None:
        """Note that so many more checkpoints are kept."""
        with self._turn:
            self._acknowledged += count
            self._turn.notify_all()

    def close(self) -> None:
        """Note that no acknowledgement comes any more."""
        with self._turn:
            self._is_closed = True
            self._turn.notify_all()

    @property
    def is_acknowledged(self) -> bool:
        """Whether acknowledgements can still come."""
        with self._turn:
            return not self._is_closed

    def wait_for(self, number: int, seconds: float) -> bool:
        """Wait until the checkpoint of this number is kept; False when that does not come."""
        with self._turn:
            self._turn.wait_for(lambda: self._is_closed or self._acknowledged >= number, seconds)
            return self._acknowledged >= number

    def _bring(self, lines: bytes) -> None:
        try:
            self._write(lines)
        except OSError as error:
            message = f"The runtime does not read any more: {error.strerror or error}."
            raise OutputError(message) from error
