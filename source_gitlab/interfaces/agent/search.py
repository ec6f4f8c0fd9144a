"""Airbyte's grammar of searches, as SQL over the table of a stream.

    query := {"filter": cond?, "sort": [{"field": "asc" | "desc"}, …]?}
    cond  := {"eq" | "neq" | "gt" | "gte" | "lt" | "lte": {field: value, …}}
           | {"in": {field: [values]}} | {"like" | "startswith" | "endswith": {field: text}}
           | {"fuzzy" | "keyword" | "contains" | "array_contains": {field: value}}
           | {"any": {field: cond}} | {"and" | "or": [cond, …]} | {"not": cond}

A field is a column, or a path into a JSON column: `author.username`. Values go into the query as
parameters, and names only when the table has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NoReturn

import orjson

from source_gitlab.interfaces.agent.errors import CallError, close_to
from source_gitlab.interfaces.sql_text import quoted

MOST: Final = 10_000
"""Rows that one search brings at most."""

_DEEPEST: Final = 20
_COMPARED: Final = {"eq": "=", "neq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_NUMBERS: Final = frozenset({"BIGINT", "DOUBLE"})
_TIMES: Final = frozenset({"DATE", "TIMESTAMP WITH TIME ZONE"})
_JSON: Final = "JSON"
_NESTED: Final = ("and", "or", "not", "any")
_TEXTS: Final = ("like", "startswith", "endswith", "fuzzy", "keyword")
_OPERATORS: Final = (*_COMPARED, "in", *_TEXTS, "contains", "array_contains", *_NESTED)


@dataclass(frozen=True)
class _Term:
    """A field in SQL: `text` as VARCHAR, `raw` with its own type, `kind` the name of that type."""

    raw: str
    text: str
    kind: str


_Resolver = Callable[[str], _Term]


@dataclass
class Search:
    """A search in one table, whose `columns` have these types; `key` makes its order certain."""

    table: str
    columns: Mapping[str, str]
    key: Sequence[str]
    values: list[Any] = field(default_factory=list)

    def sql(
        self,
        query: Any,
        fields: Any = None,
        *,
        limit: int,
        offset: int,
    ) -> str:
        """The query; what goes into its parameters is in `values`.

        Raises:
            CallError: the search is not one of the grammar, or names a field that there is not.
        """
        if not isinstance(query, Mapping) or set(query) - {"filter", "sort"}:
            self._fail('query is an object with "filter" and "sort".')
        paths = self.paths(fields)
        # In a row's order, so that values go in as their places come.
        chosen = ", ".join(self._shown(path) for path in paths) if paths else "*"
        condition = query.get("filter")
        where = self._condition(condition, self._of_table, 0) if condition else "true"
        order = [self._sorted(one) for one in self._sorts(query.get("sort"))]
        order += [quoted(name) for name in self.key if name in self.columns]
        ordered = f" ORDER BY {', '.join(order)}" if order else ""
        return (
            f"SELECT {chosen} FROM {quoted(self.table)} WHERE {where}{ordered} "  # noqa: S608
            f"LIMIT {int(limit) + 1} OFFSET {int(offset)}"
        )

    def paths(self, fields: Any) -> list[tuple[str, ...]]:
        """The fields to return, as paths; none where all columns are."""
        if fields is None:
            return []
        if not isinstance(fields, Sequence) or isinstance(fields, str):
            self._fail('fields is a list, like [["id"], ["author", "name"]].')
        paths = [tuple(one.split(".")) if isinstance(one, str) else tuple(one) for one in fields]
        for path in paths:
            if not path or not all(isinstance(part, str) for part in path):
                self._fail("each of the fields is a list of names.")
            self._of_table(".".join(path))
        return list(dict.fromkeys(paths))

    def _shown(self, path: tuple[str, ...]) -> str:
        if len(path) == 1:
            return quoted(path[0])
        return _inside(quoted(path[0]), ".".join(path[1:])).raw

    def _of_table(self, name: str) -> _Term:
        """A column of the table, or what lies inside one.

        Raises:
            CallError: there is no such column.
        """
        column, _, rest = name.partition(".")
        kind = self.columns.get(column)
        if kind is None:
            self._fail(f"{self.table} has no field {column[:80]}{close_to(column, self.columns)}")
        if not rest:
            is_json = kind == _JSON
            text = (
                f"({quoted(column)} ->> '$')" if is_json else f"CAST({quoted(column)} AS VARCHAR)"
            )
            return _Term(quoted(column), text, kind)
        if kind != _JSON:
            self._fail(f"{column} of {self.table} has nothing inside.")
        return _inside(quoted(column), rest)

    def _condition(self, condition: Any, resolve: _Resolver, depth: int) -> str:
        if not isinstance(condition, Mapping) or len(condition) != 1:
            self._fail(f"a condition is an object with one of {', '.join(_OPERATORS)}.")
        if depth > _DEEPEST:
            self._fail("the filter is nested too deeply.")
        ((operator, inside),) = condition.items()
        if operator in {"and", "or"}:
            if not isinstance(inside, Sequence) or isinstance(inside, str) or not inside:
                self._fail(f"{operator} takes a list of conditions.")
            parts = [self._condition(one, resolve, depth + 1) for one in inside]
            return "(" + f" {operator.upper()} ".join(parts) + ")"
        if operator == "not":
            # Of what is null, nothing is known; a row without a value does not have it.
            return f"(NOT coalesce({self._condition(inside, resolve, depth + 1)}, false))"
        if operator not in _OPERATORS:
            self._fail(
                f"there is no operator {str(operator)[:40]}{close_to(str(operator), _OPERATORS)}"
            )
        if not isinstance(inside, Mapping) or not inside:
            self._fail(f"{operator} takes an object of fields and values.")
        parts = [
            self._compared(operator, resolve(str(name)), value, depth)
            for name, value in inside.items()
        ]
        return "(" + " AND ".join(parts) + ")"

    def _compared(self, operator: str, term: _Term, value: Any, depth: int) -> str:
        if operator in _COMPARED:
            found = self._comparison(_COMPARED[operator], term, value)
            return f"(NOT coalesce({found}, false))" if operator == "neq" else found
        if operator == "in":
            if not isinstance(value, Sequence) or isinstance(value, str):
                self._fail("in takes a list of values.")
            parts = [self._comparison(_COMPARED["eq"], term, one) for one in value]
            return f"({' OR '.join(parts)})" if parts else "false"
        if operator == "any":
            rows, each = f"json_each(CASE WHEN {_is_array(term)} THEN {term.raw} END)", f"e{depth}"
            inner = self._condition(value, partial(_of_element, each), depth + 1)
            return f"EXISTS (SELECT 1 FROM {rows} AS {each} WHERE {inner})"  # noqa: S608
        if operator == "array_contains" or (operator == "contains" and term.kind == _JSON):
            element = f"{_is_array(term)} AND json_contains({term.raw}, CAST(? AS JSON))"
            self.values.append(_as_json(value))
            if operator == "array_contains" or not isinstance(value, str):
                return f"({element})"
            return f"({element} OR ({_is_text(term)} AND {self._like(term, f'%{_plain(value)}%')}))"
        if not isinstance(value, str) or not value:
            self._fail(f"{operator} takes a text.")
        return self._text(operator, term, value)

    def _text(self, operator: str, term: _Term, value: str) -> str:
        if operator == "like":
            return self._like(term, value.replace("\\", "\\\\").replace("_", "\\_"))
        if operator == "keyword":
            self.values.append(value.lower().split())
            words = f"string_split_regex(lower({term.text}), '[^\\pL\\pN_]+')"
            return f"list_has_any({words}, CAST(? AS VARCHAR[]))"
        patterns = {
            "startswith": f"{_plain(value)}%",
            "endswith": f"%{_plain(value)}",
            "contains": f"%{_plain(value)}%",
            "fuzzy": "%" + "%".join(map(_plain, value.split())) + "%",
        }
        return self._like(term, patterns[operator])

    def _like(self, term: _Term, pattern: str) -> str:
        self.values.append(pattern)
        return f"{term.text} ILIKE CAST(? AS VARCHAR) ESCAPE '\\'"

    def _comparison(self, operator: str, term: _Term, value: Any) -> str:
        """A comparison that fits the type of the value, and is false where a row's does not."""
        if value is None:
            return f"{term.text} IS NULL" if operator == "=" else "false"
        if isinstance(value, bool):
            self.values.append(str(value).lower())
            return f"{term.text} {operator} CAST(? AS VARCHAR)"
        if isinstance(value, (int, float)):
            self.values.append(value)
            number = term.raw if term.kind in _NUMBERS else f"TRY_CAST({term.text} AS DOUBLE)"
            return f"{number} {operator} ?"
        if not isinstance(value, str):
            if term.kind != _JSON:
                self._fail("a value is a text, a number, true, false or null.")
            self.values.append(_as_json(value))
            return f"CAST({term.raw} AS JSON) {operator} CAST(? AS JSON)"
        self.values.append(value)
        if term.kind in _TIMES or term.kind in _NUMBERS:
            return f"{term.raw} {operator} TRY_CAST(CAST(? AS VARCHAR) AS {term.kind})"
        return f"{term.text} {operator} CAST(? AS VARCHAR)"

    def _sorts(self, sort: Any) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for one in [sort] if isinstance(sort, Mapping) else sort or ():
            if not isinstance(one, Mapping):
                self._fail('sort is a list, like [{"created_at": "desc"}].')
            for name, direction in one.items():
                if direction not in ("asc", "desc"):
                    self._fail("sort goes asc or desc.")
                found.append((str(name), direction))
        return found

    def _sorted(self, one: tuple[str, str]) -> str:
        name, direction = one
        term = self._of_table(name)
        return f"{term.text if term.kind == _JSON else term.raw} {direction.upper()} NULLS LAST"

    def _fail(self, problem: str) -> NoReturn:
        message = f"{self.table} search: {problem}"
        raise CallError(message, entity=self.table, action="context_store_search")


