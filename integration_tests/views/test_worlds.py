"""Views over a file's tables give the numbers that were worked out by hand."""

# The only texts put into SQL here are names of columns, tables and views.
# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import orjson
import pytest

from integration_tests.views.worlds import NAMES, NOW, check, world
from source_gitlab.interfaces.duckdb_types import table_of
from source_gitlab.streams import streams
from source_gitlab.views.catalog import SCHEMA, Renderer, possible, views

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database, in a time zone in which the first hours of a day are another day's."""
    with duckdb.connect() as one:
        one.execute("SET TimeZone = 'America/Los_Angeles'")
        yield one


@pytest.mark.parametrize("name", NAMES)
def test_the_numbers_are_those_worked_out_by_hand(
    name: str, connection: duckdb.DuckDBPyConnection
) -> None:
    """Each view of a world has its expected rows, no more and no less."""
    here = world(name)
    tables = {}
    for stream, rows in here.rows.items():
        table = table_of(streams()[stream])
        tables[stream] = [column.name for column in table.columns]
        columns = ", ".join(f'"{column.name}" {column.type}' for column in table.columns)
        connection.execute(f'CREATE TABLE "{stream}" ({columns})')
        for row in rows:
            names = ", ".join(f'"{key}"' for key in row)
            marks = ", ".join("?" * len(row))
            kinds = {column.name: column.kind for column in table.columns}
            values = [
                orjson.dumps(value).decode() if kinds[key] == "json" else value
                for key, value in row.items()
            ]
            connection.execute(f'INSERT INTO "{stream}" ({names}) VALUES ({marks})', values)
    connection.execute(f"CREATE SCHEMA {SCHEMA}")
    renderer = Renderer(tables, as_of=NOW)
    made = possible(tables)
    for view in made:
        connection.execute(f"CREATE VIEW {SCHEMA}.{view.name} AS {renderer.sql(view)}")
    assert set(here.expected) <= {view.name for view in made}
    for view_name, expected in here.expected.items():
        answer = connection.execute(f"SELECT * FROM {SCHEMA}.{view_name}")
        columns_found = [column[0] for column in answer.description or ()]
        found = [dict(zip(columns_found, row, strict=True)) for row in answer.fetchall()]
        check(view_name, found, expected)


def test_every_view_has_a_world() -> None:
    """A view whose numbers nobody worked out is not trusted."""
    tested = {view for name in NAMES for view in world(name).expected}
    assert set(views()) == tested
