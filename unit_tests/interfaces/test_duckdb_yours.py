"""What is the user's in a DuckDB file stays as it is, and stays valid, whatever a sync does."""

# The only texts put into SQL here are names of columns and tables.
# ruff: noqa: S608

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb
import pytest

from integration_tests.support.duckdb_store import path, query
from integration_tests.support.stream_tables import stream_table
from source_gitlab.interfaces.duckdb.store import Changes, Gone, Store, StoreError
from source_gitlab.tables.table import StreamTable

if TYPE_CHECKING:
    from pathlib import Path

    from source_gitlab.gitlab.pagination import Row

__all__ = ["path"]

ISSUES = {"id": "integer!", "project_id": "integer", "title": "text", "labels": "text[]"}
TAGS = {"project_id": "integer!", "name": "text!"}
COMMENT = "Issues of the projects in scope."


def tables(**more: str) -> dict[str, StreamTable]:
    """The tables of two streams; `more` are further columns of issues."""
    return {
        "issues": stream_table("issues", {**ISSUES, **more}, ["id"], comment=COMMENT),
        "tags": stream_table("tags", TAGS, ["project_id", "name"]),
    }


def rows(*numbers: int, title: str = "t") -> list[Row]:
    """Issues of these ids, in the project of the same number."""
    return [{"id": n, "project_id": n, "title": title, "labels": [title]} for n in numbers]


def change(path: Path, *statements: str) -> None:
    """What a user who opens the file does."""
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def write(path: Path, given: list[Row], **more: str) -> None:
    """A sync that brings these issues."""
    with Store(path, tables(**more)) as store:
        store.write("issues", given)
        store.commit({"issues": {"rows": len(given)}})


def replace(path: Path, given: list[Row], **more: str) -> Changes:
    """A sync that reads all issues again."""
    with Store(path, tables(**more)) as store:
        store.begin_replace("issues")
        store.write("issues", given)
        return store.finish_replace("issues", {"rows": len(given)})


HANGING = (
    "ALTER TABLE issues ADD COLUMN my_note VARCHAR",
    "UPDATE issues SET my_note = 'look at ' || id",
    "CREATE INDEX by_title ON issues (title)",
    "CREATE INDEX issues ON issues (title, project_id)",
    "CREATE UNIQUE INDEX by_both ON issues (project_id, id)",
    "CREATE VIEW every_issue AS SELECT * FROM issues",
    "CREATE VIEW on_a_view AS SELECT * FROM every_issue",
    "CREATE SCHEMA mine",
    "CREATE VIEW mine.titles AS SELECT title FROM main.issues",
    "COMMENT ON VIEW every_issue IS 'mine'",
    "CREATE MACRO how_many() AS (SELECT count(*) FROM issues)",
)


def assert_valid(path: Path, numbers: list[int], noted: list[int]) -> None:
    """Every object that hangs on issues is there and shows these rows."""
    shown = [(n,) for n in numbers]
    for view in ("every_issue", "on_a_view"):
        assert query(path, f"SELECT id FROM {view} ORDER BY id") == shown
        columns = query(path, f"SELECT count(*) FROM (DESCRIBE {view})")
        assert columns == query(path, "SELECT count(*) FROM (DESCRIBE issues)")
    assert len(query(path, "SELECT title FROM mine.titles")) == len(numbers)
    assert query(path, "SELECT how_many()") == [(len(numbers),)]
    indexes = query(path, "SELECT index_name, is_unique FROM duckdb_indexes() ORDER BY 1")
    assert indexes == [("by_both", True), ("by_title", False), ("issues", False)]
    assert query(path, "SELECT comment FROM duckdb_views() WHERE view_name = 'every_issue'") == [
        ("mine",)
    ]
    found = query(path, "SELECT id FROM issues WHERE my_note = 'look at ' || id ORDER BY id")
    assert found == [(n,) for n in noted]


def test_indexes_views_macros_and_columns_of_yours_stay_valid(path: Path) -> None:
    """While rows are added, changed and removed, one by one or all at once."""
    write(path, rows(1, 2, 3))
    change(path, *HANGING)
    write(path, [*rows(2, title="other"), *rows(4)])
    assert_valid(path, [1, 2, 3, 4], noted=[1, 2, 3])
    assert replace(path, [*rows(1, 2), *rows(4, 5)]) == Changes(1, 1, 1)
    assert_valid(path, [1, 2, 4, 5], noted=[1, 2])
    assert query(path, "SELECT title FROM issues WHERE id = 2") == [("t",)]
    change(path, "CREATE OR REPLACE TABLE probe AS SELECT id FROM issues WHERE title = 't'")
    assert query(path, "SELECT count(*) FROM probe") == [(4,)]


