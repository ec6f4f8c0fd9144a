"""Columns and the types that a destination has for them."""

from __future__ import annotations

import pytest

from source_gitlab.interfaces.duckdb_types import TYPES, table_of
from source_gitlab.streams import streams
from source_gitlab.streams.columns import KINDS, columns
from source_gitlab.streams.schema import SchemaError, parse
from source_gitlab.tables.table import EXTRA


@pytest.mark.parametrize(
    ("line", "kind", "type_"),
    [
        ("text", "text", "VARCHAR"),
        ("integer", "integer", "BIGINT"),
        ("number", "number", "DOUBLE"),
        ("boolean", "boolean", "BOOLEAN"),
        ("date", "date", "DATE"),
        ("time", "time", "TIMESTAMP WITH TIME ZONE"),
        ("object", "json", "JSON"),
        ("user", "json", "JSON"),
        ("integer[]", "json", "JSON"),
        ("user[]", "json", "JSON"),
    ],
)
def test_a_line_becomes_the_narrowest_type(line: str, kind: str, type_: str) -> None:
    """Every value that a line allows must have room in its column."""
    (column,) = columns({"x": parse(line, "s.x")}, (), "s").values()
    assert (column.kind, TYPES[column.kind]) == (kind, type_)


def test_a_column_says_what_every_face_asks() -> None:
    """Whether it may be null, whether it is in the key, what it is, and what each of a list is."""
    lines = {"id": "integer! Its number.", "names": "text[] Its names. Each: A name."}
    key, names = columns({n: parse(line, n) for n, line in lines.items()}, ["id"], "s").values()
    assert (key.nullable, key.in_key, key.description) == (False, True, "Its number.")
    assert (names.nullable, names.in_key, names.description) == (True, False, "Its names.")
    assert (names.item, names.lists, names.item_description) == ("text", 1, "A name.")


def test_columns_that_no_list_fills_are_the_last() -> None:
    """Whoever looks at a table sees what is in it first; the others keep their order."""
    stream = streams()["merge_requests"]
    names = [column.name for column in table_of(stream).columns]
    empty = [one.name for one in stream.columns.values() if not one.in_lists]
    assert {"changes_count", "diff_refs", "subscribed"} <= {*empty}
    assert names == [*(one for one in stream.columns if one not in empty), *empty, EXTRA]


def test_a_type_that_there_is_not_is_refused() -> None:
    """With the column, and with what is allowed."""
    with pytest.raises(SchemaError, match=r"^s\.x: found the type 'string', allowed are text, "):
        columns({"x": parse("string", "s.x")}, (), "s")


def test_duckdb_has_a_type_of_its_own_for_each_kind() -> None:
    """A type that two kinds shared could not be told when a file is opened again."""
    assert set(TYPES) == set(KINDS)
    assert len(set(TYPES.values())) == len(TYPES)


@pytest.mark.parametrize("name", streams())
def test_every_stream_is_a_table(name: str) -> None:
    """Of its columns, in their order but for those that no list fills, and of one for the rest."""
    stream = streams()[name]
    table = table_of(stream)
    filled = [one for one, column in stream.columns.items() if column.in_lists]
    empty = [one for one in stream.columns if one not in filled]
    assert [column.name for column in table.columns] == [*filled, *empty, EXTRA]
    assert (table.key, table.cursor) == (stream.key, stream.cursor)
    assert [name for name, column in stream.columns.items() if column.in_key] == list(stream.key)
