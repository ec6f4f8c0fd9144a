"""Rows that stay the text that GitLab sent, of which a few columns are decoded.

A row is JSON when it comes and, on most ways, when it leaves. Decoding all of it, and writing it
anew, is most of what reading a long list costs. So a page is cut into the texts of its rows, and of
each no more is decoded than what a read looks at; whoever asks for more gets it all the same, at
the price of decoding that row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, TypedDict

import msgspec
import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from typing_extensions import Self

_SPLIT = msgspec.json.Decoder(list[msgspec.Raw])
# What orjson makes an integer of; others become a `float` there.
_INTEGERS = range(-(1 << 63), 1 << 64)
_ABSENT: Any = object()
_NONE: frozenset[str] = frozenset()


class RawColumns:
    """The columns that are decoded of each row of a list. Thread-safe.

    `plain` are decoded with all that is in them. Of the objects in the columns `inside`, and of
    those in lists in the columns `each`, only the names that are given are decoded; `RawRow.parts`
    gives them. `keys` are those of the plain ones that tell rows apart.
    """

    def __init__(
        self,
        plain: Iterable[str],
        inside: Mapping[str, Iterable[str]],
        each: Mapping[str, Iterable[str]],
        keys: Iterable[str] = (),
    ) -> None:
        """Make the decoder, which takes longer than decoding a page."""
        self.plain = frozenset(plain)
        self._keys = tuple(keys)
        types: dict[str, Any] = {}
        for name, inner in inside.items():
            types[name] = _object(dict.fromkeys(inner, Any)) | None
        for name, inner in each.items():
            types[name] = list[_object(dict.fromkeys(inner, Any))] | None  # type: ignore[misc]
        types |= dict.fromkeys(self.plain, Any)
        self._decoder = msgspec.json.Decoder(list[_object(types)])  # type: ignore[misc]

    def rows(
        self, body: bytes, deepest: int, parsed: Callable[[bytes, int], object]
    ) -> list[RawRow] | None:
        """The rows of a page; None where it must be decoded whole.

        That is so where it is no JSON that can be passed on line by line, no list of objects, or
        where a column has another form than usual. Rows that may be nested deeper than they may be
        for a page to have `deepest` levels are given to `parsed`, which raises ValueError then.
        """
        # A line break can only stand between values, and would end the line that a row becomes.
        if b"\n" in body or b"\r" in body or not _is_utf8(body):
            return None
        try:
            found: list[dict[str, Any]] = self._decoder.decode(body)
            texts = list(map(bytes, _SPLIT.decode(body)))
            for text in texts:
                # Taking them out is a tenth of the work of counting them.
                flat = text.replace(b"{", b"").replace(b"[", b"")
                if len(text) - len(flat) >= deepest:
                    parsed(text, deepest - 1)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        for name in self._keys:
            values = [row.get(name) for row in found]
            if any(type(value) is int and value not in _INTEGERS for value in values):
                return None
        return [RawRow(text, row, self) for text, row in zip(texts, found, strict=True)]


def _object(types: Mapping[str, Any]) -> Any:
    """The type of an object of which nothing but these names is decoded, where it has them."""
    make: Any = TypedDict
    return make("Columns", dict(types), total=False)


def _is_utf8(body: bytes) -> bool:
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


class RawRow(MutableMapping[str, Any]):
    """A row as GitLab wrote it, and the columns that were added to it.

    It has all that a dictionary of the row has. `text` is its JSON in one line. Columns that it has
    not are put behind its text; whoever changes another one, or takes one out, has it written anew.
    """

    __slots__ = ("_added", "_columns", "_few", "_plain", "_text", "_whole")

    def __init__(self, text: bytes, few: dict[str, Any], columns: RawColumns) -> None:
        """`few` is what was decoded of the text of an object, for these `columns`."""
        self._text = text
        self._few = few
        self._columns = columns
        # The columns of which `few` says all; none where `whole` is the row, and not the text.
        self._plain = columns.plain
        self._added: dict[str, Any] | None = None
        self._whole: dict[str, Any] | None = None

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a column."""
        if name in self._plain:
            return self._few.get(name, default)
        return self._all().get(name, default)

    def parts(self) -> Mapping[str, Any]:
        """The columns that were declared, to be looked at only.

        Objects among them may hold no more than the declared names.
        """
        return self._few if self._plain else self._all()

    def add(self, columns: Mapping[str, Any]) -> None:
        """Give the row these columns, in place of those that it has of these names."""
        few = self._few
        if self._added is None and self._plain >= columns.keys() and few.keys().isdisjoint(columns):
            self._added = dict(columns)
            few |= columns
            return
        for name, value in columns.items():
            self[name] = value

    def __getitem__(self, name: str) -> Any:
        value = self.get(name, _ABSENT)
        if value is _ABSENT:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name, _ABSENT) is not _ABSENT

    def __setitem__(self, name: str, value: Any) -> None:
        if name in self._plain and name not in self._few:
            self._added = self._added or {}
            self._added[name] = self._few[name] = value
        else:
            self._own()[name] = value

    def __delitem__(self, name: str) -> None:
        del self._own()[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._all(), **(self._added or {})})

    def __len__(self) -> int:
        return len({**self._all(), **(self._added or {})})

    def __bool__(self) -> bool:
        return bool(self._few or self._all())

    def __repr__(self) -> str:
        return f"RawRow({self.text().decode()})"

    def clear(self) -> None:
        """Let go of everything."""
        self._text, self._few, self._plain = b"{}", {}, _NONE
        self._added, self._whole = None, {}

    def copy(self) -> Self:
        """A row that can be changed without changing this one."""
        other = type(self)(self._text, dict(self._few), self._columns)
        other._added = dict(self._added) if self._added else None  # noqa: SLF001 -- of its own kind
        if not self._plain:
            other._whole, other._plain = dict(self._all()), _NONE  # noqa: SLF001 -- as above
        return other

    def text(self) -> bytes:
        """The row as JSON, without line breaks."""
        return b"".join(self.pieces())

    def pieces(self) -> tuple[bytes, ...]:
        """The same in pieces, for whoever writes them one behind the other."""
        if not self._plain:
            return (orjson.dumps(self._whole),)
        if not self._added:
            return (self._text,)
        head = self._text[:-1]
        comma = b"" if head.rstrip() == b"{" else b","
        # It writes numbers of any length, which a row may have.
        return head, comma, msgspec.json.encode(self._added)[1:]

    def _all(self) -> dict[str, Any]:
        """All columns that the text holds, or that it has been changed to."""
        if self._whole is None:
            try:
                self._whole = orjson.loads(self._text)
            except orjson.JSONDecodeError:  # a number that is too large for it
                self._whole = json.loads(self._text)
        return self._whole

    def _own(self) -> dict[str, Any]:
        """The row as a dictionary that counts from now on, in place of the text."""
        whole = self._all()
        if self._plain:
            whole |= self._added or {}
            self._plain, self._added = _NONE, None
        return whole


def text_of_row(row: object) -> bytes:
    """A row, or any other value of JSON, as JSON in one line."""
    return row.text() if isinstance(row, RawRow) else orjson.dumps(row)


def pieces_of_row(row: object) -> tuple[bytes, ...]:
    """The same in pieces."""
    return row.pieces() if isinstance(row, RawRow) else (orjson.dumps(row),)
