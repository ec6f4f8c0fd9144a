"""Events of the engine as Airbyte's messages.

Of each stream: STARTED, then RUNNING with its first record, records, and states behind the records
that they cover; at the end its last state, and COMPLETE or INCOMPLETE.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from airbyte_cdk.models import (
    AirbyteMessage,
    AirbyteRecordMessage,
    AirbyteStateBlob,
    AirbyteStateMessage,
    AirbyteStateType,
    AirbyteStreamState,
    AirbyteStreamStatus,
    StreamDescriptor,
    Type,
)
from airbyte_cdk.utils.stream_status_utils import as_airbyte_message

from source_gitlab.core.selection import NotFound
from source_gitlab.engine.events import Begun, Ended, Failed, Rows, State
from source_gitlab.gitlab.errors import FatalError, Stopped
from source_gitlab.interfaces.airbyte.errors import is_known, traced

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from source_gitlab.engine.events import Event
    from source_gitlab.engine.run import Run
    from source_gitlab.streams import Stream

LOGGER = logging.getLogger("source_gitlab")
# The CDK, and programs that drive a source, look for all that a source says below this name.
LOGGER.parent = logging.getLogger("airbyte")

# What a stream without a cursor has for a state (the protocol's word for it).
_WITHOUT_CURSOR = {"__ab_no_cursor_state_message": True}


def status(stream: Stream, what: AirbyteStreamStatus) -> AirbyteMessage:
    """The message that tells how far a stream is."""
    return as_airbyte_message(StreamDescriptor(name=stream.name), what)


class Messages:
    """The messages of one run of `streams`.

    `errors` has the gravest error of each stream that is incomplete, by its name, so far.
    """

    def __init__(self, streams: Sequence[Stream]) -> None:
        """Nothing has come yet."""
        self.errors: dict[str, Exception] = {}
        self._streams = streams
        self._records: dict[str, int] = {}
        self._failed: set[str] = set()
        self._ended: set[str] = set()

    def of(self, run: Run) -> Generator[AirbyteMessage, None, None]:
        """The messages, to the end of the run.

        Raises:
            what the run raises, behind an INCOMPLETE of each stream that did not end.
        """
        LOGGER.info("Starting syncing")
        try:
            for event in run:
                yield from self._of(event)
        except Exception as error:
            yield from self._left(error)
            raise
        # Only one that was stopped ends before all of its streams, and without an error.
        yield from self._left(Stopped())
        LOGGER.info("Finished syncing")

    def _left(self, error: Exception) -> Iterator[AirbyteMessage]:
        for stream in self._streams:
            if stream.name not in self._ended:
                self.errors.setdefault(stream.name, error)
                yield status(stream, AirbyteStreamStatus.INCOMPLETE)

    def _of(self, event: Event) -> Iterator[AirbyteMessage]:
        if isinstance(event, Rows):
            yield from self._record(event)
        elif isinstance(event, State):
            yield _state(event.stream, event.state)
        elif isinstance(event, Begun):
            self._records[event.stream.name] = 0
            yield status(event.stream, AirbyteStreamStatus.STARTED)
        elif isinstance(event, Failed):
            yield from self._failure(event)
        elif isinstance(event, Ended):
            yield self._end(event)

    def _record(self, rows: Rows) -> Iterator[AirbyteMessage]:
        name = rows.stream.name
        if not self._records[name]:
            yield status(rows.stream, AirbyteStreamStatus.RUNNING)
        self._records[name] += rows.count
        record = AirbyteRecordMessage(name, rows.rows, time.time_ns() // 1_000_000)
        yield AirbyteMessage(type=Type.RECORD, record=record)

    def _failure(self, failed: Failed) -> Iterator[AirbyteMessage]:
        """The first error of a stream as a TRACE; a thousand slices can fail alike.

        What was named in vain is one error for all streams, which ends the read.
        """
        name, error = failed.stream.name, failed.error
        is_first = name not in self._failed
        self._failed.add(name)
        if not is_known(error):
            LOGGER.error("Exception while syncing stream %s", name, exc_info=error)
        elif not is_first:
            LOGGER.warning("%s: %s", name, error)
        if is_first and not isinstance(error, (FatalError, NotFound)):
            message = traced(error, name).as_airbyte_message()
            if message.trace and message.trace.error and is_known(error):
                message.trace.error.stack_trace = None
            yield message

    def _end(self, ended: Ended) -> AirbyteMessage:
        name = ended.stream.name
        self._ended.add(name)
        if ended.problem is not None:
            self.errors[name] = ended.problem
        elif not ended.is_finished:
            self.errors[name] = Stopped()
        LOGGER.info("Read %s records from %s stream", self._records[name], name)
        what = AirbyteStreamStatus.COMPLETE if ended.is_complete else AirbyteStreamStatus.INCOMPLETE
        return status(ended.stream, what)


def _state(stream: Stream, state: Mapping[str, Any]) -> AirbyteMessage:
    stream_state = AirbyteStreamState(
        stream_descriptor=StreamDescriptor(name=stream.name),
        stream_state=AirbyteStateBlob(state if stream.incremental else _WITHOUT_CURSOR),
    )
    message = AirbyteStateMessage(type=AirbyteStateType.STREAM, stream=stream_state)
    return AirbyteMessage(type=Type.STATE, state=message)
