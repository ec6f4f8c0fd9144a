"""What a file holds of GitLab's lists, to be compared with them, and how that is mended."""

# Identifiers cannot be parameters of a statement; every name below goes through `quoted`.
# ruff: noqa: S608

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from source_gitlab.interfaces.sql_text import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    import duckdb

    from source_gitlab.core.slices import Row
    from source_gitlab.core.verification.lists import CountedList
    from source_gitlab.core.verification.search import Key
    from source_gitlab.core.verification.spans import Span
    from source_gitlab.interfaces.duckdb.deletions import Deletions
    from source_gitlab.interfaces.duckdb.transactions import Transactions

_FORM: Final = "'%Y-%m-%dT%H:%M:%S.%gZ'"
_AT_ONCE: Final = 500


class FileCopy:
    """The rows of a file that GitLab has, as far as the file knows. All are loaded."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        transactions: Transactions,
        deletions: Deletions,
    ) -> None:
        """Look at nothing yet."""
        self._connection = connection
        self._transactions = transactions
        self._deletions = deletions

    def months(self, stream: str, column: str) -> dict[int, list[tuple[str, int]]]:
        """By what stands in `column`: the first instants of months, and how many rows they have.

        Rows without a time of creation are in none.
        """
        found: dict[int, list[tuple[str, int]]] = {}
        month = "system.main.date_trunc('month', o.created_at)"
        for owner, start, rows in self._asked(
            f"SELECT o.{quoted(column)}, system.main.strftime({month}, {_FORM}), "
            f"system.main.count(*) FROM main.{quoted(stream)} o WHERE o.created_at IS NOT NULL "
            f"AND o.{quoted(column)} IS NOT NULL AND {self._deletions.standing(stream)} "
            "GROUP BY ALL ORDER BY ALL"
        ):
            found.setdefault(owner, []).append((start, rows))
        return found

    def late(self, stream: str, column: str, until: Mapping[int, str]) -> dict[int, int]:
        """By what stands in `column`: how many rows were created from an instant of its own on."""
        listed = ", ".join(
            f"({owner}, TIMESTAMPTZ {literal(instant)})" for owner, instant in until.items()
        )
        if not listed:
            return {}
        return dict(
            self._asked(
                f"SELECT u.owner, system.main.count(*) FROM main.{quoted(stream)} o "
                f"JOIN (VALUES {listed}) u(owner, instant) ON u.owner = o.{quoted(column)} "
                f"WHERE o.created_at >= u.instant AND {self._deletions.standing(stream)} GROUP BY 1"
            )
        )

    def owners(self, stream: str, column: str) -> dict[int, int]:
        """What stands in `column`, with the number of rows."""
        return dict(
            self._asked(
                f"SELECT o.{quoted(column)}, system.main.count(*) FROM main.{quoted(stream)} o "
                f"WHERE o.{quoted(column)} IS NOT NULL AND {self._deletions.standing(stream)} "
                "GROUP BY 1 ORDER BY 1"
            )
        )

    def number(self, one: CountedList, span: Span | None) -> int:
        """How many rows of a list were created in a span (None: all of them)."""
        ((number,),) = self._asked(f"SELECT system.main.count(*) {self._from(one, span)}")
        return int(number)

    def middle(self, one: CountedList, span: Span) -> str | None:
        """When the row was created that stands in the middle of those of a span, if any does."""
        middle = "system.main.quantile_disc(o.created_at, 0.5)"
        ((found,),) = self._asked(
            f"SELECT system.main.strftime({middle}, {_FORM}) {self._from(one, span)}"
        )
        return None if found is None else str(found)

    def rows(self, one: CountedList, span: Span | None) -> dict[Key, Row]:
        """Those rows by key, each with what its address is made of."""
        key = one.stream.key
        names = list(dict.fromkeys([*key, *re.findall(r"{(\w+)}", one.stream.item or "")]))
        columns = ", ".join(f"o.{quoted(name)}" for name in names)
        found: dict[Key, Row] = {}
        for values in self._asked(f"SELECT {columns} {self._from(one, span)}"):
            row: dict[str, Any] = dict(zip(names, values, strict=True))
            found[tuple(row[name] for name in key)] = row
        return found

    def has(self, one: CountedList, keys: set[Key]) -> set[Key]:
        """Those of the keys that the file has, wherever they belong."""
        table, names = one.stream.name, one.stream.key
        columns = ", ".join(f"o.{quoted(name)}" for name in names)
        found: set[Key] = set()
        waiting = list(keys)
        for start in range(0, len(waiting), _AT_ONCE):
            listed = keys_condition(names, waiting[start : start + _AT_ONCE])
            found |= set(
                self._asked(
                    f"SELECT {columns} FROM main.{quoted(table)} o "
                    f"WHERE {listed} AND {self._deletions.standing(table)}"
                )
            )
        return found

    def _from(self, one: CountedList, span: Span | None) -> str:
        table = one.stream.name
        owners = ", ".join(map(str, sorted(one.owners)))
        conditions = [
            f"o.{quoted(one.column)} IN ({owners})" if owners else "false",
            self._deletions.standing(table),
        ]
        if one.first:
            conditions.append(f"o.updated_at >= TIMESTAMPTZ {literal(one.first)}")
        if span is not None:
            conditions.append(f"o.created_at < TIMESTAMPTZ {literal(span.before)}")
            if span.after:
                conditions.append(f"o.created_at >= TIMESTAMPTZ {literal(span.after)}")
        return f"FROM main.{quoted(table)} o WHERE {' AND '.join(conditions)}"

    def _asked(self, statement: str) -> list[tuple[Any, ...]]:
        with self._transactions.errors():
            return self._connection.execute(statement).fetchall()


def keys_condition(names: Iterable[str], keys: Collection[Key]) -> str:
    """The condition that a row `o` has one of these keys."""
    if not keys:
        return "false"
    columns = ", ".join(f"o.{quoted(name)}" for name in names)
    listed = ", ".join(f"({', '.join(map(_value, key))})" for key in keys)
    return f"({columns}) IN (VALUES {listed})"


def _value(value: object) -> str:
    return str(value) if isinstance(value, int) else literal(str(value))
