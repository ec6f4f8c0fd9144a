"""The queue on which records, states and logs travel from the threads that read to the output."""

from __future__ import annotations

import threading
from queue import Full, Queue
from typing import TYPE_CHECKING, Any

from source_gitlab.core.selection import NotFound
from source_gitlab.gitlab.errors import FatalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airbyte_cdk.models import AirbyteMessage

    from source_gitlab.interfaces.airbyte.streams import StreamWork

# Pages on their way to the output; more would only fill memory.
_MOST_WAITING = 20
_GLANCE = 0.2


class Undeliverable(Exception):
    """Nobody takes messages any more."""


class Delivery(Queue[Any]):
    """A bounded queue that can be closed.

    When the output breaks, nobody empties the queue any more, and threads that wait for room in it
    would keep the process alive forever.
    """

    def __init__(self) -> None:
        """Open the queue."""
        super().__init__(maxsize=_MOST_WAITING)
        self._closed = threading.Event()

    def close(self) -> None:
        """Take nothing more."""
        self._closed.set()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: FBT001, FBT002 -- as the queue's own
        """Put `item` in, when there is room.

        Raises:
            Undeliverable: the queue was closed.
            queue.Full: there is no room, and the caller would not wait (longer).
        """
        if not block or timeout is not None:
            super().put(item, block, timeout)
            return
        while not self._closed.is_set():
            try:
                super().put(item, timeout=_GLANCE)
            except Full:
                continue
            return
        raise Undeliverable


def without_repeats(
    messages: Iterable[AirbyteMessage], work: Iterable[StreamWork]
) -> Iterator[AirbyteMessage]:
    """The messages, without the errors that are said once at the end for all streams.

    The CDK makes a TRACE message of the first error of each stream, and a stack trace with it.
    """
    for message in messages:
        error = message.trace.error if message.trace else None
        if error is not None:
            known = {str(one.error): one.error for one in work if one.error is not None}
            if isinstance(known.get(error.message), (FatalError, NotFound)):
                continue
            if error.message in known:
                error.stack_trace = None
        yield message
