"""What the catalog of views says is what their SQL does."""

# The only texts put into SQL here are names of columns, tables and views.
# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from source_gitlab.interfaces.duckdb_types import table_of
from source_gitlab.streams import streams
from source_gitlab.views.catalog import (
    SCHEMA,
    Renderer,
    columns_read,
    macros,
    possible,
    views,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

ALL = {name: [c.name for c in table_of(stream).columns] for name, stream in streams().items()}


def test_models_read_declared_columns_of_their_kinds() -> None:
    """A column that no stream has would be NULL for ever, without a word."""
    texts = [*macros().values(), *(view.model for view in views().values())]
    read = [each for text in texts for each in columns_read(text)]
    assert len(read) > 100
    wrong = [
        (stream, name, kind)
        for stream, name, kind in read
        if name not in streams()[stream].columns or streams()[stream].columns[name].kind != kind
    ]
    assert not wrong


def test_streams_that_are_named_are_declared() -> None:
    """A misspelt stream would keep its view out of every file."""
    named = {
        stream
        for view in views().values()
        for stream in (*view.requires, *view.requires_any, *view.uses)
    }
    assert named <= set(streams())


def test_a_view_stands_behind_those_that_it_refers_to() -> None:
    """They are made in this order, and what one needs the other needs too."""
    names = list(views())
    for name, view in views().items():
        for other in view.references:
            assert names.index(other) < names.index(name)
            assert set(views()[other].requires) <= set(view.requires)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with a table for each stream."""
    with duckdb.connect() as one:
        for name, stream in streams().items():
            columns = ", ".join(f'"{c.name}" {c.type}' for c in table_of(stream).columns)
            one.execute(f'CREATE TABLE "{name}" ({columns})')
        yield one


def make(
    connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Collection[str]]
) -> dict[str, list[tuple[str, str]]]:
    """Make every view that these tables allow; the names and types of its columns."""
    connection.execute(f"CREATE SCHEMA {SCHEMA}")
    renderer = Renderer(tables)
    made = {}
    for view in possible(tables):
        place = f"{SCHEMA}.{view.name}"
        connection.execute(f"CREATE VIEW {place} AS {renderer.sql(view)}")
        described = connection.execute(f"SELECT * FROM {place}").description or ()
        made[view.name] = [(column[0], str(column[1])) for column in described]
    return made


def test_every_column_of_a_view_is_described_and_no_other(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """What a column means does not follow from its name."""
    made = make(connection, ALL)
    assert set(made) == set(views())
    for name, columns in made.items():
        found = {column for column, _ in columns}
        assert found <= set(views()[name].columns), name
        assert set(views()[name].own_columns) <= found, name


@pytest.mark.parametrize("name", list(views()))
def test_a_view_is_made_with_what_it_requires_and_no_more(
    name: str, connection: duckdb.DuckDBPyConnection
) -> None:
    """Without what it may use it has the same columns of the same types."""
    view = views()[name]
    required = view.requires + view.requires_any[:1]
    least = make(connection, {stream: ["_extra"] for stream in required})
    connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
    assert least[name] == make(connection, ALL)[name]
