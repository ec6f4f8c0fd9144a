"""The DuckDB store: typed tables, upserts, replacements, and files that cannot be used."""

# The only texts put into SQL here are names of columns and tables.
# ruff: noqa: S608

from __future__ import annotations

import datetime as dt
import json
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from integration_tests.support.stream_tables import stream_table
from source_gitlab.interfaces.duckdb import layout
from source_gitlab.interfaces.duckdb.store import Changes, Store, StoreError
from source_gitlab.tables.table import EXTRA, KeyColumnError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from source_gitlab.gitlab.pagination import Row

ISSUES_LINES = {
    "id": "integer! It's the key.",
    "title": "text",
    "confidential": "boolean",
    "weight": "number",
    "created_at": "time",
    "due_date": "date",
    "labels": "text[]",
    "author": "object",
    "order": "integer",
}
BRANCHES_LINES = {"project_id": "integer!", "name": "text!", "commit": "object"}
ISSUES = stream_table("issues", ISSUES_LINES, ["id"], comment="Issues of the projects in scope.")
BRANCHES = stream_table("branches", BRANCHES_LINES, ["project_id", "name"])
TABLES = {"issues": ISSUES, "branches": BRANCHES}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a test's DuckDB file goes."""
    return tmp_path / "gitlab.duckdb"


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """What a user who opens the file sees."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def fail(message: str) -> None:
    """Where warnings go that a test does not expect."""
    pytest.fail(message)


def put(
    path: Path,
    stream: str,
    *pages: list[Row],
    instance: str | None = None,
    warn: Callable[[str], None] = fail,
) -> None:
    """Write pages in one run, with a state that counts them."""
    with Store(path, TABLES, instance=instance, warn=warn) as store:
        for page in pages:
            store.write(stream, page)
        store.commit({stream: {"pages": len(pages)}})


def replaced(path: Path, stream: str, rows: list[Row]) -> Changes:
    """Replace a stream's table in a run of its own."""
    with Store(path, TABLES) as store:
        store.begin_replace(stream)
        store.write(stream, rows)
        return store.finish_replace(stream, {"n": len(rows)})


def test_a_key_needs_a_scalar_column() -> None:
    """A key without a column, or of objects, would let every row in twice."""
    with pytest.raises(KeyColumnError, match="the key of issues has no scalar column author, iid"):
        stream_table("issues", ISSUES_LINES, ["iid", "author"])


def test_names_that_differ_in_case_only_share_no_column(path: Path) -> None:
    """DuckDB would refuse the table; the second spelling is kept in `_extra`."""
    lines = {"id": "integer!", "ID": "integer"}
    with Store(path, {"odd": stream_table("odd", lines, ["id"])}) as store:
        store.write("odd", [{"id": 1, "ID": 2}])
        store.commit({})
    assert query(path, "SELECT id, _extra->>'ID' FROM odd") == [(1, "2")]


def test_columns_types_and_comments_come_from_the_stream(path: Path) -> None:
    """In its order, `_extra` last."""
    put(path, "issues", [])
    assert query(
        path,
        "SELECT column_name, data_type, comment FROM duckdb_columns() "
        "WHERE table_name = 'issues' ORDER BY column_index",
    ) == [
        ("id", "BIGINT", "It's the key."),
        ("title", "VARCHAR", None),
        ("confidential", "BOOLEAN", None),
        ("weight", "DOUBLE", None),
        ("created_at", "TIMESTAMP WITH TIME ZONE", None),
        ("due_date", "DATE", None),
        ("labels", "JSON", None),
        ("author", "JSON", None),
        ("order", "BIGINT", None),
        (EXTRA, "JSON", "Fields without a column, and values of another type"),
    ]
    assert query(path, "SELECT comment FROM duckdb_tables() WHERE table_name = 'issues'") == [
        ("Issues of the projects in scope.",)
    ]


