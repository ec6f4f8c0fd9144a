"""Who comes from another tool is sent to streams and columns that there are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from source_gitlab.interfaces.duckdb.store import Store
from source_gitlab.interfaces.duckdb_types import table_of
from source_gitlab.streams import streams
from source_gitlab.views.catalog import views as catalog
from tools import docs
from tools.peers_page import peers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.peers_page import Peer

PEERS = {peer.name: peer for peer in peers()}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A file of `sync` with every table and view that there can be."""
    file = tmp_path_factory.mktemp("copy") / "gitlab.duckdb"
    said: list[str] = []
    every = {name: table_of(stream) for name, stream in streams().items()}
    with Store(file, every, warn=said.append) as store:
        store.commit({})
    assert said == []
    with duckdb.connect(file) as connection:
        yield connection


@pytest.fixture(params=PEERS)
def peer(request: pytest.FixtureRequest) -> Peer:
    """Each tool that there is a page of."""
    return PEERS[request.param]


def test_every_stream_and_column_is_here(peer: Peer, copy: duckdb.DuckDBPyConnection) -> None:
    """DuckDB takes the views as they stand, and their columns have the names of the other tool."""
    copy.execute(docs.render(f"docs/{peer.page}.sql"))
    found = copy.execute(
        "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() "
        "WHERE schema_name = ? GROUP BY 1",
        [peer.schema],
    ).fetchall()
    assert dict(found) == {one.name: list(one.columns) for one in peer.tables}


def test_every_field_of_an_object_is_here(peer: Peer) -> None:
    """DuckDB finds nothing wrong with the name of a field that no object has."""
    for table in peer.tables:
        columns = _schema(table.stream)
        for sql in table.columns.values():
            for column, path in re.findall(r"(\w+)\"?->>'(?:\$\.)?([\w.]+)'", sql):
                inner = columns.get(column, {})
                for field in path.split("."):
                    assert field in inner.get("properties", {}), (table.name, sql)
                    inner = inner["properties"][field]


def _schema(stream: str) -> dict[str, Any]:
    properties: dict[str, Any] = streams()[stream].schema["properties"]
    return properties


def test_what_is_said_of_columns_is_of_columns_that_the_page_has(peer: Peer) -> None:
    """A note to a mistyped column would be shown nowhere."""
    for table in peer.tables:
        assert table.notes.keys() <= table.columns.keys(), table.name
        assert not table.absent.keys() & table.columns.keys(), table.name
        assert all(isinstance(why, str) for why in table.absent.values()), table.name
    assert peer.facts


def test_names_in_words_are_streams_columns_or_views(peer: Peer) -> None:
    """A stream that is named in a reason is one that can be read."""
    known = {*streams(), *catalog(), "main"}
    known |= {column for stream in streams().values() for column in stream.columns}
    said = [text for one in peer.tables for text in (*one.notes.values(), *one.absent.values())]
    assert {name for text in said for name in re.findall(r"`(\w+)`", text)} <= known


def test_the_page_names_each_table_and_column(peer: Peer) -> None:
    """What a reader looks for is found by its old name."""
    page = docs.render(f"docs/{peer.page}.md")
    for table in peer.tables:
        section = page.partition(f'<a id="table-{table.name}"></a>')[2].partition("\n#")[0]
        names = set(re.findall(r"`(\w+)`", section))
        assert {*table.columns, *table.absent} <= names, table.name
