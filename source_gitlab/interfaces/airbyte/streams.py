"""Our slices behind the CDK's concurrent classes: partitions read them, a cursor has the state.

The state message of a page travels on the queue behind the page's records, so it can never be
ahead of them.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import orjson
from airbyte_cdk.models import (
    AirbyteMessage,
    AirbyteStateBlob,
    AirbyteStateMessage,
    AirbyteStateType,
    AirbyteStreamState,
    StreamDescriptor,
    Type,
)
from airbyte_cdk.sources.streams import NO_CURSOR_STATE_KEY
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor, CursorField
from airbyte_cdk.sources.streams.concurrent.default_stream import DefaultStream
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.sources.streams.concurrent.partitions.partition_generator import PartitionGenerator

from source_gitlab.core.selection import NotFound
from source_gitlab.core.slices import SCOPE
from source_gitlab.engine.checkpoints import Checkpoint
from source_gitlab.gitlab.errors import FatalError, GitlabError
from source_gitlab.interfaces.airbyte.errors import traced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, MutableMapping

    from airbyte_cdk.sources.message import MessageRepository
    from airbyte_cdk.sources.types import Record

    from source_gitlab.core.session import Session
    from source_gitlab.core.slices import Row, Slice
    from source_gitlab.core.state import StreamState
    from source_gitlab.streams import Stream


LOGGER = logging.getLogger("airbyte.source-gitlab")


class SliceCursor(Cursor):
    """Emits the state of one stream; the core decides what is in it."""

    def __init__(self, stream: Stream, state: StreamState, repository: MessageRepository) -> None:
        """Emit through `repository`, which must be the queue that the records travel on."""
        self._stream = stream
        self._state = state
        self._repository = repository
        self._lock = threading.Lock()
        self._checkpoint = Checkpoint()

    @property
    def state(self) -> MutableMapping[str, Any]:
        """The state as it would be emitted now."""
        return self._state.to_json() if self._stream.incremental else {NO_CURSOR_STATE_KEY: True}

    def delivered(self, rows: int) -> None:
        """Count rows that are on the queue and in the state, and emit it when it is time."""
        with self._lock:
            if self._stream.incremental and self._checkpoint.due(rows):
                self._emit()

    def observe(self, record: Record) -> None:
        """Nothing: the unit of progress is a page."""

    def close_partition(self, partition: Partition) -> None:
        """Nothing: the core closed the slice when it was read to its end."""

    def ensure_at_least_one_state_emitted(self) -> None:
        """Emit the final state."""
        with self._lock:
            self._emit()

    def should_be_synced(self, record: Record) -> bool:
        """Every record that the core sends."""
        del record
        return True

    def _emit(self) -> None:
        # Emitted under the lock, so that an older state never follows a newer one.
        state = self.state
        stream_state = AirbyteStreamState(
            stream_descriptor=StreamDescriptor(name=self._stream.name),
            stream_state=AirbyteStateBlob(state),
        )
        message = AirbyteStateMessage(type=AirbyteStateType.STREAM, stream=stream_state)
        self._repository.emit_message(AirbyteMessage(type=Type.STATE, state=message))
        self._checkpoint.written(len(orjson.dumps(state)))


class SlicePartition(Partition):
    """Reads one slice."""

    def __init__(self, work: StreamWork, slice_: Slice) -> None:
        """Read `slice_` for `work`."""
        self._work = work
        self._slice = slice_

    def read(self) -> Iterable[Record]:
        """The slice's records.

        Raises:
            AirbyteTracedException: the slice failed, and it is the first of its stream. The
                others that fail are in the report.
        """
        work = self._work
        before = 0
        try:
            for page in work.session.read(work.stream, self._slice, work.state):
                work.cursor.delivered(before)
                before = len(page.rows)
                if page.rows:
                    yield work.pack(work.stream.name, page.rows)
            work.cursor.delivered(before)
        except GitlabError as error:
            work.fail(error)

    def to_slice(self) -> Mapping[str, Any]:
        """The slice, which is plain JSON."""
        return dict(self._slice)

    def stream_name(self) -> str:
        """The stream's name."""
        return self._work.stream.name

    def __hash__(self) -> int:
        """Equal slices are the same partition."""
        return hash((self.stream_name(), self._slice["container"], self._slice["id"]))

    def __eq__(self, other: object) -> bool:
        """Equal slices are the same partition."""
        return isinstance(other, SlicePartition) and self.to_slice() == other.to_slice()


class StreamWork(PartitionGenerator):
    """One stream of one read: its state, its cursor, and the slices that are planned for it."""

    def __init__(
        self,
        session: Session,
        stream: Stream,
        state: StreamState,
        repository: MessageRepository,
        pack: Callable[[str, list[Row]], Record],
    ) -> None:
        """Plan and read `stream` over `session`, from `state` on; `pack` makes a page a record."""
        self.session = session
        self.stream = stream
        self.state = state
        self.pack = pack
        self.cursor = SliceCursor(stream, state, repository)
        self.error: GitlabError | None = None
        self._lock = threading.Lock()

    def generate(self) -> Iterable[Partition]:
        """The partitions of the stream.

        Raises:
            AirbyteTracedException: what is in scope could not be found out, or a name that the
                user gave does not resolve.
        """
        try:
            for slice_ in self.session.plan(self.stream, self.state):
                yield SlicePartition(self, slice_)
        except GitlabError as error:
            if isinstance(error, FatalError):
                self.session.report.stop(error)
            elif not isinstance(error, NotFound):
                self.session.report.fail(self.stream.name, SCOPE, error)
            self.fail(error)

    def fail(self, error: GitlabError) -> None:
        """Make the stream incomplete; `error` is kept as the reason unless there is one already.

        Raises:
            AirbyteTracedException: the stream was not incomplete yet. Raised once only, because the
                CDK makes a TRACE message of each, and a thousand slices can fail alike.
        """
        with self._lock:
            known, worse = self.error is not None, isinstance(error, FatalError)
            if worse or not known:
                self.error = error
        if known:
            LOGGER.warning("%s: %s", self.stream.name, error)
            return
        raise traced(error, self.stream.name) from None

    def as_stream(self, logger: logging.Logger) -> DefaultStream:
        """The stream as the CDK reads it."""
        return default_stream(self.stream, self, self.cursor, logger)


def default_stream(
    stream: Stream, generator: PartitionGenerator, cursor: Cursor, logger: logging.Logger
) -> DefaultStream:
    """A declared stream as the CDK's, for its catalog entry and for reading."""
    return DefaultStream(
        partition_generator=generator,
        name=stream.name,
        json_schema=stream.schema,
        primary_key=list(stream.key),
        cursor_field=CursorField(stream.cursor) if stream.cursor else None,
        logger=logger,
        cursor=cursor,
    )
