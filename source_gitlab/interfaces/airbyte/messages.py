"""Events of the engine as Airbyte's messages.

Of each stream: STARTED, then RUNNING with its first record, records, and states behind the records
that they cover; at the end its last state, and COMPLETE or INCOMPLETE. While a rate limit holds
requests up, RUNNING says so, with the moment at which it ends.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from source_gitlab.core.selection import NotFound
from source_gitlab.engine.events import Begun, Ended, Failed, Idle, Rows, State
from source_gitlab.gitlab.errors import FatalError, Stopped
from source_gitlab.interfaces.airbyte import protocol
from source_gitlab.interfaces.airbyte.errors import is_known, traced
from source_gitlab.interfaces.airbyte.generations import marked

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

    from source_gitlab.engine.events import Event
    from source_gitlab.interfaces.airbyte.protocol import Json
    from source_gitlab.streams import Stream

LOGGER = logging.getLogger("source_gitlab")

_LONG_WAIT = 5.0  # seconds; limits that let go sooner are no news

# What a stream without a cursor has for a state (the protocol's word for it).
_WITHOUT_CURSOR: Mapping[str, Any] = {"__ab_no_cursor_state_message": True}


class Messages:
    """The messages of one run of `streams`, which are `configured` by name as in the catalog.

    `waiting` gives the seconds for which a rate limit still holds requests up. `check` is called
    with each page, and may end the run by what it raises.
    `errors` has the gravest error of each stream that is incomplete, by its name, so far.
    """

    def __init__(
        self,
        streams: Sequence[Stream],
        configured: Mapping[str, Json],
        waiting: Callable[[], float] = lambda: 0.0,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Nothing has come yet."""
        self._check = check
        self._waiting = waiting
        self._told_until = 0
        self._configured = configured
        self.errors: dict[str, Exception] = {}
        self._streams = streams
        self._records: dict[str, int] = {}
        self._covered: dict[str, int] = {}
        self._failed: set[str] = set()
        self._ended: set[str] = set()

    def of(self, run: Iterable[Event]) -> Generator[Json, None, None]:
        """The messages, to the end of the run; a RECORD has a page in the run's shape for its data.

        Raises:
            what the run and `check` raise, behind an INCOMPLETE of each stream that did not end.
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

    def _left(self, error: Exception) -> Iterator[Json]:
        for stream in self._streams:
            if stream.name not in self._ended:
                self.errors.setdefault(stream.name, error)
                yield protocol.stream_status(stream.name, "INCOMPLETE")

    def _of(self, event: Event) -> Iterator[Json]:
        if isinstance(event, Rows):
            yield from self._record(event)
        elif isinstance(event, State):
            yield self._state(event)
        elif isinstance(event, Begun):
            self._records[event.stream.name] = self._covered[event.stream.name] = 0
            yield protocol.stream_status(event.stream.name, "STARTED")
        elif isinstance(event, Failed):
            yield from self._failure(event)
        elif isinstance(event, Ended):
            yield self._end(event)
        elif isinstance(event, Idle):
            yield from self._limited()

    def _limited(self) -> Iterator[Json]:
        """That the streams under way wait for a limit, once for each time that it holds them up."""
        wait = self._waiting()
        now = protocol.now()
        if wait < _LONG_WAIT or now < self._told_until:
            return
        self._told_until = now + int(wait * 1000)
        for name in self._records:
            if name not in self._ended:
                yield protocol.stream_status(name, "RUNNING", quota_reset=self._told_until)

    def _record(self, rows: Rows) -> Iterator[Json]:
        name = rows.stream.name
        if not rows.count:
            return
        if not self._records[name]:
            yield protocol.stream_status(name, "RUNNING")
        self._records[name] += rows.count
        self._check()
        record: dict[str, Any] = {"stream": name, "data": rows.rows, "emitted_at": protocol.now()}
        yield {"type": "RECORD", "record": record}

    def _state(self, event: State) -> Json:
        name = event.stream.name
        records = self._records[name] - self._covered[name]
        self._covered[name] = self._records[name]
        content = _WITHOUT_CURSOR
        if event.stream.incremental:
            content = marked(event.state, self._configured[name])
        return protocol.state(name, content, records)

    def _failure(self, failed: Failed) -> Iterator[Json]:
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
            yield protocol.error(traced(error, name), stack=True)

    def _end(self, ended: Ended) -> Json:
        name = ended.stream.name
        self._ended.add(name)
        if ended.problem is not None:
            self.errors[name] = ended.problem
        elif not ended.is_finished:
            self.errors[name] = Stopped()
        LOGGER.info("Read %s records from %s stream", self._records[name], name)
        return protocol.stream_status(name, "COMPLETE" if ended.is_complete else "INCOMPLETE")