def test_they_stay_valid_when_a_column_is_added(path: Path) -> None:
    """DuckDB before 2.0 takes no view whose columns have moved, so the views are made again."""
    write(path, rows(1, 2))
    change(path, *HANGING)
    write(path, rows(3), severity="text")
    assert_valid(path, [1, 2, 3], noted=[1, 2])
    assert query(path, "SELECT count(severity) FROM on_a_view") == [(0,)]


@pytest.mark.parametrize("rekeyed", [False, True])
def test_they_stay_valid_when_a_table_is_made_anew(path: Path, *, rekeyed: bool) -> None:
    """For another type of a column, or another key."""
    write(path, rows(1, 2))
    change(path, *HANGING)
    changed = tables(labels="text")
    if rekeyed:
        issues = changed["issues"]
        changed["issues"] = StreamTable("issues", issues.columns, ("project_id", "id"))
    with Store(path, changed) as store:
        store.begin_replace("issues")
        store.write("issues", [{**row, "labels": "text"} for row in rows(2, 3)])
        store.finish_replace("issues", {})
    assert_valid(path, [2, 3], noted=[] if rekeyed else [2])
    assert query(path, "SELECT DISTINCT typeof(labels) FROM every_issue") == [("VARCHAR",)]


def test_tables_with_names_like_ours_are_yours(path: Path) -> None:
    """Nothing outside our schema is dropped, whatever it is called."""
    yours = ["_staging_issues", "_staging_", "staging_issues", "_source_gitlab_loaded"]
    made = [f"CREATE TABLE {name} AS SELECT 7 AS seven" for name in yours]
    change(path, *made, "CREATE SCHEMA _staging_x", "CREATE TABLE _staging_x.a AS SELECT 1 AS b")
    write(path, rows(1))
    replace(path, rows(2))
    write(path, rows(2))
    for name in yours:
        assert query(path, f"SELECT seven FROM {name}") == [(7,)]
    assert query(path, "SELECT b FROM _staging_x.a") == [(1,)]


def refused(path: Path) -> str:
    """The one sentence with which a file is refused."""
    with pytest.raises(StoreError) as caught:
        Store(path, tables())
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("CREATE TABLE tags AS SELECT 1 AS mine", "has a table tags that"),
        ("CREATE TABLE Tags (project_id BIGINT, name VARCHAR)", "has a table Tags that"),
        ("CREATE VIEW tags AS SELECT 1 AS mine", "has a view tags that"),
    ],
)
@pytest.mark.parametrize("is_ours", [False, True], ids=["another's file", "a file of ours"])
def test_what_has_a_streams_name_is_not_replaced(
    path: Path, statement: str, told: str, *, is_ours: bool
) -> None:
    """Also where the file is ours, and the stream is read for the first time."""
    if is_ours:
        with Store(path, {"issues": tables()["issues"]}) as store:
            store.write("issues", rows(1))
            store.commit({"issues": {}})
    change(path, statement)
    everything = (
        "SELECT table_name, sql FROM duckdb_tables() "
        "UNION ALL SELECT view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL"
    )
    before = query(path, everything)
    assert told in refused(path)
    assert query(path, everything) == before
    if is_ours:
        with Store(path, {"issues": tables()["issues"]}) as store:
            assert store.counts() == {"issues": 1}


def test_a_schema_with_our_name_that_is_not_ours(path: Path) -> None:
    """Somebody else's table in it would be taken for a state."""
    change(path, "CREATE SCHEMA _source_gitlab", "CREATE TABLE _source_gitlab.x AS SELECT 1 AS y")
    assert "has a schema _source_gitlab that source-gitlab did not write" in refused(path)


def test_your_table_in_the_place_of_ours_is_yours(path: Path) -> None:
    """Ours was dropped or renamed by its user, who made another one."""
    write(path, rows(1))
    change(
        path, "ALTER TABLE issues RENAME TO old_issues", "CREATE TABLE issues AS SELECT 1 AS mine"
    )
    assert "has a table issues that" in refused(path)
    assert query(path, "SELECT mine FROM issues") == [(1,)]


def test_a_table_of_ours_that_you_dropped_is_read_again(path: Path) -> None:
    """A state that outlived its rows would hide them for ever."""
    write(path, rows(1))
    change(path, "DROP TABLE issues")
    with Store(path, tables()) as store:
        assert store.state("issues") is None
        assert store.counts()["issues"] == 0


def test_a_foreign_key_to_a_table_of_ours_is_refused_in_words(path: Path) -> None:
    """DuckDB neither changes nor removes a row that one points to."""
    write(path, rows(1))
    change(path, "CREATE TABLE mine (issue BIGINT REFERENCES issues (id))")
    assert "The table mine in " in refused(path)
    assert "foreign key to issues" in refused(path)


