"""The DuckDB store: tables that are replaced, or whose schema changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from integration_tests.support.duckdb_store import (
    BRANCHES_LINES,
    ISSUES_LINES,
    TABLES,
    path,
    put,
    query,
)
from integration_tests.support.stream_tables import stream_table
from source_gitlab.interfaces.duckdb.store import Changes, Store

if TYPE_CHECKING:
    from pathlib import Path

    from source_gitlab.gitlab.pagination import Row


__all__ = ["path"]


def replaced(path: Path, stream: str, rows: list[Row]) -> Changes:
    """Replace a stream's table in a run of its own."""
    with Store(path, TABLES) as store:
        store.begin_replace(stream)
        store.write(stream, rows)
        return store.finish_replace(stream, {"n": len(rows)})


def test_a_replacement_shows_only_when_it_is_whole(path: Path) -> None:
    """Readers of the file see the old rows until all the new ones are there."""
    put(path, "branches", [{"project_id": 1, "name": n} for n in ("main", "old")])
    with Store(path, TABLES) as store:
        store.begin_replace("branches")
        store.write("branches", [{"project_id": 1, "name": "main"}])
        store.write("issues", [{"id": 1}])
        store.commit({"issues": {"n": 1}})
        assert store.counts() == {"issues": 1, "branches": 2}
        store.write("branches", [{"project_id": 1, "name": "new"}])
        assert store.finish_replace("branches", {"n": 2}) == Changes(1, 0, 1)
    assert query(path, "SELECT name FROM branches ORDER BY name") == [("main",), ("new",)]
    assert _staging(path) == []


def _staging(path: Path) -> list[tuple[Any, ...]]:
    return query(
        path, "SELECT table_name FROM duckdb_tables() WHERE starts_with(table_name, 'staging_')"
    )


@pytest.mark.parametrize("how", ["abandon", "close", "begin again"])
def test_an_incomplete_replacement_leaves_the_old_rows(path: Path, how: str) -> None:
    """And leaves no side table behind."""
    put(path, "branches", [{"project_id": 1, "name": "main"}])
    with Store(path, TABLES) as store:
        store.begin_replace("branches")
        store.write("branches", [{"project_id": 1, "name": "new"}])
        store.commit({})
        store.write("branches", [{"project_id": 1, "name": "newer"}])
        if how == "abandon":
            store.abandon_replace("branches")
            store.commit({})
        if how == "begin again":
            store.begin_replace("branches")
            store.write("branches", [{"project_id": 1, "name": "main"}])
            assert not store.finish_replace("branches", {"pages": 1})
    put(path, "issues", [])
    assert query(path, "SELECT name FROM branches") == [("main",)]
    assert _staging(path) == []
    with Store(path, TABLES) as store:
        assert store.state("branches") == {"pages": 1}


def test_a_replacement_counts_what_it_changed(path: Path) -> None:
    """So that a run can say that nothing has changed."""
    rows: list[Row] = [{"id": n, "title": f"t{n}", "author": {"id": n}} for n in range(10)]
    assert replaced(path, "issues", rows) == Changes(10, 0, 0)
    assert not replaced(path, "issues", rows[::-1])
    changed = [*rows[:8], {**rows[8], "title": None}, {"id": 11}]
    assert replaced(path, "issues", changed) == Changes(1, 1, 1)
    assert replaced(path, "issues", []) == Changes(0, 0, 10)
    assert query(path, "SELECT count(*) FROM issues") == [(0,)]


def test_a_warning_in_a_replacement_names_the_stream(path: Path) -> None:
    """The side table is nobody's business."""
    warnings: list[str] = []
    with Store(path, TABLES, warn=warnings.append) as store:
        store.begin_replace("issues")
        store.write("issues", [{"id": 1, "new": 1}])
        store.finish_replace("issues", {})
    assert warnings == ["issues.new: the schema does not know it; kept in _extra"]


def test_a_replaced_table_keeps_key_and_comments(path: Path) -> None:
    """The side table becomes the table, so it must be one."""
    replaced(path, "issues", [{"id": 1, "title": "a"}])
    put(path, "issues", [{"id": 1, "title": "b"}])
    assert query(path, "SELECT title FROM issues") == [("b",)]
    assert query(
        path,
        "SELECT comment FROM duckdb_columns() WHERE table_name = 'issues' AND column_name = 'id'",
    ) == [("It's the key.",)]


def test_a_new_property_becomes_a_column_of_an_old_file(path: Path) -> None:
    """Old rows have NULL there, new rows have values, and comments follow the schema."""
    put(path, "issues", [{"id": 1}])
    lines = {**ISSUES_LINES, "severity": "text! How bad", "title": "text The headline"}
    grown = {"issues": stream_table("issues", lines, ["id"])}
    with Store(path, grown) as store:
        assert store.state("issues") == {"pages": 1}
        store.write("issues", [{"id": 2, "severity": "high"}])
        store.commit({})
    assert query(path, "SELECT id, severity FROM issues ORDER BY id") == [(1, None), (2, "high")]
    assert query(
        path,
        "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'issues' "
        "AND column_name IN ('severity', 'title') ORDER BY 1",
    ) == [("severity", "How bad"), ("title", "The headline")]


def test_a_changed_type_keeps_the_files_type_until_the_table_is_replaced(path: Path) -> None:
    """The old rows are in it; values of the new type are kept aside, not lost."""
    put(path, "issues", [{"id": 1, "order": 5}])
    changed = {"issues": stream_table("issues", {**ISSUES_LINES, "order": "text!"}, ["id"])}
    with Store(path, changed, warn=lambda _: None) as store:
        store.write("issues", [{"id": 2, "order": "first"}, {"id": 3, "order": "6"}])
        store.commit({})
    assert query(path, 'SELECT "order", _extra FROM issues ORDER BY id') == [
        (5, None),
        (None, '{"order":"first"}'),
        (6, None),
    ]
    with Store(path, changed) as store:
        store.begin_replace("issues")
        store.write("issues", [{"id": 2, "order": "first"}])
        assert store.finish_replace("issues", {}) == Changes(0, 1, 2)
    assert query(path, 'SELECT "order" FROM issues') == [("first",)]


def test_a_changed_key_asks_for_a_replacement(path: Path) -> None:
    """Rows by the old key cannot be added to by the new one, and the state does not count."""
    put(path, "branches", [{"project_id": 1, "name": "main"}])
    rekeyed = {"branches": stream_table("branches", BRANCHES_LINES, ["name"])}
    with Store(path, rekeyed) as store:
        assert store.needs_replacing("branches")
        assert store.state("branches") is None
        store.begin_replace("branches")
        store.write("branches", [{"project_id": 2, "name": "main"}])
        store.finish_replace("branches", {})
        assert not store.needs_replacing("branches")
    with Store(path, rekeyed) as store:
        assert not store.needs_replacing("branches")
    assert query(path, "SELECT project_id, name FROM branches") == [(2, "main")]


def test_the_users_own_tables_are_left_alone(path: Path) -> None:
    """Views and tables beside ours survive a replacement."""
    put(path, "issues", [{"id": 1}])
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE mine AS SELECT 1 AS one")
        connection.execute("CREATE VIEW open_issues AS SELECT id FROM issues")
    replaced(path, "issues", [{"id": 2}])
    assert query(path, "SELECT one, id FROM mine, open_issues") == [(1, 2)]
