"""Rows that fit a JSON schema, for destinations that check each value and end at one that does not.

What a column cannot hold, and what has no column, is kept in `_extra`, so that one odd value costs
nothing. Objects are checked inside as well; one that does not fit is kept in `_extra` as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from source_gitlab.streams.columns import JSON
from source_gitlab.tables.fitting import FITS, MISFIT, PATTERNS
from source_gitlab.tables.table import EXTRA

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from source_gitlab.gitlab.pagination import Row
    from source_gitlab.streams.columns import Column

_NULL: Final = type(None)
# What stands in an object is checked by its JSON type alone: a time there is a text.
_INSIDE: Final[Mapping[str, frozenset[type]]] = {
    "text": frozenset({str, _NULL}),
    "date": frozenset({str, _NULL}),
    "time": frozenset({str, _NULL}),
    "integer": frozenset({int, _NULL}),
    "number": frozenset({int, float, _NULL}),
    "boolean": frozenset({bool, _NULL}),
}


@dataclass(frozen=True)
class Field:
    """A column, or a field of an object, that a destination gets.

    `inner` are the fields of the object that it holds, or each item of its lists; None where these
    are not known. Of a known object, `others` tells whether fields without a schema come too.
    """

    column: Column
    inner: Mapping[str, Field] | None = None

    @classmethod
    def of(cls, column: Column) -> Field:
        """A column with everything that is in it."""
        inner = column.inner
        if not inner:
            return cls(column)
        return cls(column, {name: cls.of(one) for name, one in inner.items()})

    def holds(self, value: Any) -> bool:
        """Whether a value that is not null has the JSON type of this field, down to its leaves."""
        return _holds(self, value, self.column.lists)


def _holds(field: Field, value: Any, lists: int) -> bool:
    if value is None:
        return True
    if lists:
        return type(value) is list and all(_holds(field, item, lists - 1) for item in value)
    allowed = _INSIDE.get(field.column.item)
    if allowed is not None:
        return type(value) in allowed
    return type(value) is dict and _fits(field.inner or {}, value)


def _fits(inner: Mapping[str, Field], value: Row) -> bool:
    # A loop over what came: objects of GitLab's have fields that no schema knows.
    for name, one in value.items():
        known = inner.get(name)
        if known is not None and not _holds(known, one, known.column.lists):
            return False
    return True


class Conformer:
    """Makes rows fit `fields`; thread-safe.

    Columns in `left_out` were not wanted, so they are dropped; so are the fields of objects that
    the schema knows and `fields` lacks. Of the others, `warn(message)` is told once, as in
    ".weight: a value is no integer; kept in _extra". With `has_extra` false, nothing is kept aside.
    """

    def __init__(
        self,
        fields: Mapping[str, Field],
        left_out: Collection[str],
        warn: Callable[[str], None],
        *,
        has_extra: bool = True,
    ) -> None:
        self._fields = fields
        self._left_out = frozenset(left_out)
        self._warn = warn
        self._has_extra = has_extra
        self._warned: set[str] = set()
        self._prunes = {name: prune for name, one in fields.items() if (prune := _pruner(one))}

    def conform(self, row: Row) -> Row:
        """The row as the destination takes it, a new one; the columns keep their order."""
        fitted: Row = {}
        extra: Row = {}
        for name, value in row.items():
            field = self._fields.get(name)
            if field is None:
                if self._has_extra and name not in self._left_out:
                    self._warn_once(name, None)
                    extra[name] = value
                continue
            found = value if value is None else self._fit(field, value)
            if found is MISFIT:
                self._warn_once(name, field.column.kind)
                extra[name] = value
                continue
            prune = self._prunes.get(name)
            fitted[name] = prune(found) if prune and found is not None else found
        if extra and self._has_extra:
            fitted[EXTRA] = extra
        return fitted

    def _fit(self, field: Field, value: Any) -> Any:
        kind = field.column.kind
        if kind == JSON:
            return value if field.holds(value) else MISFIT
        pattern = PATTERNS.get(kind)
        if pattern is None:
            return FITS[kind](value)
        if isinstance(value, str) and pattern.fullmatch(value):
            return value
        # A destination has no row without its key.
        return value if field.column.in_key else MISFIT

    def _warn_once(self, name: str, kind: str | None) -> None:
        if name in self._warned:
            return
        self._warned.add(name)
        reason = "the schema does not know it"
        if kind is not None:
            reason = "a value has another type" if kind == JSON else f"a value is no {kind}"
        kept = f"kept in {EXTRA}" if self._has_extra else f"left out, for {EXTRA} is not selected"
        self._warn(f".{name}: {reason}; {kept}")


def _pruner(field: Field) -> Callable[[Any], Any] | None:
    """What takes out of an object what is not wanted; None where all of it is."""
    known = field.column.inner
    if not known or field.inner is None or field.column.lists:
        return None
    gone = frozenset(known.keys() - field.inner.keys())
    deeper = {name: inner for name, one in field.inner.items() if (inner := _pruner(one))}
    if not gone and not deeper:
        return None

    def prune(value: Any) -> Any:
        return {
            name: deeper[name](one) if name in deeper and one is not None else one
            for name, one in value.items()
            if name not in gone
        }

    return prune
