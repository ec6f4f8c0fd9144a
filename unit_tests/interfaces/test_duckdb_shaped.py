"""Pages that another thread has fitted arrive as those do that the store fits itself."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_tests.support.duckdb_store import ISSUES, TABLES, fail, path, query
from integration_tests.support.stream_tables import stream_table
from source_gitlab.interfaces.duckdb import layout
from source_gitlab.interfaces.duckdb.store import Store
from source_gitlab.tables.fitting import Fit, Fitter

if TYPE_CHECKING:
    from pathlib import Path

    from source_gitlab.gitlab.pagination import Row

__all__ = ["path"]

TIME = "2024-01-31T12:00:00.000Z"
# What is odd in the second of three rows.
ODD: list[dict[str, Any]] = [
    {},
    {"created_at": "2024-02-29T10:00:00.000Z", "due_date": "2024-02-29"},
    {"created_at": "2023-02-29T10:00:00.000Z"},
    {"created_at": "2024-01-31 12:00:00 UTC"},
    {"order": 2**63},
    {"order": 2**53 + 1},
    {"order": 1.5},
    {"order": "17"},
    {"order": -0.0},
    {"weight": -0.0},
    {"weight": 2**64 - 1},
    {"weight": 1e308},
    {"weight": "heavy"},
    {"title": 'NUL \x00, "quoted" \\ \r\n \x0b\x0c\x1c\x85\u2028\u2029 🦊'},
    {"title": ""},
    {"title": {"text": ["an object", None]}},
    {"title": 1e22},
    {"author": "ann"},
    {"author": {}},
    {"author": {"id": None, "deep": [{}, [], [None]], "big": 2**64 - 1, "line": "a\nb\x00"}},
    {"author": []},
    {"labels": ["a\nb", ""]},
    {"confidential": 0},
    {"brand_new": {"a": [1, "\n"]}, "Title": "other letters"},
    {"id": None},
    {"id": "2"},
    {"id": 1},
]
ROWS = st.lists(
    st.fixed_dictionaries(
        {"id": st.sampled_from([1, 2, 3, "3", None, "x"])},
        optional={
            "title": st.sampled_from(["\n", "\r", "\u2028", "x", 1]),
            "order": st.sampled_from([1, "1", 1.5, None]),
            "created_at": st.sampled_from([TIME, "soon", None]),
        },
    ),
    max_size=8,
)


def page(odd: dict[str, Any]) -> list[Row]:
    """Three issues."""
    rows: list[Row] = [
        {"id": n, "title": f"Issue {n}", "created_at": TIME, "author": {"id": 5}, "weight": 0.1}
        for n in (1, 2, 3)
    ]
    rows[1].update(odd)
    return rows


def everything(path: Path) -> list[Any]:
    """What is in the file: values, with their types, and rows without a key."""
    found: list[Any] = query(path, "SELECT * FROM issues ORDER BY id")
    found += query(path, "SELECT typeof(COLUMNS(*)) FROM issues ORDER BY id")
    return found + query(path, f"SELECT * FROM {layout.KEYLESS} ORDER BY ALL")  # noqa: S608


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_an_odd_page_is_the_same_both_ways(tmp_path: Path, odd: dict[str, Any]) -> None:
    """Its values, their types, what went to `_extra`, the warnings, and a second page."""
    pages = [page(odd), page({}), page(odd)]
    found = []
    for number, in_a_thread in enumerate((False, True)):
        warnings: list[str] = []
        path = tmp_path / f"{number}.duckdb"
        with (
            Store(path, TABLES, warn=warnings.append) as store,
            ThreadPoolExecutor(1) as others,
        ):
            for rows in deepcopy(pages):
                shaped: Any = rows
                if in_a_thread:
                    shaped = others.submit(store.shaped, "issues", rows).result()
                store.write("issues", shaped)
                store.commit({})
        found.append((everything(path), warnings))
    assert found[0] == found[1]
    titles = dict(query(tmp_path / "1.duckdb", "SELECT id, title FROM issues"))
    if isinstance(odd.get("title"), str):
        assert titles[2] == odd["title"]
    authors = query(tmp_path / "1.duckdb", "SELECT author FROM issues WHERE id = 2")
    if "author" in odd:
        assert json.loads(authors[0][0]) == odd["author"]


def test_shaped_rows_are_let_go_of(path: Path) -> None:
    """But for those that have no place in the table, which are kept as they were."""
    with Store(path, TABLES, warn=lambda _: None) as store:
        rows: list[Row] = [{"id": 1, "title": "a"}, {"id": None, "title": "b"}]
        shaped = store.shaped("issues", rows)
        assert rows == [{}, {"id": None, "title": "b"}]
        store.write("issues", shaped)
        store.commit({})
    assert query(path, "SELECT id, title FROM issues") == [(1, "a")]
    ((kept,),) = query(path, f"SELECT row FROM {layout.KEYLESS}")  # noqa: S608
    assert json.loads(kept) == {"id": None, "title": "b"}


def test_many_threads_ask_and_warn_once(path: Path) -> None:
    """DuckDB's connection is for one thread at a time, and people are told once."""
    warnings: list[str] = []
    with Store(path, TABLES, warn=warnings.append) as store, ThreadPoolExecutor(8) as others:

        def shaped(number: int) -> Fit:
            time = f"2024-01-31 12:00:{number % 60:02} UTC"
            return store.shaped("issues", [{"id": number, "created_at": time, "order": "x"}])

        for fit in others.map(shaped, range(200)):
            store.write("issues", fit)
        store.commit({})
    assert query(path, "SELECT count(*), count(created_at) FROM issues") == [(200, 200)]
    assert warnings == ["issues.order: a value is no BIGINT; kept in _extra"]


def test_a_page_that_comes_early_fits_the_table_that_replaces(path: Path) -> None:
    """A type has changed, and a page is shaped before the replacement begins."""
    old = stream_table("issues", {"id": "integer!", "title": "integer"}, ["id"])
    with Store(path, {"issues": old}, warn=fail) as store:
        store.write("issues", [{"id": 1, "title": 7}])
        store.commit({})
    with Store(path, {"issues": ISSUES}, warn=fail) as store:
        early = store.shaped("issues", [{"id": 1, "title": "seven"}], is_replaced=True)
        store.begin_replace("issues")
        store.write("issues", early)
        store.write("issues", store.shaped("issues", [{"id": 2, "title": "x"}], is_replaced=True))
        store.finish_replace("issues", None)
    assert query(path, "SELECT id, title, _extra FROM issues ORDER BY id") == [
        (1, "seven", None),
        (2, "x", None),
    ]


@given(ROWS, st.sets(st.integers(1, 3)))
def test_a_fitted_page_can_be_split(rows: list[Row], keys: set[int]) -> None:
    """Each line goes to one side, by its key; rows without a key stay with the others."""
    fitter = Fitter(ISSUES, lambda _texts, _type: set(), lambda _: None)
    fit = fitter.fit(rows)
    parts = fit.split(keys)
    for part, is_in in zip(parts, (True, False), strict=True):
        found = [orjson.loads(line)["id"] for line in part.body.splitlines()]
        assert found == part.keys
        assert all((key in keys) is is_in for key in found)
    together = [line for part in parts for line in part.body.splitlines()]
    assert sorted(together) == sorted(fit.body.splitlines())
    assert (parts[0].keyless, parts[1].keyless) == ([], fit.keyless)
    assert len(set(fit.keys)) == len(fit.keys)
