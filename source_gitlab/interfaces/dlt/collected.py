"""The rows and states of one read, as a store that a sync fills and dlt empties."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from source_gitlab.interfaces.sync_changes import NOTHING, Changes, Gone

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    import pyarrow as pa

    from source_gitlab.core.slices import Owner, Row
    from source_gitlab.interfaces.dlt.spool import Spool
    from source_gitlab.tables.table import StreamTable

    Held = Callable[[str, Sequence[str], Mapping[str, Sequence[Any]] | None], Iterator[pa.Table]]

SOURCE: Final = "gitlab"
"""The name under which dlt keeps the states, and by default the schema."""


class UnfitError(Exception):
    """What a destination has does not fit what is to be read; the message says why."""


def check(
    kept: Mapping[str, Any], tables: Mapping[str, StreamTable], instance: str, former: str | None
) -> None:
    """Find out whether rows of this GitLab may go where dlt `kept` this of an earlier read.

    Raises:
        UnfitError: they are another GitLab's, or a table has another key than its stream.
    """
    before = kept.get("instance")
    if before not in {None, instance, former}:
        message = f"it holds {before}, not {instance}"
        raise UnfitError(message)
    for name, one in kept.get("resources", {}).items():
        key = tuple(one.get("key", ()))
        if name in tables and key not in {(), tables[name].key}:
            message = f"{name} has the key {', '.join(tables[name].key)} now, and it has {key}"
            raise UnfitError(message)


class Collected:
    """Collects what is read of `tables` in a `spool`, beside what dlt kept of them before.

    `kept` is dlt's state of each stream: `state`, `key`, and `replaced` (when the read began that
    compared all rows). `held` gives columns of rows that the destination has.
    """

    compares: Final = False

    def __init__(
        self,
        tables: Mapping[str, StreamTable],
        spool: Spool,
        kept: Mapping[str, Mapping[str, Any]],
        held: Held,
        filled: Collection[str],
    ) -> None:
        """Nothing is collected yet; `filled` are the streams whose tables have rows."""
        self.tables = dict(tables)
        self.spool = spool
        self._kept = {name: dict(kept.get(name, {})) for name in tables}
        self._held = held
        self._filled = frozenset(filled)
        self._moved: set[str] = set()
        self._replacing: set[str] = set()
        self._written: Counter[str] = Counter()
        self._removed: Counter[str] = Counter()

    def state(self, stream: str) -> dict[str, Any] | None:
        """The state that came with the last rows."""
        return self._kept[stream].get("state")

    def last_commit(self, streams: Collection[str]) -> str | None:
        """Not known: dlt keeps states, not when they were written."""
        del streams
        return None

    def is_due(self, stream: str, since: str) -> bool:
        """Whether the table was not compared as a whole since an instant."""
        return bool(self._kept[stream].get("replaced", "") <= since)

    def needs_replacing(self, stream: str) -> bool:
        """No table does: one with another key is refused."""
        del stream
        return False

    def counts(self) -> dict[str, int]:
        """1 for each table that had rows."""
        return {name: int(name in self._filled) for name in self.tables}

    def shaped(self, _stream: str, rows: list[Row], *, is_replaced: bool) -> list[Row]:  # noqa: ARG002 -- all the same
        """Rows as they are."""
        return rows

    def write(self, stream: str, rows: list[Row], owner: Owner | None = None) -> None:
        """Collect rows; with an `owner` they are all that it has."""
        if owner is not None and stream in self._filled and stream not in self._replacing:
            self.spool.note(stream, owner, rows)
        if rows:
            self.spool.add(stream, rows)

    def commit(self, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Note states, which cover what was collected before."""
        for name, state in states.items():
            self._keep(name, state=state)

    def begin_replace(self, stream: str) -> None:
        """Expect all rows of a stream."""
        self._replacing.add(stream)

    def finish_replace(
        self, stream: str, state: Mapping[str, Any] | None, gone: Gone | None = None, at: str = ""
    ) -> Changes:
        """Find what is gone; the destination is asked which rows it has."""
        self._replacing.discard(stream)
        columns = list(self.tables[stream].key)
        if gone is not None:
            more = (gone.column, *(gone.since or ())[:1])
            columns += [name for name in more if name and name not in columns]
        if stream in self._filled and gone != NOTHING:
            held = self._held(stream, columns, None)
            self._removed[stream] += self.spool.compare(stream, held, gone)
        if state is not None:
            self._keep(stream, state=state, **({"replaced": at} if at else {}))
        return self.changes(stream)

    def abandon_replace(self, stream: str) -> None:
        """Take nothing out: what was read stays collected."""
        self._replacing.discard(stream)

    def changes(self, stream: str) -> Changes:
        """How many rows dlt was given, or will be, and how many keys to take out."""
        waiting = self.spool.waiting(stream)
        return Changes(self._written[stream] + waiting, 0, self._removed[stream])

    def checkpoint(self) -> None:
        """Nothing is left to do."""

    def settled(self) -> list[str]:
        """The streams that have something for dlt; rows and keys of each are final.

        One that has nothing but a state is among them.
        """
        pending = self.spool.pending()
        for stream in pending:
            self.spool.settle(stream)
            owners = self.spool.owners(stream)
            if owners:
                columns = owners[0].columns
                wanted = {
                    name: [owner.values[number] for owner in owners]
                    for number, name in enumerate(columns)
                }
                names = dict.fromkeys((*self.tables[stream].key, *columns))
                held = self._held(stream, list(names), wanted)
                self._removed[stream] += self.spool.compare_owned(stream, held)
        return [name for name in self.tables if name in {*pending, *self._moved}]

    def rows(self, stream: str) -> Iterator[pa.RecordBatch]:
        """What a settled stream has for dlt."""
        yield from self.spool.batches(stream)

    def to_keep(self, stream: str) -> dict[str, Any]:
        """What dlt keeps of a stream behind its rows."""
        return self._kept[stream] | {"key": list(self.tables[stream].key)}

    def taken(self, stream: str) -> None:
        """Note that dlt has the rows and the state of a stream."""
        self._written[stream] += self.spool.taken(stream)
        self._moved.discard(stream)

    def _keep(self, stream: str, **values: Any) -> None:
        self._kept[stream].update(values)
        self._moved.add(stream)