def nested(paths: Sequence[tuple[str, ...]], row: Sequence[Any]) -> dict[str, Any]:
    """A row of chosen fields with paths put back into objects."""
    found: dict[str, Any] = {}
    for path, value in zip(paths, row, strict=True):
        place = found
        for part in path[:-1]:
            inside = place.get(part)
            if not isinstance(inside, dict):
                inside = place[part] = {}
            place = inside
        place[path[-1]] = value
    return found


def _of_element(each: str, name: str) -> _Term:
    """A field of an element of a list; "" or "value" for the element itself."""
    value = f"{each}.value"
    if name in {"", "value"}:
        return _Term(value, f"({value} ->> '$')", _JSON)
    return _inside(value, name)


def _inside(value: str, rest: str) -> _Term:
    # A literal and no parameter: a term may come up in a place where values are out of order.
    path = _json_path(rest.split(".")).replace("'", "''")
    raw = f"json_extract({value}, '{path}')"
    return _Term(raw, f"({raw} ->> '$')", _JSON)


def _json_path(parts: Sequence[str]) -> str:
    """The parts as a path of DuckDB's: a number is a place in a list."""
    names = (
        f"[{part}]" if part.isascii() and part.isdecimal() else '."' + part.replace('"', "") + '"'
        for part in parts
    )
    return "$" + "".join(names)


def _is_array(term: _Term) -> str:
    return f"json_type({term.raw}) = 'ARRAY'" if term.kind == _JSON else "false"


def _is_text(term: _Term) -> str:
    return f"json_type({term.raw}) = 'VARCHAR'" if term.kind == _JSON else "true"


def _plain(text: str) -> str:
    """A text in a pattern, where nothing of it is a wildcard."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _as_json(value: Any) -> str:
    return orjson.dumps(value).decode()