def test_values_arrive_as_they_were_sent(path: Path) -> None:
    """Quotes, line ends, NUL, text beyond ASCII, times with any offset."""
    title = 'it\'s "quoted"\r\n\ttabbed \\ \x00 é 例 🦊 null'
    put(
        path,
        "issues",
        [
            {
                "id": 2**53,
                "title": title,
                "confidential": False,
                "weight": 0.1,
                "created_at": "2024-02-28T23:30:00.123-02:00",
                "due_date": "2024-03-31",
                "labels": ["a", "b,c"],
                "author": {"id": 7, "name": None},
                "order": -1,
            },
            {"id": 2},
        ],
    )
    columns = (
        "id, title, confidential, weight, epoch_ms(created_at), due_date, labels, author, "
        '"order", _extra'
    )
    assert query(path, f"SELECT {columns} FROM issues ORDER BY id") == [
        (2, *[None] * 9),
        (
            2**53,
            title,
            False,
            0.1,
            1709170200123,
            dt.date(2024, 3, 31),
            '["a","b,c"]',
            '{"id":7,"name":null}',
            -1,
            None,
        ),
    ]


def test_an_upsert_keeps_one_row_a_key_the_last_written(path: Path) -> None:
    """Within a page, across pages of one transaction, and across transactions."""
    put(path, "issues", [{"id": 1, "title": "a"}, {"id": 2}, {"id": 1, "title": "b"}])
    assert query(path, "SELECT id, title FROM issues ORDER BY id") == [(1, "b"), (2, None)]
    put(path, "issues", [{"id": 1, "title": "c"}], [{"id": 1, "title": "d"}, {"id": 3}])
    assert query(path, "SELECT id, title FROM issues ORDER BY id") == [
        (1, "d"),
        (2, None),
        (3, None),
    ]


@pytest.mark.parametrize("remembered", [0, 3, 1000])
def test_a_row_may_come_again_in_a_later_load(
    path: Path, monkeypatch: pytest.MonkeyPatch, remembered: int
) -> None:
    """Whether or not the store still remembers that it was there."""
    monkeypatch.setattr("source_gitlab.interfaces.duckdb.load_buffer._FULL", 1)
    monkeypatch.setattr("source_gitlab.interfaces.duckdb.store._REMEMBERED_KEYS", remembered)
    with Store(path, TABLES) as store:
        store.begin_replace("branches")
        for turn in range(3):
            store.write("issues", [{"id": n, "title": str(turn)} for n in range(turn, turn + 4)])
            store.write("branches", [{"project_id": turn % 2, "name": "a", "commit": {"n": turn}}])
        store.finish_replace("branches", {})
        store.write("branches", [{"project_id": 0, "name": "a", "commit": {"n": 9}}])
        store.commit({})
    assert query(path, "SELECT id, title FROM issues ORDER BY id") == [
        (0, "0"),
        (1, "1"),
        (2, "2"),
        (3, "2"),
        (4, "2"),
        (5, "2"),
    ]
    assert query(path, "SELECT project_id, commit FROM branches ORDER BY project_id") == [
        (0, '{"n":9}'),
        (1, '{"n":1}'),
    ]


def test_only_rows_with_other_values_count_as_updated(path: Path) -> None:
    """An overlap brings rows again that have not changed."""
    rows: list[Row] = [{"id": n, "title": f"t{n}", "author": {"id": n}} for n in range(10)]
    put(path, "issues", rows)
    with Store(path, TABLES) as store:
        store.write("issues", rows)
        assert store.updated("issues") == 0
        store.write("issues", [{**rows[3], "title": None}, rows[4], {"id": 11}])
        store.write("issues", [{**rows[5], "author": {"id": 0}}])
        assert store.updated("issues") == 2
        assert store.counts()["issues"] == 11
        store.commit({})
    assert query(path, "SELECT title, author FROM issues WHERE id IN (3, 5) ORDER BY id") == [
        (None, '{"id":3}'),
        ("t5", '{"id":0}'),
    ]


def test_a_page_without_a_column_sets_it_to_null(path: Path) -> None:
    """A row replaces its elder whole; nothing of the old one shines through."""
    put(path, "issues", [{"id": 1, "title": "a", "order": 1}])
    put(path, "issues", [{"id": 1, "order": 2}])
    assert query(path, 'SELECT title, "order" FROM issues') == [(None, 2)]


