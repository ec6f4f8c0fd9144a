"""One binding: a stream, its collection, what the capture's state says of it, and what waits.

The state of a capture is `{"bindingStateV1": {stateKey: ...}}`, and each checkpoint changes what is
below one state key::

    {"stream": "{...}",                     the stream's state as JSON text, so that no merge patch
                                            gets at what is inside
     "keys": {"0": "...", "1": "..."},      the ledger, in parts
     "read": "2026-01-31T12:00:00.000Z",    when its last read that came to an end began
     "whole": "2026-01-31T12:00:00.000Z"}   the same of one of everything, by GitLab's clocks
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from source_gitlab.core.membership import column_of
from source_gitlab.core.state import StateError, StreamState
from source_gitlab.interfaces.flow.ledger import Ledger, LedgerError
from source_gitlab.interfaces.flow.schemas import DELETED, META, WRITTEN
from source_gitlab.timestamps import epoch, plus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from source_gitlab.core.extent import Extent
    from source_gitlab.core.slices import Owner, Row
    from source_gitlab.interfaces.flow.ledger import Entry, Key, Room
    from source_gitlab.streams import Stream

LARGEST: Final = 16_000_000
"""The bytes that a document may have (https://docs.estuary.dev/concepts/captures/)."""

# A little less than a day and a week, so that a read at the same hour does not come too early.
_HOUR: Final = 3600.0
_DAY: Final = 24 - 1
_WEEK: Final = 7 * 24 - 1
_MANY: Final = 4 << 20  # bytes that wait for a checkpoint


@dataclass(frozen=True)
class Target:
    """What the runtime says of a binding: its number, state key, and the key of its collection."""

    number: int
    stream: Stream
    state_key: str
    collection_key: tuple[str, ...]
    interval: float


@dataclass(frozen=True)
class Documents:
    """A page as documents, each a whole line; `known` are their keys, where a ledger is kept."""

    lines: list[bytes]
    known: list[tuple[Key, Entry]]
    too_large: list[Row]


class Binding:
    """A binding; not thread-safe, but for `shaped`."""

    def __init__(self, target: Target, raw: Mapping[str, Any] | None, room: Room) -> None:
        """Take up what the capture's state has below the state key.

        Raises:
            StateError: it cannot be understood.
        """
        stream = self.stream = target.stream
        self.target = target
        self.read: str | None = None
        self.whole: str | None = None
        self.is_held = False
        self.is_read_whole = False
        self._tried: str | None = None
        self._prefix = b'{"captured":{"binding":%d,"doc":' % target.number
        self._text = "{}"
        self._waiting: list[bytes] = []
        self._size = 0
        self.ledger: Ledger | None = None
        if tells_what_is_gone(stream):
            place = column_of(stream) or ""
            told_by = filter(None, [place]) if self._is_replaced else stream.owner
            self.ledger = Ledger(stream.key, [*target.collection_key, *told_by], room)
        try:
            self._load(raw or {})
        except (StateError, LedgerError, TypeError, ValueError, AttributeError) as error:
            message = (
                f"The state of {stream.name} cannot be read ({error}). Backfill the binding, which"
                " reads it from the start."
            )
            raise StateError(message) from error

    def _load(self, raw: Mapping[str, Any]) -> None:
        self._text = raw.get("stream", "{}")
        StreamState.load(orjson.loads(self._text), self.stream)
        self.read, self.whole = raw.get("read"), raw.get("whole")
        if self.ledger is not None:
            self.ledger.load(raw.get("keys", {}))

    @property
    def _is_replaced(self) -> bool:
        """Whether a read of everything tells which rows are gone."""
        stream = self.stream
        kept = stream.keeps or stream.span is not None
        return not kept and (stream.snapshot or not stream.incremental)

    def is_due(self, now: str) -> bool:
        """Whether it is to be read at this instant; after a failure, within an hour."""
        return self.wait(now) <= 0

    def wait(self, now: str) -> float:
        """The seconds until it is to be read."""
        seconds, since = self.target.interval, self.read
        if self._tried is not None:
            seconds, since = min(seconds, _HOUR), self._tried
        if since is None or since > now:  # by a clock that has been set back
            return 0.0
        return epoch(since) + seconds - epoch(now)

    def begin(self, now: str, began: str) -> StreamState:
        """The state to read it from: an empty one when everything is to be read again.

        `began` is `now` by GitLab's clocks, which tell when that is.

        A first read that was cut off goes on; what it brought needs no comparing.
        """
        self.is_held = False
        self._tried = now
        stream = self.stream
        if self._is_replaced and self.whole is not None:
            refresh = stream.refresh.signal if stream.refresh else ""
            hours = _WEEK if refresh == "weekly" else _DAY
            is_due = not stream.incremental or plus(self.whole, hours=hours) <= began
        else:
            is_due = not stream.incremental or self._text == "{}"
        self.is_read_whole = is_due
        if self.ledger is not None:
            self.ledger.begin()
        return StreamState.load({} if is_due else orjson.loads(self._text), stream)

    def shaped(self, rows: list[Row]) -> Documents:
        """A page as documents; it may be called from any thread."""
        found = Documents([], [], [])
        for row in rows:
            known = None if self.ledger is None else self.ledger.of(row)
            line = self._line(row, WRITTEN)
            if len(line) > LARGEST:
                found.too_large.append({name: row[name] for name in self.stream.key})
                continue
            found.lines.append(line)
            if known is not None:
                found.known.append(known)
        return found

    def take(self, page: Documents, owner: Owner | None) -> None:
        """Let what is new of a page wait for the next checkpoint, and what its owner has no more.

        A document that is too large holds the stream's state: it is read again next time.
        """
        ledger = self.ledger
        if ledger is None:
            self._wait(page.lines)
        else:
            news = zip(page.lines, page.known, strict=True)
            self._wait([line for line, known in news if ledger.is_new(*known)])
            # Where reads of everything tell, the same may be listed below several parents, and an
            # owner be less than a parent.
            if owner is not None and not (self._is_replaced or page.too_large):
                self._end(ledger.left(owner, (key for key, _ in page.known)))
        self.is_held = self.is_held or bool(page.too_large)

    def end(self, extent: Extent | None, now: str, began: str, *, is_read: bool) -> None:
        """Note that a read came to its end, which began as `begin` was told; was all of it read?

        With an `extent`, the read tells what is gone.
        """
        if self.is_held:
            return
        if extent is not None and self.ledger is not None and self._is_replaced:
            self._end(self.ledger.gone(extent))
        if self.is_read_whole or self.whole is None:
            self.whole = began
        if is_read:
            self.read, self._tried = now, None

    @property
    def is_much(self) -> bool:
        """Whether so much waits that it should not wait for a state."""
        return self._size > _MANY

    def taken(
        self, state: Mapping[str, Any] | None, *, is_end: bool = False
    ) -> tuple[list[bytes], dict[str, Any]]:
        """What waits, and the merge patch of the state that covers it."""
        lines, self._waiting, self._size = self._waiting, [], 0
        patch: dict[str, Any] = {}
        if state is not None and not self.is_held:
            self._text = patch["stream"] = orjson.dumps(state).decode()
        if self.ledger is not None:
            keys = self.ledger.compacted() if is_end else self.ledger.part()
            patch |= {"keys": keys} if keys else {}
        if is_end and not self.is_held:
            times = {"read": self.read, "whole": self.whole}
            patch |= {name: one for name, one in times.items() if one is not None}
        return lines, {"bindingStateV1": {self.target.state_key: patch}} if patch else {}

    def _line(self, row: Row, op: str) -> bytes:
        return self._prefix + orjson.dumps({**row, META: {"op": op}}) + b"}}\n"

    def _end(self, rows: Sequence[Row]) -> None:
        self._wait([self._line(row, DELETED) for row in rows])

    def _wait(self, lines: list[bytes]) -> None:
        self._waiting += lines
        self._size += sum(map(len, lines))


def tells_what_is_gone(stream: Stream) -> bool:
    """Whether a read, or a list of one owner, tells which rows of a stream are gone."""
    if stream.keeps or stream.span is not None:
        # GitLab cannot give the figures of these days again.
        return False
    return stream.snapshot or not stream.incremental or bool(stream.owner)
