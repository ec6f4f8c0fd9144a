"""Search in the file of `sync`: Airbyte's grammar, held against the rows that GitLab lists."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.agents import called, connector, executed
from source_gitlab.agent import (
    CallError,
    CallTimeoutError,
    FileUnreadableError,
    GitlabAgentError,
    GitlabConnector,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

Row = dict[str, Any]
SEARCH, SQL = "context_store_search", "context_store_sql_query"


@pytest.fixture(scope="module")
def issues(gitlab: Emulator) -> list[Row]:
    """Every issue, as GitLab shows it."""
    return [entry["row"] for entry in gitlab.world(streams="issues")["issues"]]


@pytest.fixture
def offline(synced: Path) -> GitlabConnector:
    """A connector that has the file, and no token."""
    return GitlabConnector(file=synced)


CONDITIONS: dict[str, tuple[Row, Callable[[Row], bool]]] = {
    "eq": ({"eq": {"state": "opened"}}, lambda row: row["state"] == "opened"),
    "eq-two": (
        {"eq": {"state": "opened", "project_id": 101}},
        lambda row: (row["state"], row["project_id"]) == ("opened", 101),
    ),
    "eq-null": ({"eq": {"due_date": None}}, lambda row: row["due_date"] is None),
    "eq-bool": ({"eq": {"confidential": True}}, lambda row: row["confidential"] is True),
    "eq-path": (
        {"eq": {"author.username": "ada"}},
        lambda row: row["author"]["username"] == "ada",
    ),
    "eq-number-as-text": ({"eq": {"iid": "3"}}, lambda row: row["iid"] == 3),
    "eq-no-time": ({"eq": {"created_at": "never"}}, lambda _: False),
    "neq": ({"neq": {"state": "opened"}}, lambda row: row["state"] != "opened"),
    "neq-null": ({"neq": {"milestone": None}}, lambda row: row["milestone"] is not None),
    "gt": ({"gt": {"iid": 10}}, lambda row: row["iid"] > 10),
    "gte-lt": (
        {"and": [{"gte": {"iid": 3}}, {"lt": {"iid": 7}}]},
        lambda row: 3 <= row["iid"] < 7,
    ),
    "lte-time": (
        {"lte": {"created_at": "2024-01-05T00:00:00Z"}},
        lambda row: row["created_at"] <= "2024-01-05T00:00:00Z",
    ),
    "gt-path": ({"gt": {"author.id": 1}}, lambda row: row["author"]["id"] > 1),
    "in": ({"in": {"iid": [1, 5, 9]}}, lambda row: row["iid"] in {1, 5, 9}),
    "in-nothing": ({"in": {"iid": []}}, lambda _: False),
    "like": ({"like": {"title": "%'APOSTROPHES'%"}}, lambda row: "'apostrophes'" in row["title"]),
    "like-wildcards-are-text": ({"like": {"title": "Issue_1%"}}, lambda _: False),
    "startswith": (
        {"startswith": {"title": "issue 1"}},
        lambda row: row["title"].lower().startswith("issue 1"),
    ),
    "endswith": ({"endswith": {"title": "ÜNÏCODE"}}, lambda row: row["title"].endswith("ünïcode")),
    "fuzzy": (
        {"fuzzy": {"title": "issue quotes"}},
        lambda row: "quotes" in row["title"].lower().partition("issue")[2],
    ),
    "fuzzy-in-order": ({"fuzzy": {"title": "quotes issue"}}, lambda _: False),
    "keyword": (
        {"keyword": {"title": "nowhere QUOTES"}},
        lambda row: "quotes" in row["title"].lower(),
    ),
    "keyword-whole-words": ({"keyword": {"title": "quote"}}, lambda _: False),
    "contains-array": ({"contains": {"labels": "bug"}}, lambda row: "bug" in row["labels"]),
    "contains-text": ({"contains": {"title": "QUOTES"}}, lambda row: "quotes" in row["title"]),
    "array_contains": ({"array_contains": {"labels": "bug"}}, lambda row: "bug" in row["labels"]),
    "array_contains-part": ({"array_contains": {"labels": "bu"}}, lambda _: False),
    "any": (
        {"any": {"assignees": {"eq": {"username": "grace"}}}},
        lambda row: any(one["username"] == "grace" for one in row["assignees"]),
    ),
    "any-scalar": (
        {"any": {"labels": {"startswith": {"value": "b"}}}},
        lambda row: any(one.startswith("b") for one in row["labels"]),
    ),
    "any-of-no-array": ({"any": {"author": {"eq": {"username": "ada"}}}}, lambda _: False),
    "not": ({"not": {"eq": {"state": "opened"}}}, lambda row: row["state"] != "opened"),
    "not-null": ({"not": {"gt": {"weight": 0}}}, lambda row: not (row.get("weight") or 0) > 0),
    "or": (
        {"or": [{"eq": {"iid": 1}}, {"not": {"eq": {"project_id": 101}}}]},
        lambda row: row["iid"] == 1 or row["project_id"] != 101,
    ),
    "injection": ({"eq": {"title": "' OR 1=1 --"}}, lambda _: False),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_finds_what_it_says(
    offline: GitlabConnector, issues: list[Row], name: str
) -> None:
    condition, fits = CONDITIONS[name]
    query = {"filter": condition, "sort": [{"id": "asc"}]}
    found = executed(offline, "issues", SEARCH, query=query, fields=["id"], limit=10_000)
    assert [row["id"] for row in found["data"]] == sorted(row["id"] for row in issues if fits(row))
    assert found["meta"]["has_more"] is False


def test_rows_come_whole_as_gitlab_has_them(offline: GitlabConnector, issues: list[Row]) -> None:
    found = executed(offline, "issues", SEARCH, query={}, limit=10_000)["data"]
    expected = {row["id"]: row for row in issues}
    assert {row["id"] for row in found} == expected.keys()
    for row in found:
        own = expected[row["id"]]
        for column in ("iid", "title", "labels", "author", "assignees", "references", "weight"):
            assert row[column] == own.get(column), column


def test_a_search_goes_on_where_it_ended(offline: GitlabConnector, issues: list[Row]) -> None:
    async def work(made: GitlabConnector) -> list[Any]:
        rows: list[Any] = []
        cursor = None
        for _ in range(100):
            query = {"sort": [{"author.username": "desc"}, {"created_at": "asc"}]}
            found = await made.issues.context_store_search(
                query, limit=7, cursor=cursor, fields=[["id"], ["author", "username"]]
            )
            rows += found.data
            cursor = found.meta.cursor
            assert found.meta.has_more == (cursor is not None)
            if cursor is None:
                break
        return rows

    rows = called(offline, work)
    assert sorted(row["id"] for row in rows) == sorted(row["id"] for row in issues)
    names = [row["author"]["username"] for row in rows]
    assert names == sorted(names, reverse=True)
    assert all(row.keys() == {"id", "author"} for row in rows)


WRONG = [
    ({"filter": {"eqq": {"id": 1}}}, "there is no operator eqq; did you mean eq?"),
    ({"filter": {"eq": {"titel": 1}}}, "issues has no field titel; did you mean title?"),
    ({"filter": {"eq": {"title.x": 1}}}, "title of issues has nothing inside"),
    ({"filter": {"eq": 1}}, "eq takes an object"),
    ({"filter": {"eq": {"a": 1}, "gt": {"b": 1}}}, "a condition is an object with one of"),
    ({"filter": [1]}, "a condition is an object with one of"),
    ({"filter": {"and": []}}, "and takes a list of conditions"),
    ({"filter": {"in": {"id": 5}}}, "in takes a list"),
    ({"filter": {"like": {"title": 5}}}, "like takes a text"),
    ({"sort": [{"titel": "asc"}]}, "did you mean title?"),
    ({"sort": [{"title": "up"}]}, "sort goes asc or desc"),
    ({"sort": ["title"]}, "sort is a list"),
    ({"where": {}}, 'query is an object with "filter" and "sort"'),
    ("x", 'query is an object with "filter" and "sort"'),
]


@pytest.mark.parametrize(("query", "told"), WRONG)
def test_a_wrong_search_says_what_is_wrong(offline: GitlabConnector, query: Any, told: str) -> None:
    with pytest.raises(CallError) as raised:
        executed(offline, "issues", SEARCH, query=query)
    assert told in str(raised.value)


def test_a_filter_that_is_nested_without_end_is_refused(offline: GitlabConnector) -> None:
    condition: Row = {"eq": {"id": 1}}
    for _ in range(500):
        condition = {"not": condition}
    with pytest.raises(CallError, match="nested too deeply"):
        executed(offline, "issues", SEARCH, query={"filter": condition})


def test_sql_counts_what_is_there(offline: GitlabConnector, issues: list[Row]) -> None:
    sql = "SELECT count(*) AS n, max(created_at) AS last, any_value(labels) AS one FROM issues"
    (row,) = executed(offline, "issues", SQL, sql=sql)["data"]
    assert row["n"] == len(issues)
    assert row["last"].endswith("Z")
    assert isinstance(row["one"], list)


def test_streams_are_listed_from_the_file(offline: GitlabConnector, gitlab: Emulator) -> None:
    by_path = executed(offline, "project_labels", "list", project_id="acme/web")
    by_number = executed(offline, "project_labels", "list", project_id=101)
    own = {row["id"] for row in gitlab.get("projects/101/labels", per_page=100).json()}
    assert {row["id"] for row in by_path.data} == own
    assert by_path.data == by_number.data
    with pytest.raises(FileUnreadableError, match="knows no project acme/nowhere"):
        executed(offline, "project_labels", "list", project_id="acme/nowhere")


def test_without_a_token_gitlab_is_not_asked(offline: GitlabConnector) -> None:
    with pytest.raises(CallError, match="has no token"):
        executed(offline, "issues", "get", project_id=101, issue_iid=1)


def test_a_stream_that_was_not_synced_is_named(offline: GitlabConnector) -> None:
    with pytest.raises(FileUnreadableError, match="--select merge_request_notes"):
        executed(offline, "merge_request_notes", SEARCH, query={})


def test_a_file_that_is_being_written_says_so(
    synced: Path, tmp_path: Path, gitlab: Emulator
) -> None:
    """DuckDB lets nobody read meanwhile; afterwards the same connector reads it."""
    path = tmp_path / "busy.duckdb"
    shutil.copy(synced, path)

    async def work(made: GitlabConnector) -> Any:
        program = f"import duckdb; c = duckdb.connect({str(path)!r}); print('open'); input()"
        writer = await asyncio.create_subprocess_exec(
            *(sys.executable, "-u", "-c", program),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert writer.stdout is not None
        await writer.stdout.readline()
        with pytest.raises(FileUnreadableError, match="is being written, as by a sync"):
            await made.execute("issues", SEARCH, {"query": {}})
        await writer.communicate(b"\n")
        return await made.execute("issues", SEARCH, {"query": {}})

    assert called(connector(gitlab, file=path), work)["data"]


def test_a_file_that_this_program_has_open_says_so(synced: Path, tmp_path: Path) -> None:
    path = tmp_path / "open.duckdb"
    shutil.copy(synced, path)
    with (
        duckdb.connect(str(path)),
        pytest.raises(FileUnreadableError, match="is open in this program"),
    ):
        executed(GitlabConnector(file=path), "issues", SEARCH, query={})


def test_what_is_no_file_of_sync_is_named(tmp_path: Path) -> None:
    missing, foreign, text = (
        tmp_path / f"{name}.duckdb" for name in ("missing", "foreign", "text")
    )
    duckdb.connect(str(foreign)).close()
    text.write_text("no database\n" * 1000)
    for path, told in (
        (missing, "There is no file"),
        (foreign, "is no file that source-gitlab sync has written"),
        (text, "is not a DuckDB database"),
        (tmp_path, "There is no file"),
    ):
        with pytest.raises(FileUnreadableError, match=told):
            executed(GitlabConnector(file=path), "issues", SEARCH, query={})


@pytest.mark.parametrize("stem", ["main", "temp", "system", "memory", "_source_gitlab", "a b'\""])
def test_a_file_may_have_any_name(
    synced: Path, tmp_path: Path, stem: str, issues: list[Row]
) -> None:
    path = tmp_path / f"{stem}.duckdb"
    shutil.copy(synced, path)

    async def work(made: GitlabConnector) -> Any:
        found = await made.execute("issues", SEARCH, {"query": {}, "fields": ["id"]})
        count = await made.execute("issues", SQL, {"sql": "SELECT count(*) AS n FROM issues"})
        return len(found["data"]), count["data"][0]["n"]

    assert called(GitlabConnector(file=path), work) == (len(issues), len(issues))


def test_reading_changes_nothing(synced: Path, tmp_path: Path) -> None:
    """Not the file, and nothing beside it."""
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "gitlab.duckdb"
    shutil.copy(synced, path)
    before = path.read_bytes()
    executed(GitlabConnector(file=path), "issues", SEARCH, query={"sort": [{"title": "asc"}]})
    assert path.read_bytes() == before
    assert list(folder.iterdir()) == [path]


def test_a_file_whose_sync_was_killed_can_be_read(synced: Path, tmp_path: Path) -> None:
    """What was committed is in a .wal beside it, which only a writer may take in."""
    path = tmp_path / "killed.duckdb"
    shutil.copy(synced, path)
    program = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]);"
        "c.execute('SET checkpoint_threshold = \\'1GB\\'');"
        "c.execute('UPDATE issues SET title = \\'from the log\\' WHERE iid = 1'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert path.with_name(f"{path.name}.wal").exists()
    query = {"filter": {"eq": {"title": "from the log"}}}
    found = executed(GitlabConnector(file=path), "issues", SEARCH, query=query)
    assert {row["iid"] for row in found["data"]} == {1}


def test_many_searches_at_once_are_answered(synced: Path) -> None:
    async def work(made: GitlabConnector) -> list[Any]:
        calls = (
            made.execute("issues", SEARCH, {"query": {"filter": {"eq": {"iid": n}}}})
            for n in range(1, 11)
        )
        return list(await asyncio.gather(*calls))

    for number, found in enumerate(called(GitlabConnector(file=synced), work), 1):
        assert {row["iid"] for row in found["data"]} == {number}


def test_a_query_ends_with_its_time(synced: Path) -> None:
    """And the next one is answered."""
    endless = "SELECT count(*) FROM range(100000000) a, range(100000000) b, range(1000) c"

    async def work(made: GitlabConnector) -> Any:
        with pytest.raises(CallTimeoutError, match="The query of the file took longer"):
            await made.execute("issues", SQL, {"sql": endless}, timeout=1.0)
        return await made.execute("issues", SQL, {"sql": "SELECT 1 AS one"})

    assert called(GitlabConnector(file=synced), work)["data"] == [{"one": 1}]


def test_a_query_takes_no_more_memory_than_it_may(synced: Path) -> None:
    sql = "SELECT list(range) FROM range(3000000000)"
    with pytest.raises(GitlabAgentError):
        called(
            GitlabConnector(file=synced),
            lambda one: one.execute("issues", SQL, {"sql": sql}, timeout=PATIENCE),
        )