def test_rows_of_two_projects_that_share_a_name_are_two_rows(path: Path) -> None:
    """The key of branches has two columns."""
    put(path, "branches", [{"project_id": p, "name": "main"} for p in (1, 2)])
    assert query(path, "SELECT project_id, name FROM branches ORDER BY 1") == [
        (1, "main"),
        (2, "main"),
    ]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("order", 1.5),
        ("order", True),
        ("order", "seven"),
        ("order", 2**63),
        ("order", {"of": 1}),
        ("weight", "heavy"),
        ("weight", False),
        ("confidential", 1),
        ("confidential", "yes"),
        ("created_at", "soon"),
        ("created_at", ""),
        ("created_at", "2023-02-29T00:00:00Z"),
        ("created_at", 1700000000),
        ("due_date", "2023-02-29"),
        ("due_date", "2024-01-01T10:00:00Z"),
        ("due_date", ["2024-01-01"]),
        ("brand_new", {"deep": [1, None]}),
        ("brand_new", None),
    ],
)
def test_what_does_not_fit_is_kept_aside(path: Path, column: str, value: object) -> None:
    """The row, and its neighbours in the page, lose nothing."""
    warnings: list[str] = []
    rows: list[Row] = [
        {"id": 1, "title": "a"},
        {"id": 2, "title": "b", column: value},
        {"id": 3},
    ]
    put(path, "issues", rows, warn=warnings.append)
    found = query(path, "SELECT id, title, _extra FROM issues ORDER BY id")
    assert [row[:2] for row in found] == [(1, "a"), (2, "b"), (3, None)]
    assert [row[2] and json.loads(row[2]) for row in found] == [None, {column: value}, None]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"issues.{column}: ")


def test_a_column_is_warned_about_once(path: Path) -> None:
    """A million rows with one new field make one line."""
    warnings: list[str] = []
    pages = [[{"id": n, "new": n}, {"id": n + 100, "new": n}] for n in range(20)]
    put(path, "issues", *pages, warn=warnings.append)
    assert warnings == ["issues.new: the schema does not know it; kept in _extra"]


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("order", "12", 12),
        ("order", 3.0, 3),
        ("order", 2**63 - 1, 2**63 - 1),
        ("order", -(2**63), -(2**63)),
        ("weight", 4, 4.0),
        ("title", 5, "5"),
        ("title", {"a": [1]}, '{"a":[1]}'),
        ("due_date", "2024-02-29", dt.date(2024, 2, 29)),
    ],
)
@pytest.mark.parametrize("beside", [{}, {"unknown": 1}], ids=["alone", "beside an unknown"])
def test_what_can_be_cast_without_loss_is_cast(
    path: Path, column: str, value: object, expected: object, beside: dict[str, Any]
) -> None:
    """The same value comes out whether or not its page has a stranger in it."""
    put(path, "issues", [{"id": 1, column: value, **beside}], warn=lambda _: None)
    assert query(path, f'SELECT "{column}" FROM issues') == [(expected,)]


@pytest.mark.parametrize("key", [None, "abc", 1.5, [1], True])
def test_a_row_without_a_usable_key_is_not_lost(path: Path, key: object) -> None:
    """No table can hold it, so it goes where it can be found; once, however often it comes."""
    warnings: list[str] = []
    row = {"id": key, "title": "a"}
    put(path, "issues", [row, {"id": 2}], [row, {"title": "b"}], warn=warnings.append)
    assert query(path, "SELECT id FROM issues") == [(2,)]
    kept = query(path, f"SELECT stream, row FROM {layout.KEYLESS} ORDER BY row")
    assert [(stream, json.loads(text)) for stream, text in kept] == [
        ("issues", row),
        ("issues", {"title": "b"}),
    ]
    assert any("without a usable key" in warning for warning in warnings)


def test_nothing_is_kept_without_a_commit_and_state_goes_with_rows(path: Path) -> None:
    """What was written after the last commit goes, with the state that would have covered it."""
    with Store(path, TABLES) as store:
        assert store.state("issues") is None
        assert store.last_commit(["issues"]) is None
        store.write("issues", [{"id": 1}])
        store.commit({"issues": {"through": 1}})
        store.write("issues", [{"id": 2}])
        assert store.counts() == {"issues": 2, "branches": 0}
    with Store(path, TABLES) as store:
        assert store.counts() == {"issues": 1, "branches": 0}
        assert store.state("issues") == {"through": 1}
        assert store.state("branches") is None
        assert abs(_age(store.last_commit(["issues"]))) < 60
        assert store.last_commit(["issues", "branches"]) is None


