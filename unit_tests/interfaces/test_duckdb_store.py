"""The DuckDB store: typed tables, upserts, and values that do not fit."""

# The only texts put into SQL here are names of columns and tables.
# ruff: noqa: S608

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from integration_tests.support.duckdb_store import ISSUES_LINES, TABLES, path, put, query
from integration_tests.support.stream_tables import stream_table
from source_gitlab.interfaces.duckdb import layout
from source_gitlab.interfaces.duckdb.store import Store
from source_gitlab.tables.table import EXTRA, KeyColumnError

if TYPE_CHECKING:
    from pathlib import Path

    from source_gitlab.gitlab.pagination import Row


__all__ = ["path"]


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
def test_a_row_may_come_again_in_a_later_load(path: Path, remembered: int) -> None:
    """Whether or not the store still remembers that it was there."""
    with Store(path, TABLES, load_bytes=1, remembered_keys=remembered) as store:
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
        assert store.changes("issues").changed == 0
        store.write("issues", [{**rows[3], "title": None}, rows[4], {"id": 11}])
        store.write("issues", [{**rows[5], "author": {"id": 0}}])
        assert store.changes("issues").changed == 2
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
        ("created_at", "٢٠٢٤-01-01T00:00:00Z"),
        ("due_date", "2023-02-29"),
        ("due_date", "2100-02-29"),
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


def test_one_row_may_be_larger_than_duckdb_expects(path: Path) -> None:
    """DuckDB's JSON reader stops at objects of 16 MB unless told otherwise."""
    put(path, "issues", [{"id": 1, "title": "x" * (17 << 20)}, {"id": 2}])
    assert query(path, "SELECT id, length(title) FROM issues ORDER BY id") == [
        (1, 17 << 20),
        (2, None),
    ]


def test_a_file_of_large_row_groups_takes_small_ones(path: Path) -> None:
    """As one that was made before, or opened in between by a program with DuckDB's own size."""
    rows: list[Row] = [{"id": n, "title": "old"} for n in range(50_000)]
    put(path, "issues", rows[:1])
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "INSERT INTO issues (id, title) SELECT range, 'old' FROM range(1, 50000)"
        )
        connection.execute("CHECKPOINT")
    groups = "SELECT count(DISTINCT row_group_id) FROM pragma_storage_info('issues')"
    assert query(path, groups) == [(1,)]
    put(path, "issues", [{**row, "title": "new"} for row in rows[10_000:]], [{"id": 50_000}])
    found = "SELECT title, count(*), sum(id) FROM issues GROUP BY 1 ORDER BY 1"
    assert query(path, found) == [
        ("new", 40_000, sum(range(10_000, 50_000))),
        ("old", 10_000, sum(range(10_000))),
        (None, 1, 50_000),
    ]
    with Store(path, TABLES) as store:
        store.checkpoint()
    [(after,)] = query(path, groups)
    assert after > 1


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
