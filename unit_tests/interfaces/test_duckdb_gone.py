"""Which rows leave a table that is read anew: only those that are certainly gone."""

# The only texts put into SQL here are names of columns and tables.

# The only texts put into SQL here are names of columns and tables.
# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from integration_tests.support.stream_tables import stream_table
from source_gitlab.interfaces.duckdb import layout
from source_gitlab.interfaces.duckdb.store import Changes, Gone, Store
from source_gitlab.interfaces.sync_changes import NOTHING

if TYPE_CHECKING:
    from pathlib import Path

    from source_gitlab.tables.table import StreamTable

WHOLE = Gone("project_id", frozenset(), all_but=True)


def tables(kind: str = "text", *key: str) -> dict[str, StreamTable]:
    """The table of one stream."""
    lines = {"id": "integer!", "project_id": "integer", "title": kind}
    return {"issues": stream_table("issues", lines, key or ["id"])}


BEFORE: list[dict[str, Any]] = [
    {"id": 1, "project_id": 10, "title": "1"},
    {"id": 2, "project_id": 20, "title": "2"},
    {"id": 3, "project_id": 30, "title": "3"},
    {"id": 4, "project_id": None, "title": "4"},
]
READ: list[dict[str, Any]] = [
    {"id": 1, "project_id": 10, "title": "11"},
    {"id": 5, "project_id": 10, "title": "5"},
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that holds some issues."""
    path = tmp_path / "gitlab.duckdb"
    with Store(path, tables()) as store:
        store.write("issues", list(BEFORE))
        store.commit({"issues": {"read": 1}})
    return path


def ids(path: Path) -> list[int]:
    """The issues in the file."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return [one for (one,) in connection.execute("SELECT id FROM issues ORDER BY 1").fetchall()]


@pytest.mark.parametrize(
    ("gone", "left", "removed"),
    [
        (None, [1, 5], 3),
        (WHOLE, [1, 4, 5], 2),
        (Gone("project_id", {20}, all_but=True), [1, 2, 4, 5], 1),
        (Gone("project_id", {10, 20, 30}, all_but=True), [1, 2, 3, 4, 5], 0),
        (Gone("project_id", {20}, all_but=False), [1, 3, 4, 5], 1),
        (NOTHING, [1, 2, 3, 4, 5], 0),
    ],
)
@pytest.mark.parametrize("kind", ["text", "text[]"])
def test_only_what_is_gone_leaves(
    path: Path, gone: Gone | None, left: list[int], removed: int, kind: str
) -> None:
    """The same whether rows change in place or the table is made anew for another type."""
    with Store(path, tables(kind), warn=lambda _: None) as store:
        store.begin_replace("issues")
        store.write("issues", list(READ))
        changes = store.finish_replace("issues", {"read": 2}, gone)
        assert changes == Changes(1, 1, removed)
        assert store.state("issues") == {"read": 2}
    assert ids(path) == left


def test_another_key_keeps_what_is_not_gone(path: Path) -> None:
    """A row without the new key has no place in the table, and is kept where it can be found."""
    with Store(path, tables("text", "project_id", "id")) as store:
        store.begin_replace("issues")
        store.write("issues", list(READ))
        assert store.finish_replace("issues", {"read": 2}, NOTHING) == Changes(2, 0, 2)
    assert ids(path) == [1, 2, 3, 5]
    with duckdb.connect(str(path), read_only=True) as connection:
        kept = connection.execute(f"SELECT row->>'id' FROM {layout.KEYLESS}").fetchall()
    assert kept == [("4",)]


def test_without_a_state_the_last_one_stays(path: Path) -> None:
    """What was read of a stream that did not end is no more than rows."""
    with Store(path, tables()) as store:
        store.begin_replace("issues")
        store.write("issues", list(READ))
        store.finish_replace("issues", None, NOTHING)
        assert store.state("issues") == {"read": 1}


def test_a_first_read_that_does_not_end_keeps_what_it_brought(tmp_path: Path) -> None:
    """There is nothing to compare with, so rows go where they belong at once."""
    path = tmp_path / "new.duckdb"
    with Store(path, tables()) as store:
        store.begin_replace("issues")
        store.write("issues", list(READ))
        store.commit({})
    assert ids(path) == [1, 5]
    with Store(path, tables()) as store:
        store.begin_replace("issues")
        store.write("issues", [READ[1], {"id": 7}])
        assert store.finish_replace("issues", {}) == Changes(1, 0, 1)
    assert ids(path) == [5, 7]