def test_a_constraint_of_yours_that_refuses_a_row_is_one_sentence(path: Path) -> None:
    """Without what is in the row, and with the file as it was."""
    write(path, rows(1, title="only"))
    change(path, "CREATE UNIQUE INDEX titles ON issues (title)")
    with Store(path, tables()) as store:
        store.write("issues", [*rows(2, title="sec\x1bret"), *rows(3, title="sec\x1bret")])
        with pytest.raises(StoreError, match="a unique index or a column of yours") as caught:
            store.commit({"issues": {}})
    assert "ret" not in str(caught.value).replace("secret", "")
    assert query(path, "SELECT id FROM issues") == [(1,)]


@pytest.mark.parametrize(
    "name",
    ["main.duckdb", "temp.db", "system.db", "memory", "_source_gitlab.db", "it's \"x\".duckdb",
     "ü.duckdb", "issues.duckdb", "a.b.duckdb", "md:x.duckdb", "a b.duckdb"],
)  # fmt: skip
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    """DuckDB calls a database by its file, which must not collide with a schema or a table."""
    path = tmp_path / name
    for numbers in ([1, 2], [2, 3]):
        write(path, rows(*numbers))
    assert replace(path, rows(3, 4)) == Changes(1, 0, 2)
    with Store(path, tables()) as store:
        assert store.counts()["issues"] == 2
        assert store.state("issues") == {"rows": 2}
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_the_file_is_written_for_old_versions_of_duckdb(path: Path) -> None:
    """A file that is there keeps the version that it has."""
    write(path, rows(1))
    with duckdb.connect(str(path), read_only=True) as connection:
        (tags,) = connection.execute(
            "SELECT tags FROM duckdb_databases() WHERE database_name = 'gitlab'"
        ).fetchone() or ({},)
    assert str(tags["storage_version"]).startswith("v1.0.0")
    newer = path.with_name("newer.duckdb")
    change(newer, "CREATE TABLE mine AS SELECT 1 AS one")
    write(newer, rows(1))
    assert query(newer, "SELECT one FROM mine") == [(1,)]


MACROS = [
    "now() AS 5",
    "min(x) AS 7",
    "count(x) AS 7",
    "count_star() AS 7",
    "hash(x) AS 7",
    "random() AS 7",
    "lower(x) AS 'q'",
    "list_contains(a, b) AS false",
    "strftime(a, b) AS 'q'",
    "to_json(x) AS 7",
    "struct_pack(x) AS 5",
    "current_database() AS 'q'",
    "read_json(x) AS TABLE SELECT 1 AS a",
    "duckdb_columns() AS TABLE SELECT 1 AS a",
    "duckdb_tables() AS TABLE SELECT 1 AS a",
    "duckdb_views() AS TABLE SELECT 1 AS a",
    "duckdb_schemas() AS TABLE SELECT 1 AS a",
    "duckdb_indexes() AS TABLE SELECT 1 AS a",
    "duckdb_constraints() AS TABLE SELECT 1 AS a",
]


def test_macros_with_the_names_of_functions(path: Path) -> None:
    """What a sync does means DuckDB's own functions, and the macros stay."""
    write(path, rows(1, 2))
    change(path, *(f"CREATE MACRO {macro}" for macro in MACROS))
    write(path, rows(2, 3, title="other"))
    assert replace(path, rows(2, 3, 4, title="other")) == Changes(1, 0, 1)
    with Store(path, tables()) as store:
        assert store.last_commit(["issues"]) is not None
        store.write("issues", rows(4, title="again"))
        store.commit({})
        assert store.changes("issues").changed == 1
    assert query(path, "SELECT id, title FROM issues ORDER BY id") == [
        (2, "other"),
        (3, "other"),
        (4, "again"),
    ]
    assert query(path, "SELECT now()") == [(5,)]


def test_macros_while_a_table_is_made_anew(path: Path) -> None:
    """Rows without the new key are kept as they are."""
    write(path, [*rows(1, 2), {"id": 9, "project_id": None, "title": "x"}])
    change(path, *(f"CREATE MACRO {macro}" for macro in MACROS))
    rekeyed = {"issues": stream_table("issues", ISSUES, ["project_id", "id"], comment=COMMENT)}
    with Store(path, rekeyed) as store:
        store.begin_replace("issues")
        store.write("issues", rows(3))
        store.finish_replace("issues", None, Gone("project_id", [], all_but=False))
    assert query(path, "SELECT id FROM issues ORDER BY id") == [(1,), (2,), (3,)]
    ((kept,),) = query(path, "SELECT row FROM _source_gitlab.keyless")
    assert json.loads(kept)["id"] == 9


@pytest.mark.parametrize("columns", ["k INTEGER", "name VARCHAR, value VARCHAR", "name VARCHAR"])
def test_a_table_with_a_name_of_the_old_layout(path: Path, columns: str) -> None:
    """It is the user's, unless all of them are there in the form that they had."""
    change(path, f"CREATE TABLE _source_gitlab_meta ({columns})")
    write(path, rows(1))
    assert query(path, "SELECT count(*) FROM _source_gitlab_meta") == [(0,)]
    assert query(path, "SELECT id FROM issues") == [(1,)]
