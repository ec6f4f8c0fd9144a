"""Whether SQL that somebody else has written is one SELECT over the tables of a file.

DuckDB's own parser says what is in it (`json_serialize_sql`, which takes nothing but SELECT). What
reads files, the network, settings or secrets is refused by its name, on top of the settings of the
connection, which leave it no access in any case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import duckdb
import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST: Final = 20_000
_DEEPEST: Final = 200
_NODES: Final = frozenset(
    {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE", "STATEMENT_NODE"}
)
_TABLE_FUNCTIONS: Final = frozenset(
    {"unnest", "range", "generate_series", "json_each", "json_tree", "repeat"}
)
_NO_SCALARS: Final = frozenset(
    {
        *("getenv", "current_setting", "getvariable", "write_log", "nextval", "currval"),
        *("pg_sleep", "sleep", "sleep_ms", "which_secret", "txid_current", "current_query"),
        *("read_blob", "read_text", "json_execute_serialized_sql", "in_search_path"),
    }
)
_OPEN_SCHEMAS: Final = frozenset({"information_schema"})


class SelectError(Exception):
    """The SQL is not one SELECT over the file; `str(error)` is a sentence."""


def check_select(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Let one SELECT pass that reads tables and views of the file alone.

    Raises:
        SelectError: it is something else.
    """
    if len(sql) > _LONGEST:
        message = f"The query is longer than {_LONGEST:,} characters."
        raise SelectError(message)
    try:
        statements = connection.extract_statements(sql)
    except (duckdb.Error, UnicodeEncodeError) as error:
        reason = str(error).partition("\n\nLINE ")[0].replace("\n", " ")
        message = f"The query cannot be understood: {reason[:300]}"
        raise SelectError(message) from None
    if len(statements) != 1:
        message = f"Write exactly one SELECT; this has {len(statements)} statements."
        raise SelectError(message)
    row = connection.execute("SELECT json_serialize_sql(CAST(? AS VARCHAR))", [sql]).fetchone()
    try:
        tree = orjson.loads(row[0]) if row else {}
    except orjson.JSONDecodeError:  # which a nesting that is too deep for it is, too
        message = "The query is nested too deeply."
        raise SelectError(message) from None
    if tree.get("error", True) or statements[0].type != duckdb.StatementType.SELECT:
        message = "Only SELECT can be run: the file is read, and never changed."
        raise SelectError(message)
    _check(list(_walk(tree)), _names(connection))


def _names(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The tables and views of the file, whatever their schema, in small letters."""
    found = connection.execute(
        "SELECT system.main.lower(table_name) FROM system.main.duckdb_tables() WHERE NOT internal "
        "UNION ALL "
        "SELECT system.main.lower(view_name) FROM system.main.duckdb_views() WHERE NOT internal"
    ).fetchall()
    return {name for (name,) in found}


def _check(nodes: list[dict[str, Any]], names: set[str]) -> None:
    ours = names | set(_common_tables(nodes))
    for node in nodes:
        kind = str(node.get("type", ""))
        if kind.endswith("_NODE") and kind not in _NODES:
            message = "Only SELECT can be run: the file is read, and never changed."
            raise SelectError(message)
        if kind == "BASE_TABLE" and not _is_open(node, ours):
            message = f"There is no table {node.get('table_name')} in the file."
            raise SelectError(message)
        if kind == "TABLE_FUNCTION":
            called = str(node.get("function", {}).get("function_name", ""))
            if called.lower() not in _TABLE_FUNCTIONS:
                raise SelectError(_refused(called))
        name = str(node.get("function_name", ""))
        if node.get("class") == "FUNCTION" and name.lower() in _NO_SCALARS:
            raise SelectError(_refused(name))


def _is_open(node: dict[str, Any], ours: set[str]) -> bool:
    is_ours = str(node.get("table_name", "")).lower() in ours
    return is_ours or str(node.get("schema_name", "")).lower() in _OPEN_SCHEMAS


def _refused(name: str) -> str:
    return f"The function {name} cannot be used here: a query reads the tables of the file alone."


def _common_tables(nodes: list[dict[str, Any]]) -> Iterator[str]:
    """The names that WITH gives to queries."""
    for node in nodes:
        for name in ("cte_name", "ctename"):
            if isinstance(node.get(name), str):
                yield node[name].lower()
        entries = node.get("cte_map")
        for entry in entries.get("map", ()) if isinstance(entries, dict) else ():
            yield str(entry.get("key", "")).lower()


def _walk(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of the tree.

    Raises:
        SelectError: it is nested too deeply.
    """
    waiting = [(tree, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _DEEPEST:
            message = "The query is nested too deeply."
            raise SelectError(message)
        if isinstance(value, dict):
            yield value
            waiting += [(one, depth + 1) for one in value.values()]
        elif isinstance(value, list):
            waiting += [(one, depth + 1) for one in value]