def _age(stamp: str | None) -> float:
    assert stamp is not None
    when = dt.datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.timezone.utc)
    return (dt.datetime.now(dt.timezone.utc) - when).total_seconds()


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


def test_one_row_may_be_larger_than_duckdb_expects(path: Path) -> None:
    """DuckDB's JSON reader stops at objects of 16 MB unless told otherwise."""
    put(path, "issues", [{"id": 1, "title": "x" * (17 << 20)}, {"id": 2}])
    assert query(path, "SELECT id, length(title) FROM issues ORDER BY id") == [
        (1, 17 << 20),
        (2, None),
    ]


def test_rows_of_many_pages_all_arrive(path: Path) -> None:
    """More than one load's worth, in one transaction."""
    pages = [
        [{"id": n, "title": "t" * 2000} for n in range(start, start + 100)]
        for start in range(0, 5000, 100)
    ]
    put(path, "issues", *pages)
    assert query(path, "SELECT count(*), sum(id), min(length(title)) FROM issues") == [
        (5000, 4999 * 2500, 2000)
    ]


def test_the_users_own_tables_are_left_alone(path: Path) -> None:
    """Views and tables beside ours survive a replacement."""
    put(path, "issues", [{"id": 1}])
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE mine AS SELECT 1 AS one")
        connection.execute("CREATE VIEW open_issues AS SELECT id FROM issues")
    replaced(path, "issues", [{"id": 2}])
    assert query(path, "SELECT one, id FROM mine, open_issues") == [(1, 2)]


def refused(path: Path, instance: str | None = None) -> str:
    """The message with which a store refuses a file."""
    with pytest.raises(StoreError) as caught:
        Store(path, TABLES, instance=instance)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    """And not overwritten."""
    path.write_text("id,title\n1,a\n" * 1000)
    assert refused(path) == f"{path} is not a DuckDB database; choose another file with --to"
    assert path.read_text().startswith("id,title")


def test_a_directory_is_refused(tmp_path: Path) -> None:
    """`--to .` is a likely slip."""
    assert refused(tmp_path) == f"{tmp_path} is a directory; name a file with --to"


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    """The user mistyped a folder, not a file."""
    missing = tmp_path / "nowhere"
    message = refused(missing / "gitlab.duckdb")
    assert message.endswith(f"cannot be created: there is no directory {missing}")


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a directory nobody may write")
def test_a_directory_that_cannot_be_written_is_refused() -> None:
    """Even for root, which tests in containers run as."""
    path = Path("/sys/kernel/gitlab.duckdb")
    assert refused(path) == f"{path} cannot be written: permission denied"


def test_a_file_in_use_is_refused(path: Path) -> None:
    """DuckDB has one writer; the other is most often a forgotten shell."""
    put(path, "issues", [])
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import duckdb; c = duckdb.connect({str(path)!r}); print(); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert refused(path) == f"{path} is in use by another process; close it there and run again"
    finally:
        holder.communicate(b"\n", timeout=120)


def test_a_newer_layout_is_refused(path: Path) -> None:
    """A newer version may have put things where this one does not look."""
    put(path, "issues", [{"id": 1}])
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"UPDATE {layout.META} SET value = '99' WHERE name = 'format'")
    assert refused(path) == f"{path} was written by a newer source-gitlab; upgrade this one"


