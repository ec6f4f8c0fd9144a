"""One stream of a run: its slices, its state, and what became of them."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from source_gitlab.core.selection import NotFound
from source_gitlab.core.state import StreamState
from source_gitlab.gitlab.errors import FatalError, GitlabError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from source_gitlab.core.session import Session
    from source_gitlab.core.slices import Slice
    from source_gitlab.engine.checkpoints import Checkpoint
    from source_gitlab.streams import Stream


@dataclass(frozen=True)
class Job:
    """What to read of a stream: what its state asks for, or the given `slices` alone.

    The run changes `state`. Slices that were planned elsewhere come with the state that their
    planning left, loaded from its JSON, or with None: whoever has the state then takes what they
    change from the run's events, which tell of each slice.
    """

    stream: Stream
    state: StreamState | None = field(default_factory=StreamState)
    slices: Iterable[Slice] | None = None


class StreamRun:
    """A job under way. Thread-safe; one thread at a time may `begin` and `plan`."""

    def __init__(self, session: Session, job: Job, checkpoint: Checkpoint) -> None:
        """Make no request yet."""
        self.stream = job.stream
        self.state = job.state
        self.problem: Exception | None = None
        self.is_being_planned = False
        self._slices = _slices(session, job)
        self._is_begun = False
        self._is_planned = False
        self._open = 0
        self._checkpoint = checkpoint
        self._written = b""
        self._lock = threading.Lock()
        self._emitting = threading.Lock()
        # Held while planning changes the state in several steps, with requests between them. What
        # ends it in the middle leaves a state that must not be written.
        self._planning = threading.Lock()
        self._is_torn = False

    def begin(self) -> bool:
        """Whether this is the first time that anything is done for the stream."""
        is_begun, self._is_begun = self._is_begun, True
        return not is_begun

    def plan(self) -> Slice | None:
        """The next slice; None when there is none.

        Raises:
            whatever `Session.plan` does; nothing follows then.
        """
        with self._planning:
            self._is_torn = True
            try:
                slice_ = next(self._slices, None)
            except GitlabError as error:
                self._is_torn = isinstance(error, FatalError)
                raise
            self._is_torn = False
        if slice_ is not None:
            with self._lock:
                self._open += 1
        return slice_

    def fail(self, error: Exception) -> None:
        """Note why the stream is incomplete; the gravest error is kept, the first of equal ones."""
        with self._lock:
            if self.problem is None or _gravity(error) > _gravity(self.problem):
                self.problem = error

    def planned(self) -> bool:
        """Note that no slice follows; whether the stream has ended by that."""
        with self._lock:
            self._is_planned = True
            return self._open == 0

    def read(self) -> bool:
        """Note that a slice was read, or failed; whether the stream has ended by that."""
        with self._lock:
            self._open -= 1
            return self._is_planned and self._open == 0

    @contextmanager
    def delivered(self, rows: int) -> Iterator[dict[str, Any] | None]:
        """Count rows as delivered and covered; in the block, the state if it should be written.

        Who is in the block is alone there, so that an older state never follows a newer one. A
        state that is due while planning is in the middle of changing it, is due again next time.
        """
        if not self.stream.incremental or self.state is None:
            yield None
            return
        with self._emitting:
            yield self._copied() if self._checkpoint.due(rows) else None

    @contextmanager
    def last_state(self, patience: float = 0.0) -> Iterator[dict[str, Any] | None]:
        """In the block, the state to end with, however it was before.

        None if it is in the middle of planning, and remains so for `patience` seconds.
        """
        with self._emitting:
            self._written = b""
            yield self._copied(patience)

    def _copied(self, patience: float = 0.0) -> dict[str, Any] | None:
        if not self._planning.acquire(timeout=patience):
            return None
        try:
            if self._is_torn or self.state is None:
                return None
            state = self.state.to_json()
        finally:
            self._planning.release()
        text = orjson.dumps(state)
        self._checkpoint.written(len(text))
        is_same, self._written = text == self._written, text
        return None if is_same else state


def _slices(session: Session, job: Job) -> Iterator[Slice]:
    if job.slices is not None:
        return iter(job.slices)
    if job.state is None:
        message = "Without a state, a job needs slices."
        raise ValueError(message)
    return session.plan(job.stream, job.state)


def _gravity(error: Exception) -> int:
    """What ends a read is told first, then mistakes, failures, and what was named in vain."""
    if isinstance(error, NotFound):
        return 0
    if isinstance(error, FatalError):
        return 3
    return 1 if isinstance(error, GitlabError) else 2
