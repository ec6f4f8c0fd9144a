"""The tables of runs and of what they did not read: what goes in, and that they do not grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from integration_tests.support.duckdb_store import TABLES, path, query
from source_gitlab.config import parse
from source_gitlab.core.skip_log import Entry
from source_gitlab.engine.exit_codes import UsageError
from source_gitlab.interfaces.duckdb.file import connect
from source_gitlab.interfaces.duckdb.runs import Runs
from source_gitlab.interfaces.duckdb.store import Store, StoreError
from source_gitlab.interfaces.duckdb.transactions import Transactions
from source_gitlab.interfaces.sync_result import Outcome, Tally

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["path"]

CONFIG = parse({"auth_type": "none", "api_url": "https://gitlab.example.com", "groups": "acme"})
RUNS = "SELECT id, outcome, exit_code, problem, rows, requests FROM _source_gitlab.runs ORDER BY id"
COUNTS = "SELECT run_id, count(*) FROM _source_gitlab.skips GROUP BY 1 ORDER BY 1"


def outcome(skips: int) -> Outcome:
    """A sync that has read three rows of issues, and not those of so many projects."""
    found = Outcome({"issues": Tally(read=3)}, None, requests=7)
    found.skipped = [
        Entry("issues", f"project acme/{n}", "feature", "Is off.", "project", n, f"acme/{n}")
        for n in range(skips)
    ]
    return found


def run(store: Store, skips: int = 0) -> None:
    """One run that ends."""
    with store.runs.under_way(CONFIG, ["issues"]):
        store.runs.end(outcome(skips))


def test_a_run_and_what_it_did_not_read(path: Path) -> None:
    with Store(path, TABLES) as store:
        run(store, 12_001)
        run(store)
    assert query(path, RUNS) == [(1, "complete", 0, None, 3, 7), (2, "complete", 0, None, 3, 7)]
    assert query(path, COUNTS) == [(1, 12_001)]
    last = "SELECT * FROM _source_gitlab.skips WHERE id = 12000"
    place = ("project", 12_000, "acme/12000", "project acme/12000")
    assert query(path, last) == [(1, "issues", *place, "feature", "Is off.")]


def test_what_no_entry_tells_is_unfinished(path: Path) -> None:
    """A stream that did not end is there once: as what failed, or as unfinished."""
    found = outcome(0)
    found.tallies = {
        "branches": Tally(problem="It failed."),
        "tags": Tally(problem="The sync ended before this stream did."),
        "issues": Tally(problem="There is no group x.", misnamed=True),
    }
    found.failed = [Entry("branches", "the instance", "failed", "It failed.")]
    found.selection = [Entry("", "group x", "missing", "There is no group x.")]
    found.fatal, found.fatal_code = "The token was refused.", 2
    with Store(path, TABLES) as store, store.runs.under_way(CONFIG, list(found.tallies)):
        store.runs.end(found)
    assert query(path, RUNS) == [(1, "incomplete", 2, "The token was refused.", 0, 7)]
    assert query(path, "SELECT stream, place, reason FROM _source_gitlab.skips ORDER BY ALL") == [
        ("branches", "the instance", "failed"),
        ("tags", None, "unfinished"),
        (None, "group x", "missing"),
    ]


def test_a_run_that_cannot_begin_says_why_without_secrets(path: Path) -> None:
    message = "The token glpat-abcdefghijklmnopqrst was refused."
    with Store(path, TABLES) as store:
        store.write("issues", [{"id": 1}])
        with pytest.raises(UsageError), store.runs.under_way(CONFIG, ["issues"]):
            raise UsageError(message)
    assert query(path, RUNS) == [(1, "failed", 2, "The token [secret] was refused.", None, None)]
    assert query(path, "SELECT id FROM issues") == []


def test_a_run_without_an_end_has_none(path: Path) -> None:
    message = "the disk is full"
    with (
        pytest.raises(StoreError),
        Store(path, TABLES) as store,
        store.runs.under_way(CONFIG, ["issues"]),
    ):
        raise StoreError(message)
    assert query(path, RUNS) == [(1, None, None, None, None, None)]
    with Store(path, TABLES) as store:
        run(store)
    ended = "SELECT id, ended_at >= started_at FROM _source_gitlab.runs ORDER BY id"
    assert query(path, ended) == [(1, None), (2, True)]


def test_old_runs_and_skips_go(path: Path) -> None:
    """Runs by their age; skips by theirs too, and by their number, a run at a time."""
    with Store(path, TABLES) as store:
        for skips in (5, 5, 5):
            run(store, skips)
    with duckdb.connect(str(path)) as connection:
        for number, age in ((1, 400), (2, 40)):
            connection.execute(
                "UPDATE _source_gitlab.runs SET started_at = now()::TIMESTAMP - to_days(?) "
                "WHERE id = ?",
                [age, number],
            )
    with Store(path, TABLES) as store:
        run(store, 5)
    assert [row[0] for row in query(path, RUNS)] == [2, 3, 4]
    assert query(path, COUNTS) == [(3, 5), (4, 5)]


def test_the_last_run_keeps_its_skips_however_many(path: Path) -> None:
    connection = connect(path)
    runs = Runs(connection, Transactions(connection, path), most_skips=10)
    connection.execute("CREATE SCHEMA _source_gitlab")
    runs.prepare()
    for skips, left in ((4, [4]), (4, [4, 4]), (4, [4, 4, 4]), (4, [4, 4, 4]), (50, [4, 4, 50])):
        with runs.under_way(CONFIG, ["issues"]):
            runs.end(outcome(skips))
        assert [count for _, count in connection.execute(COUNTS).fetchall()] == left
    connection.close()


def test_every_column_says_what_it_is(path: Path) -> None:
    Store(path, TABLES).close()
    comments = query(
        path,
        "SELECT table_name, column_name, comment FROM duckdb_columns() "
        "WHERE table_name IN ('runs', 'skips')",
    )
    assert len(comments) == 19
    assert all(comment for *_, comment in comments)


def test_a_file_of_before_gets_the_tables(path: Path) -> None:
    with Store(path, TABLES) as store:
        store.write("issues", [{"id": 1}])
        store.commit({"issues": {"read": 1}})
    with duckdb.connect(str(path)) as connection:
        connection.execute("DROP TABLE _source_gitlab.runs")
        connection.execute("DROP TABLE _source_gitlab.skips")
    with Store(path, TABLES) as store:
        assert store.state("issues") == {"read": 1}
        run(store, 1)
    assert query(path, COUNTS) == [(1, 1)]