def test_a_foreign_table_of_the_same_name_is_refused(path: Path) -> None:
    """It is somebody's work; we would add our columns to it."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE issues (id VARCHAR)")
    assert "has a table issues that source-gitlab did not write" in refused(path)
    assert query(path, "SELECT table_name FROM duckdb_tables()") == [("issues",)]


def test_another_gitlab_is_refused(path: Path) -> None:
    """Ids of two instances collide, and the state of one means nothing to the other."""
    put(path, "issues", [], instance="https://one.example.com")
    put(path, "issues", [], instance="https://one.example.com")
    assert refused(path, instance="https://two.example.com") == (
        f"{path} holds data of https://one.example.com, not of https://two.example.com; "
        "choose another file with --to. If it is the same GitLab under a new address, set "
        "former_api_url to https://one.example.com in the configuration file"
    )


@pytest.mark.parametrize("now", ["http://one.example.com", "https://two.example.com"])
def test_the_same_gitlab_under_another_address_is_gone_on_with(path: Path, now: str) -> None:
    """The file then knows it under that address alone."""
    one, other = "https://one.example.com", "https://three.example.com"
    put(path, "issues", [{"id": 1}], instance=one)
    with Store(path, TABLES, instance=now, former=one) as store:
        assert store.state("issues") == {"pages": 1}
    assert f"holds data of {now}" in refused(path, instance=other)


def child(path: Path, code: str) -> list[str]:
    """A command that runs `code` with `Store`, `ISSUES`, `path` and `sys` at hand."""
    prelude = f"""
import itertools, sys
from source_gitlab.interfaces.duckdb.store import Store, StoreError
from source_gitlab.tables.table import StreamTable, TableColumn
tables = {TABLES!r}
path = {str(path)!r}
"""
    return [sys.executable, "-c", prelude + code]


def _small_files() -> None:
    # Python ignores the signal that comes with it, so that writing fails as on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))


def test_a_disk_that_takes_no_more_is_one_sentence_and_the_file_survives(path: Path) -> None:
    """What was committed before is still there."""
    put(path, "issues", [{"id": 0, "title": "kept"}])
    code = """
import random
store = Store(path, tables)
letters = "abcdefghijklmnopqrstuvwxyz0123456789"
try:
    for page in range(100):
        rows = [{"id": 1 + page * 100 + n, "title": "".join(random.choices(letters, k=999))}
                for n in range(100)]
        store.write("issues", rows)
        store.commit({"issues": {"page": page}})
except StoreError as error:
    store.close()
    sys.exit(f"sentence: {error}")
"""
    done = subprocess.run(
        child(path, code),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=_small_files,
    )
    assert done.returncode == 1, done.stderr
    assert f"sentence: {path} cannot be written: " in done.stderr
    assert "Traceback" not in done.stderr
    pages = query(path, f"SELECT state->>'page' FROM {layout.STATE}")
    written = query(path, "SELECT count(*), count(*) FILTER (title = 'kept') FROM issues")
    assert written == [(1 + 100 * (int(pages[0][0]) + 1), 1)]


WRITER = """
with Store(path, tables) as store:
    state = store.state("issues") or {"rows": 0, "updates": 0}
    for turn in itertools.count(1):
        start = state["rows"]
        rows = [{"id": start + n, "title": "t" * 500, "order": 0} for n in range(100)]
        store.write("issues", rows)
        # An old row changes in the same transaction, so that upserts are under test too.
        state = {"rows": start + 100, "updates": state["updates"] + 1}
        store.write("issues", [{"id": 0, "order": state["updates"]}])
        store.begin_replace("branches")
        store.write("branches", [{"project_id": n, "name": str(turn)} for n in range(turn)])
        store.commit({"issues": state})
        store.finish_replace("branches", {"turn": turn})
        print(turn, flush=True)
"""


def test_a_killed_process_loses_and_doubles_nothing(path: Path) -> None:
    """SIGKILL at moments that nobody chose: rows and state agree, to the row."""
    chance = random.Random(20240501)
    reached = 0
    for _ in range(8):
        process = subprocess.Popen(child(path, WRITER), stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.random() * 0.4)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=120)
        reached = _assert_whole(path, reached)
    assert reached >= 800


def _assert_whole(path: Path, reached: int) -> int:
    with Store(path, TABLES) as store:
        state, turn = store.state("issues"), store.state("branches")
    assert state is not None
    assert turn is not None
    assert state["rows"] >= reached + 100
    found: Sequence[tuple[Any, ...]] = query(
        path,
        'SELECT count(*), count(DISTINCT id), min(id), max(id), max("order"), '
        "count(*) FILTER (length(title) = 500) FROM issues",
    )
    rows = state["rows"]
    assert found == [(rows, rows, 0, rows - 1, state["updates"], rows - 1)]
    assert query(path, "SELECT count(*), min(name), max(name) FROM branches") == [
        (turn["turn"], str(turn["turn"]), str(turn["turn"]))
    ]
    return int(rows)
