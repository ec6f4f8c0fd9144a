"""Rows that a table can take: every value fits its column, what does not fit is kept aside.

A database would round 1.5 into an integer, or abort a whole transaction at a date that is none, so
values are checked before they reach it. The check looks at a page column by column, which costs a
tenth of a check per row; only a page with a stranger in it is looked at row by row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import orjson

from source_gitlab.streams.columns import JSON
from source_gitlab.tables.table import EXTRA
from source_gitlab.timestamps import instant

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from collections.abc import Set as AbstractSet

    from source_gitlab.gitlab.pagination import Row
    from source_gitlab.tables.table import StreamTable


_INTEGERS = range(-(2**63), 2**63)
_NULL = type(None)
_TYPES: dict[str, frozenset[type]] = {
    "integer": frozenset({int, _NULL}),
    "number": frozenset({int, float, _NULL}),
    "boolean": frozenset({bool, _NULL}),
    "text": frozenset({str, _NULL}),
}
_LEAP_YEAR = r"(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
# The dates that are certainly dates.
_DAY = (
    r"(?:\d{4}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)"
    rf"|(?:0[13578]|1[02])-31)|{_LEAP_YEAR}-02-29)"
)
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?"
# Digits of other scripts are none to a destination.
_MOMENT = re.compile(f"{_DAY}T{_TIME}(?:Z|[+-](?:0\\d|1[0-4]):[0-5]\\d)", re.ASCII)
PATTERNS = {"date": re.compile(_DAY, re.ASCII), "time": _MOMENT}
_DIGITS = re.compile(r"-?[0-9]{1,19}")


class Misfit:
    """What `_fit` answers for a value that its column cannot hold."""


MISFIT = Misfit()


def _unknown(_text: str) -> None:
    """Whether a text is a value of a type that nobody knows here."""


def _as_is(value: object) -> object:
    return value


def _text(value: object) -> object:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _integer(value: object) -> object:
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return _integer(int(value))
    if isinstance(value, float) and value.is_integer():
        return _integer(int(value))
    # A boolean is an int to Python only.
    if isinstance(value, int) and not isinstance(value, bool) and value in _INTEGERS:
        return value
    return MISFIT


def _number(value: object) -> object:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else MISFIT


def _boolean(value: object) -> object:
    return value if isinstance(value, bool) else MISFIT


# Dates, times and what is of another type are missing: the destination is asked.
FITS: dict[str, Callable[[object], object]] = {
    JSON: _as_is,
    "text": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
}


def _lines(rows: list[Row], option: int = 0) -> bytes:
    option |= orjson.OPT_APPEND_NEWLINE
    return b"".join([orjson.dumps(row, None, option) for row in rows])


@dataclass(frozen=True)
class Fit:
    """Rows that fit: each as a line of JSON with its end, their keys, and the rest.

    `body` is empty when no row has a usable key. `keys` are in the order of the lines: the value of
    the column, or a tuple where the key has several. `keyless` are the other rows, as they were
    given.
    """

    body: bytes
    keys: list[Any]
    keyless: list[Row]

    def split(self, keys: AbstractSet[Any]) -> tuple[Fit, Fit]:
        """The lines of rows with one of these keys, and the others."""
        lines = self.body.splitlines(keepends=True)
        pairs = list(zip(lines, self.keys, strict=True))
        with_key = [pair for pair in pairs if pair[1] in keys]
        others = [pair for pair in pairs if pair[1] not in keys]
        return _fit_of(with_key, []), _fit_of(others, self.keyless)


def _fit_of(pairs: list[tuple[bytes, Any]], keyless: list[Row]) -> Fit:
    return Fit(b"".join(line for line, _ in pairs), [key for _, key in pairs], keyless)


class Fitter:
    """Fits rows into one table.

    `castable(texts, type)` asks the destination which texts are values of a type of its own. A
    question costs as much as a tenth of a page, so there is one for all odd dates of a page.
    `warn(message)` is told once of each column that has no place or the wrong type, as in
    ".weight: a value is no DOUBLE".
    """

    def __init__(
        self,
        table: StreamTable,
        castable: Callable[[Collection[str], str], AbstractSet[str]],
        warn: Callable[[str], None],
    ) -> None:
        self._table = table
        self._castable = castable
        self._warn = warn
        self._warned: set[str] = set()
        self._types = {c.name: c.type for c in table.columns if c.name != EXTRA}
        self._kinds = {c.name: c.kind for c in table.columns if c.name != EXTRA}
        self._names = frozenset(self._kinds)
        self._key = itemgetter(*table.key)
        self._typed = [
            (name, _TYPES[kind] - ({_NULL} if name in table.key else frozenset()))
            for name, kind in self._kinds.items()
            # A text column takes every value as text, except in a key, where 1 and "1" must meet.
            if kind in _TYPES and (kind != "text" or name in table.key)
        ]
        self._dated = [
            (name, PATTERNS[kind].fullmatch, name not in table.key)
            for name, kind in self._kinds.items()
            if kind in PATTERNS
        ]
        # A column that the user has changed may have any type.
        self._cast = {
            name: PATTERNS[kind].fullmatch if kind in PATTERNS else _unknown
            for name, kind in self._kinds.items()
            if kind not in FITS
        }

    def fit(self, rows: list[Row]) -> Fit:
        """Fit rows; of several with one key the newest stays. The given rows are not changed."""
        if self._fits_whole(rows):
            fitted = {self._key(row): row for row in rows}
            whole = rows if len(fitted) == len(rows) else self._newest(rows)
            try:
                # Integers beyond 53 bits may be beyond 64 too: the encoder tells for nothing.
                return Fit(_lines(whole, orjson.OPT_STRICT_INTEGER), list(fitted), [])
            except orjson.JSONEncodeError:
                pass  # row by row, below
        return self._fit_each(rows)

    def _newest(self, rows: list[Row]) -> list[Row]:
        """One row of each key: that with the latest cursor, and of equal ones the last."""
        newest: dict[Any, Row] = {}
        for row in rows:
            key = self._key(row)
            if key not in newest or self._version(row) >= self._version(newest[key]):
                newest[key] = row
        return list(newest.values())

    def _version(self, row: Row) -> str:
        value = row.get(self._table.cursor or "")
        # A time that only the destination understands is no cursor of GitLab's.
        return instant(value) if isinstance(value, str) and _MOMENT.fullmatch(value) else ""

    def _fits_whole(self, rows: list[Row]) -> bool:
        if not self._names.issuperset(set().union(*rows)):
            return False
        for name, allowed in self._typed:
            if not allowed.issuperset({type(row.get(name)) for row in rows}):
                return False
        for name, matches, nullable in self._dated:
            for row in rows:
                value = row.get(name)
                if value is None:
                    if not nullable:
                        return False
                elif type(value) is not str or not matches(value):
                    return False
        return True

    def _fit_each(self, rows: list[Row]) -> Fit:
        fitted: list[Row] = []
        keyless: list[Row] = []
        castable = self._castable_in(rows)
        for row in rows:
            fit = self._fit_row(row, castable)
            if fit is None:
                keyless.append(row)
            else:
                fitted.append(fit)
        newest = self._newest(fitted)
        return Fit(_lines(newest), [self._key(row) for row in newest], keyless)

    def _castable_in(self, rows: list[Row]) -> Mapping[str, AbstractSet[str]]:
        """By type, the texts that no pattern knows and that are values of it all the same."""
        odd: dict[str, set[str]] = {}
        for name, is_certain in self._cast.items():
            for row in rows:
                value = row.get(name)
                if isinstance(value, str) and not is_certain(value):
                    odd.setdefault(self._types[name], set()).add(value)
        return {type_: self._castable(texts, type_) for type_, texts in odd.items()}

    def _fit_row(self, row: Row, castable: Mapping[str, AbstractSet[str]]) -> Row | None:
        fitted: Row = {}
        extra: Row = {}
        for name, value in row.items():
            kind = self._kinds.get(name)
            fit = MISFIT if kind is None else self._fit(name, value, kind, castable)
            if isinstance(fit, Misfit):
                extra[name] = value
                self._warn_once(name)
            else:
                fitted[name] = fit
        if any(fitted.get(name) is None for name in self._table.key):
            return None
        if extra:
            fitted[EXTRA] = extra
        return fitted

    def _fit(
        self, name: str, value: object, kind: str, castable: Mapping[str, AbstractSet[str]]
    ) -> object:
        if value is None:
            return None
        fit = FITS.get(kind)
        if fit is not None:
            return fit(value)
        if not isinstance(value, str):
            return MISFIT
        if self._cast[name](value) or value in castable.get(self._types[name], ()):
            return value
        return MISFIT

    def _warn_once(self, name: str) -> None:
        if name in self._warned:
            return
        self._warned.add(name)
        type_ = self._types.get(name)
        reason = "the schema does not know it" if type_ is None else f"a value is no {type_}"
        self._warn(f".{name}: {reason}; kept in {EXTRA}")
