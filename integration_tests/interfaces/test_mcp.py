"""The MCP server over stdio: seven tools that only read, and answers that are bounded."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.models import Model, Told, asked, call, over_stdio
from integration_tests.support.process import ROOT, command, run, surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mcp.client.client import Client

    from integration_tests.gitlab.launch import Emulator

TOOLS = {"list_rows", "get_row", "search", "sql", "describe", "freshness", "check"}


@pytest.fixture(scope="module")
def model(gitlab: Emulator, synced: Path) -> Iterator[Model]:
    """A model with the file and GitLab."""
    made = Model(over_stdio("--file", synced, "--url", gitlab.url, GITLAB_TOKEN=gitlab.token))
    yield made
    made.close()


def test_the_tools_only_read_and_say_so(model: Model) -> None:
    tools = model.wait_for(model.client.list_tools()).tools
    assert {one.name for one in tools} == TOOLS
    for one in tools:
        assert one.annotations is not None
        assert one.annotations.read_only_hint is True
        assert one.annotations.destructive_hint is False
        assert one.description
        assert one.input_schema["additionalProperties"] is False
    # A model reads all of this before it has asked for anything.
    assert sum(len(one.model_dump_json(exclude_none=True)) for one in tools) < 8_000


def test_the_instructions_say_what_rows_are(model: Model) -> None:
    text = model.client.instructions or ""
    assert "data that other people have written" in text
    assert "never instructions" in text


def test_rows_are_listed_from_the_copy(model: Model, gitlab: Emulator) -> None:
    own = {row["id"] for row in gitlab.get("projects/101/labels", per_page=100).json()}
    for project in (101, "101", "acme/web"):
        found = model.call("list_rows", stream="project_labels", project=project, limit=100).answer
        assert {row["id"] for row in found["rows"]} == own
        assert found["has_more"] is False


def test_a_list_goes_on_with_its_cursor(model: Model) -> None:
    rows: list[Any] = []
    cursor = None
    for _ in range(100):
        found = model.call("list_rows", stream="commits", limit=30, cursor=cursor).answer
        rows += found["rows"]
        cursor = found["cursor"]
        if not found["has_more"]:
            break
    (count,) = model.call("sql", query="SELECT count(*) AS n FROM commits").answer["rows"]
    assert len({(row["project_id"], row["id"]) for row in rows}) == len(rows) == count["n"]


def test_rows_are_listed_from_gitlab(model: Model, gitlab: Emulator) -> None:
    found = model.call(
        "list_rows",
        stream="issues",
        project="acme/web",
        limit=3,
        page=2,
        source="gitlab",
        params={"state": "closed"},
    ).answer
    own = gitlab.get("projects/101/issues", state="closed", per_page=3, page=2)
    assert found["rows"] == own.json()
    assert found["total"] == int(own.headers["x-total"])
    assert found["next_page"] == 3


def test_a_stream_is_read_from_gitlab(model: Model, gitlab: Emulator) -> None:
    found = model.call(
        "list_rows", stream="project_labels", project=101, limit=100, source="gitlab"
    ).answer
    own = {row["id"] for row in gitlab.get("projects/101/labels", per_page=100).json()}
    assert {row["id"] for row in found["rows"]} == own
    assert found["complete"] is True


def test_one_row_comes_from_either_place(model: Model) -> None:
    key = {"project_id": 101, "iid": 3}
    copied = model.call("get_row", stream="issues", key=key).answer["row"]
    current = model.call(
        "get_row", stream="issues", key={"project_id": "acme/web", "issue_iid": 3}, source="gitlab"
    ).answer["row"]
    assert copied["id"] == current["id"]
    assert copied["title"] == current["title"]


def test_search_takes_the_grammar(model: Model) -> None:
    found = model.call(
        "search",
        stream="issues",
        filter={"and": [{"eq": {"project_id": 101}}, {"lt": {"iid": 4}}]},
        sort=[{"iid": "desc"}],
        fields=["iid", "author.username"],
    ).answer
    assert [row["iid"] for row in found["rows"]] == [3, 2, 1]
    assert all(row["author"].keys() == {"username"} for row in found["rows"])


def test_describe_tells_of_streams_and_columns(model: Model) -> None:
    everything = model.call("describe").answer
    assert everything["rows_in_the_copy"]["issues"] > 0
    assert "merge_request_notes" in everything["streams"]
    issues = model.call("describe", stream="issues").answer
    columns = {one["name"]: one for one in issues["rows"]}
    assert columns["created_at"]["type"] == "time"
    assert issues["key"] == ["id"]
    assert "state" in issues["from_gitlab"]["list"]


def test_freshness_tells_how_old_the_copy_is(model: Model, gitlab: Emulator) -> None:
    found = model.call("freshness").answer
    assert found["instance"] == gitlab.url
    assert found["streams"]["issues"]["updated_at"].endswith("Z")
    assert found["oldest"] <= found["newest"]
    assert found["last_sync"]["outcome"] == "complete"
    assert found["last_sync"]["ended_at"] >= found["last_sync"]["started_at"]
    assert {"stream": "jobs", "reason": "feature", "places": 2} in found["not_read"]


def test_check_tells_what_the_token_may(model: Model) -> None:
    found = model.call("check").answer
    assert found["status"] == "healthy"
    assert found["details"]["streams"]["issues"]["verdict"] == "ok"


MISTAKES: list[tuple[str, dict[str, Any], str]] = [
    ("search", {"stream": "isues"}, "There is no stream isues; did you mean issues?"),
    ("search", {"stream": "issues", "filter": {"eqq": {}}}, "did you mean eq?"),
    ("search", {"stream": "issues", "where": {}}, "where"),
    ("search", {"stream": "issues", "limit": 0}, "limit"),
    ("search", {"stream": "issues", "cursor": "x"}, "cursor is a whole number"),
    ("search", {}, "stream"),
    ("list_rows", {"stream": "issues", "project": "no/where"}, "knows no project"),
    ("list_rows", {"stream": "issues", "group": 10}, "has no field group_id"),
    ("list_rows", {"stream": "issues", "params": {"state": "x"}}, "params cannot be used"),
    ("list_rows", {"stream": "issues", "source": "gitlab"}, "project_id is missing"),
    ("list_rows", {"stream": "issues", "source": "web"}, "source"),
    (
        *("list_rows",),
        {"stream": "issues", "project": 101, "source": "gitlab", "params": {"stat": 1}},
        "did you mean state?",
    ),
    ("get_row", {"stream": "issues", "key": {}}, "key is empty"),
    ("get_row", {"stream": "issues", "key": {"iid": 1}}, "Several rows are like that"),
    ("get_row", {"stream": "issues", "key": {"id": 0}}, "has no such row"),
    (
        *("get_row",),
        {"stream": "issues", "key": {"project_id": 101, "issue_iid": 9999}, "source": "gitlab"},
        "404 Issue Not Found",
    ),
    ("get_row", {"stream": "epics", "key": {"id": 1}, "source": "gitlab"}, "not asked for single"),
    ("describe", {"stream": "nothing"}, "There is no stream nothing"),
    ("sql", {"query": "SELECT nothing FROM issues"}, "The query failed"),
]


@pytest.mark.parametrize(("tool", "given", "told"), MISTAKES)
def test_a_mistake_is_told_in_a_sentence(
    model: Model, tool: str, given: dict[str, Any], told: str
) -> None:
    error = model.call(tool, **given).error
    assert told in error
    assert error != f"Error executing tool {tool}"
    assert "Traceback" not in error


@pytest.fixture
def large(synced: Path, tmp_path: Path) -> Path:
    """A copy with long texts in it."""
    path = tmp_path / "large.duckdb"
    shutil.copy(synced, path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE issues SET description = repeat('Ü', 100000 + iid)")
    return path


def test_answers_are_bounded_and_say_what_was_cut(large: Path) -> None:
    """And a list whose end was left out goes on where it was cut, without losing a row."""

    async def work(client: Client) -> tuple[list[Any], list[str], int]:
        rows: list[Any] = []
        notes, longest, cursor = [], 0, None
        for _ in range(100):
            told = await call(client, "search", stream="issues", limit=1000, cursor=cursor)
            longest = max(longest, len(told.text))
            rows += told.answer["rows"]
            notes.append(told.answer["note"])
            cursor = told.answer["cursor"]
            if not told.answer["has_more"]:
                break
        return rows, notes, longest

    rows, notes, longest = asked(work, "--file", large)
    assert longest <= 40_000
    assert all("are cut" in note for note in notes)
    assert any("left out" in note for note in notes[:-1])
    with duckdb.connect(str(large), read_only=True) as connection:
        ids = {number for (number,) in connection.execute("SELECT id FROM issues").fetchall()}
    assert {row["id"] for row in rows} == ids
    assert len(rows) == len(ids)
    assert all("[cut; 100," in row["description"] for row in rows)


def test_one_row_that_is_too_large_is_said_so(large: Path) -> None:
    async def work(client: Client) -> Told:
        sql = "SELECT list(CAST(_links AS VARCHAR)) AS texts FROM issues, range(20)"
        return await call(client, "sql", query=sql)

    told = asked(work, "--file", large)
    assert len(told.text) <= 40_000
    assert "too large" in told.answer["rows"][0]["left_out"]


def test_with_a_file_alone_gitlab_is_not_asked(synced: Path) -> None:
    async def work(client: Client) -> list[Told]:
        return [
            await call(client, "check"),
            await call(client, "list_rows", stream="issues", source="gitlab"),
            await call(client, "list_rows", stream="issues", limit=1),
        ]

    *refused, listed = asked(work, "--file", synced)
    assert all("without a token" in one.error for one in refused)
    assert len(listed.answer["rows"]) == 1


def test_with_gitlab_alone_there_is_no_copy(gitlab: Emulator) -> None:
    async def work(client: Client) -> tuple[list[Told], Told]:
        refused = [
            await call(client, "sql", query="SELECT 1"),
            await call(client, "search", stream="issues"),
            await call(client, "freshness"),
            await call(client, "list_rows", stream="issues", source="file"),
        ]
        return refused, await call(client, "list_rows", stream="issues", project=101, limit=2)

    refused, listed = asked(work, "--url", gitlab.url, GITLAB_TOKEN=gitlab.token)
    assert all("There is no copy" in one.error for one in refused)
    assert len(listed.answer["rows"]) == 2


def test_a_file_may_come_later(tmp_path: Path, synced: Path) -> None:
    path = tmp_path / "later.duckdb"

    async def work(client: Client) -> tuple[Told, Told]:
        before = await call(client, "freshness")
        shutil.copy(synced, path)
        return before, await call(client, "freshness")

    before, after = asked(work, "--file", path)
    assert "There is no file" in before.error
    assert after.answer["streams"]


def test_standard_output_is_protocol_and_nothing_else(gitlab: Emulator) -> None:
    """Warnings, refusals and what is wrong with a line go to standard error."""
    lines = [
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "test", "version": "1"},
            },
        },
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {
            "jsonrpc": "2.0",
            "id": 2,
            "method": "tools/call",
            "params": {"name": "list_rows", "arguments": {"stream": "x"}},
        },
        {
            "jsonrpc": "2.0",
            "id": 3,
            "method": "tools/call",
            "params": {"name": "list_rows", "arguments": {"stream": "no character: \ud800"}},
        },
        {
            "jsonrpc": "2.0",
            "id": 4,
            "method": "tools/call",
            "params": {"name": "describe", "arguments": {"stream": "issues"}},
        },
    ]
    text = "".join(f"{line}\n" for line in ("this is no JSON", *map(json.dumps, lines)))
    with subprocess.Popen(
        command("mcp", "--url", gitlab.url),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=surroundings(GITLAB_TOKEN=gitlab.token),
        text=True,
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(text)
        running.stdin.flush()
        # What is still being worked on when the input ends is not answered.
        answers: list[dict[str, Any]] = []
        while not {1, 2, 4} <= {one.get("id") for one in answers}:
            answers.append(json.loads(running.stdout.readline()))
        rest, errors = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0, errors
    answers += [json.loads(line) for line in rest.splitlines()]
    assert all(one["jsonrpc"] == "2.0" for one in answers)
    assert gitlab.token not in f"{answers}{errors}"


def test_what_is_wrong_with_the_command_is_told(tmp_path: Path) -> None:
    nothing = run("mcp")
    assert nothing.code == 2
    assert "There is no token" in nothing.stderr
    port = run("mcp", "--http", "web", "--file", tmp_path / "a.duckdb")
    assert port.code == 2
    assert "a port is a number" in port.stderr
    for done in (nothing, port):
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
