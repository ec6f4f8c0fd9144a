"""What a run yields, in order: what a face makes its messages, lines or transactions of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.core.slices import Owner, Slice
    from source_gitlab.core.state import Progress
    from source_gitlab.streams import Stream


@dataclass(frozen=True)
class Begun:
    """A stream is read from now on; the first event of each."""

    stream: Stream


@dataclass(frozen=True)
class Rows:
    """A page: `count` rows, as the run's `shape` made them; they belong to who takes the event.

    With an `owner` they are all rows that it has: others of its rows are gone.
    """

    stream: Stream
    rows: Any
    count: int
    owner: Owner | None = None


@dataclass(frozen=True)
class State:
    """The state of a stream as plain JSON, behind all rows that it covers.

    A read that starts from it lacks none of the rows that did not come before it.
    """

    stream: Stream
    state: Mapping[str, Any]


@dataclass(frozen=True)
class Progressed:
    """What reading a slice by itself changed, as plain JSON, behind all rows that it covers.

    `StreamState.apply` takes it, of one slice in this order.
    """

    stream: Stream
    slice: Slice
    progress: Progress


@dataclass(frozen=True)
class SliceEnded:
    """The last event of a slice that was read by itself; `problem` tells why not to its end."""

    stream: Stream
    slice: Slice
    problem: Exception | None


@dataclass(frozen=True)
class Failed:
    """A slice of a stream, or its plan, failed for good; its other slices are read all the same."""

    stream: Stream
    error: Exception


@dataclass(frozen=True)
class Ended:
    """The last event of a stream.

    A `State` stands before it, unless planning was ended in the middle of changing it. `problem` is
    the gravest error of the stream, None where there was none. `is_finished` tells that each of its
    slices was read or failed; without it the run ended early.
    """

    stream: Stream
    problem: Exception | None
    is_finished: bool

    @property
    def is_complete(self) -> bool:
        """Whether the stream was read to its end."""
        return self.is_finished and self.problem is None


@dataclass(frozen=True)
class Idle:
    """Nothing came for a moment: for who shows progress, or commits by time."""


Event = Begun | Rows | State | Progressed | SliceEnded | Failed | Ended | Idle
