"""The keys of the rows that a binding's collection holds, with a digest of each row.

It tells which rows are gone when a list, or all of a stream, was read to its end without them, and
lets rows that did not change be left out. It is a part of the capture's state, so it is bounded:
rows that it has no room for come with every read, and their end is not captured. A ledger goes out
in parts, each with what changed since the one before, so that a checkpoint stays small.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from source_gitlab.core.extent import Extent
    from source_gitlab.core.slices import Owner, Row

Key = tuple[Any, ...]

MOST: Final = 8_000_000
"""Bytes of all ledgers together, before they are packed; a row takes 30 or so, and its texts."""

_DIGEST: Final = 6  # bytes: of 100,000 changes of rows, one in three billion is taken for none
_MOST_PARTS: Final = 50


class LedgerError(Exception):
    """What the state holds is no ledger."""


class Room:
    """How many more bytes all ledgers of a capture may hold together."""

    def __init__(self, left: int = MOST) -> None:
        self.left = left


@dataclass(frozen=True)
class Entry:
    """What is known of a row: the values of further columns, and a digest of all of it."""

    values: tuple[Any, ...]
    digest: str


def size_of(key: Key, entry: Entry) -> int:
    """The bytes that a row takes in a ledger."""
    return len(orjson.dumps([*key, *entry.values, entry.digest])) + 1


def digest(row: Row) -> str:
    """A short text that is another one for another row; when it was read makes no difference."""
    told = {name: value for name, value in row.items() if name != "read_at"}
    text = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
    found = hashlib.blake2b(text, digest_size=_DIGEST).digest()
    return base64.b64encode(found).decode()


class Ledger:
    """The ledger of one binding; not thread-safe.

    `key` are the columns of the stream's key. `further` are others that a row's end is told by, or
    told with.
    """

    def __init__(self, key: Sequence[str], further: Sequence[str], room: Room) -> None:
        """Hold nothing yet."""
        self.key = tuple(key)
        self.further = tuple(name for name in dict.fromkeys(further) if name not in self.key)
        self.is_full = False
        self._room = room
        self._entries: dict[Key, Entry] = {}
        self._owners: dict[tuple[str, ...], dict[Key, set[Key]]] = {}
        self._seen: set[Key] = set()
        self._changed: set[Key] = set()
        self._parts: list[str] = []
        self._later = 0  # entries in all parts but the first

    def load(self, parts: Mapping[str, str]) -> None:
        """Take what `part` wrote.

        Raises:
            LedgerError: it is something else.
        """
        width = len(self.key)
        try:
            self._parts = sorted(parts, key=int)
            for number, name in enumerate(self._parts):
                columns, entries = orjson.loads(zlib.decompress(base64.b64decode(parts[name])))
                if columns != [*self.key, *self.further]:
                    # Of another version, or a collection with another key: rows come again, once.
                    continue
                self._later += len(entries) if number else 0
                for entry in entries:
                    found = tuple(entry[:width])
                    self._drop(found)
                    if len(entry) > width:
                        self._add(found, Entry(tuple(entry[width:-1]), entry[-1]))
        except (ValueError, TypeError, LookupError, AttributeError, zlib.error) as error:
            raise LedgerError(str(error)) from error
        self._changed.clear()

    def begin(self) -> None:
        """Note that a read begins, which has seen no row yet."""
        self._seen.clear()

    def of(self, row: Row) -> tuple[Key, Entry]:
        """What is to be known of a row; it may be called from any thread."""
        key = tuple(row[name] for name in self.key)
        return key, Entry(tuple(row.get(name) for name in self.further), digest(row))

    def is_new(self, key: Key, entry: Entry) -> bool:
        """Note a row that was read; whether it is another one than before."""
        self._seen.add(key)
        if self._entries.get(key) == entry:
            return False
        self._drop(key)
        self._add(key, entry)
        return True

    def left(self, owner: Owner, keys: Iterable[Key]) -> list[Row]:
        """What rows are left of that an owner has no more, which has those of `keys`."""
        of_owner = self._by(owner.columns).get(owner.values, set())
        return [self._taken(key) for key in sorted(of_owner - set(keys), key=repr)]

    def gone(self, extent: Extent) -> list[Row]:
        """What is left of rows that a read of the whole stream did not see where it looked."""
        at = (*self.key, *self.further).index(extent.column) if extent.column else -1

        def is_gone(key: Key) -> bool:
            if key in self._seen:
                return False
            owner = (*key, *self._entries[key].values)[at] if at >= 0 else None
            return extent.whole or extent.is_gone(owner)

        return [self._taken(key) for key in list(filter(is_gone, self._entries))]

    def part(self) -> dict[str, str | None]:
        """A merge patch of the parts, with what changed since this was last asked."""
        if not self._changed:
            return {}
        number = int(self._parts[-1]) + 1 if self._parts else 0
        entries = [self._entry(key) for key in sorted(self._changed, key=repr)]
        self._later += len(entries) if self._parts else 0
        self._parts.append(str(number))
        self._changed.clear()
        if len(self._parts) > _MOST_PARTS:
            return {str(number): None, **self._compacted(number + 1)}
        return {str(number): self._packed(entries)}

    def compacted(self) -> dict[str, str | None]:
        """A merge patch that makes one part of all, where that is worth it."""
        patch = self.part()
        if len(self._parts) < 2 or 2 * self._later < len(self._entries):  # noqa: PLR2004
            return patch
        return {**patch, **self._compacted(int(self._parts[-1]) + 1)}

    def _compacted(self, number: int) -> dict[str, str | None]:
        patch: dict[str, str | None] = dict.fromkeys(self._parts)
        self._parts, self._later = [str(number)], 0
        entries = [self._entry(key) for key in sorted(self._entries, key=repr)]
        return {**patch, str(number): self._packed(entries)}

    def _entry(self, key: Key) -> list[Any]:
        found = self._entries.get(key)
        return [*key] if found is None else [*key, *found.values, found.digest]

    def _by(self, columns: tuple[str, ...]) -> dict[Key, set[Key]]:
        """The keys of the rows by their values in these columns."""
        if columns not in self._owners:
            index = self._owners[columns] = {}
            value_of = self._values_in(columns)
            for key, entry in self._entries.items():
                index.setdefault(value_of(key, entry), set()).add(key)
        return self._owners[columns]

    def _values_in(self, columns: tuple[str, ...]) -> Callable[[Key, Entry], Key]:
        places = [(*self.key, *self.further).index(name) for name in columns]

        def found(key: Key, entry: Entry) -> Key:
            row = (*key, *entry.values)
            return tuple(row[place] for place in places)

        return found

    def _indexed(self, key: Key, entry: Entry) -> Iterator[tuple[dict[Key, set[Key]], Key]]:
        for columns, index in self._owners.items():
            yield index, self._values_in(columns)(key, entry)

    def _add(self, key: Key, entry: Entry) -> None:
        size = size_of(key, entry)
        if size > self._room.left:
            self.is_full = True
            return
        self._room.left -= size
        self._entries[key] = entry
        self._changed.add(key)
        for index, values in self._indexed(key, entry):
            index.setdefault(values, set()).add(key)

    def _drop(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._room.left += size_of(key, entry)
        self._changed.add(key)
        for index, values in self._indexed(key, entry):
            index[values].discard(key)
            if not index[values]:
                del index[values]

    def _taken(self, key: Key) -> Row:
        columns = (*self.key, *self.further)
        row = dict(zip(columns, (*key, *self._entries[key].values), strict=True))
        self._drop(key)
        return {name: value for name, value in row.items() if value is not None}

    def _packed(self, entries: list[list[Any]]) -> str:
        part = [[*self.key, *self.further], entries]
        return base64.b64encode(zlib.compress(orjson.dumps(part), 9)).decode()
