"""A row that takes several requests: it comes of all of them, or not at all."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson
import pytest

from integration_tests.support.history_world import SUB
from integration_tests.support.inprocess import session
from integration_tests.support.reading import config_for
from integration_tests.support.setup_checking import report_of, verdicts
from integration_tests.support.small_copies import copy
from source_gitlab.core.cost import Costs
from source_gitlab.core.state import StreamState
from source_gitlab.core.walks.objects import asked
from source_gitlab.gitlab.errors import Malformed, ReadError, Skipped
from source_gitlab.gitlab.lists import Lists
from source_gitlab.streams import streams
from source_gitlab.streams.declarations import build, declared

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration_tests.gitlab.launch import Emulator
    from integration_tests.support.copying import Copy
    from integration_tests.support.inprocess import HttpAnswer
    from source_gitlab.core.session import Session
    from source_gitlab.core.slices import Slice
    from source_gitlab.streams import Stream

COUNTS = "group_activity_counts"
COLUMNS = [*streams()[COUNTS].requests]
ROOT = "analytics/group_activity"
GROUP, PATH = SUB, "top/sub"
A_DAY = 86_400
FORBIDDEN = (403, {"message": "403 Forbidden"})
GONE = (404, {"message": "404 Group Not Found"})
BROKEN = (500, {"message": "500 Internal Server Error"})


def requests_of(it: Copy) -> Counter[tuple[str, str]]:
    """How often the last read asked for each number of each group."""
    parts = [one.partition("?") for one in it.asked if one.startswith(f"{ROOT}/")]
    return Counter(
        (dict(parse_qsl(query))["group_path"], path.removeprefix(f"{ROOT}/"))
        for path, _, query in parts
    )


@contextmanager
def answering(it: Copy, column: str, status: int, body: Any) -> Iterator[None]:
    """Another answer for one number of one group."""

    def tamper(path: str, query: str, answer: HttpAnswer) -> HttpAnswer:
        is_it = path.endswith(f"/{ROOT}/{column}") and ("group_path", PATH) in parse_qsl(query)
        headers = {"content-type": "application/json", "x-gitlab-meta": "{}"}
        return (status, headers, orjson.dumps(body)) if is_it else answer

    before = it.wire.tamper
    it.wire.tamper = tamper
    yield
    it.wire.tamper = before


def whole(it: Copy) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The rows that the copy holds, none of which lacks a number."""
    rows = it.tables[COUNTS]
    assert all(type(row[column]) is int for row in rows.values() for column in COLUMNS)
    return dict(rows)


def test_each_column_takes_a_request() -> None:
    """Of each group, which is named by its path; and once a day."""
    it = copy()
    it.sync(COUNTS)
    rows = whole(it)
    assert not it.lacks(COUNTS)
    assert {key[0] for key in rows} > {GROUP}
    found = requests_of(it)
    assert len(found) == len(rows) * len(COLUMNS)
    assert {*found.values()} == {1}
    assert (PATH, COLUMNS[0]) in found
    it.sync(COUNTS)
    assert not requests_of(it)
    it.later(A_DAY)
    it.sync(COUNTS)
    assert requests_of(it) == found
    assert len(whole(it)) == 2 * len(rows)


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("refusal", [FORBIDDEN, GONE], ids=["403", "404"])
def test_one_refusal_refuses_the_row(column: str, refusal: tuple[int, Any]) -> None:
    """It is told once, no other request is made for it, and its state does not move."""
    it = copy()
    with answering(it, column, *refusal):
        report = it.tried(COUNTS)
    told = report.to_json()
    assert [one["id"] for one in told["skipped"]] == [GROUP]
    assert not told["failed"]
    assert GROUP not in {key[0] for key in whole(it)}
    before = COLUMNS[: COLUMNS.index(column) + 1]
    assert [one for path, one in requests_of(it) if path == PATH] == before
    it.sync(COUNTS)
    assert {path for path, _ in requests_of(it)} == {PATH}
    assert not it.lacks(COUNTS)
    whole(it)


@pytest.mark.parametrize("column", COLUMNS)
def test_one_failure_fails_the_row(column: str) -> None:
    """The row of the day before stays as it is, and the next read brings that of the day."""
    it = copy()
    it.sync(COUNTS)
    before = whole(it)
    it.later(A_DAY)
    with answering(it, column, *BROKEN):
        report = it.tried(COUNTS)
    (failure,) = report.failed
    assert failure.id == GROUP
    assert f"/{ROOT}/{column}" in failure.message
    rows = whole(it)
    assert before.items() <= rows.items()
    assert [key for key in rows if key[0] == GROUP] == [key for key in before if key[0] == GROUP]
    it.sync(COUNTS)
    assert {path for path, _ in requests_of(it)} == {PATH}
    assert len(whole(it)) == 2 * len(before)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "with an object without issues_count"),
        ({"message": "This is fine."}, "with an object without issues_count"),
        ({"issues_count": None}, "with null in issues_count instead of a number"),
        ({"issues_count": "3"}, "with a text in issues_count instead of a number"),
        ({"issues_count": True}, "with true or false in issues_count instead of a number"),
        ([], "with a list instead of an object"),
        (None, "with null instead of an object"),
    ],
    ids=str,
)
def test_a_response_without_its_number_is_a_failure(body: Any, problem: str) -> None:
    """GitLab always counts (ee/lib/analytics/group_activity_calculator.rb)."""
    it = copy()
    with answering(it, "issues_count", 200, body):
        report = it.tried(COUNTS)
    (failure,) = report.failed
    assert f"/{ROOT}/issues_count answered {problem}" in failure.message
    assert GROUP not in {key[0] for key in whole(it)}
    it.sync(COUNTS)
    assert not it.lacks(COUNTS)


def read_by(opened: Session, slices: list[Slice]) -> list[dict[str, Any]]:
    """The rows of slices that were planned elsewhere."""
    state, stream = StreamState(), streams()[COUNTS]
    return [row for one in slices for page in opened.read(stream, one, state) for row in page.rows]


def test_a_slice_tells_another_process_the_path() -> None:
    """Nothing is listed there to find it out."""
    wire = copy().wire
    with session(wire, groups_list=["top"]) as opened:
        slices = json.loads(json.dumps(list(opened.plan(streams()[COUNTS], StreamState()))))
    paths: list[str] = []
    wire.before = lambda path, _query: paths.append(path.removeprefix("/api/v4/"))
    with session(wire, groups_list=["top"]) as opened:
        rows = read_by(opened, slices)
    assert len(rows) == len(slices)
    assert Counter(one for one in paths if one.startswith(ROOT)) == dict.fromkeys(
        (f"{ROOT}/{column}" for column in COLUMNS), len(slices)
    )
    assert not [one for one in paths if one.startswith("groups/")]


def test_a_slice_without_its_path_asks_for_it() -> None:
    """A plan may come from a version that did not write it."""
    wire = copy().wire
    with session(wire, groups_list=["top"]) as opened:
        plan = opened.plan(streams()[COUNTS], StreamState())
        slices = [one for one in plan if one["id"] == GROUP]
    del slices[0]["path"]
    with session(wire, groups_list=["top"]) as opened:
        rows = read_by(opened, slices)
    assert [row["group_id"] for row in rows] == [GROUP]


def test_the_cost_counts_each_request() -> None:
    """As many as are made."""
    it = copy()
    with session(it.wire, groups_list=["top"]) as opened:
        opened.begin()
        cost = Costs(opened).of([streams()[COUNTS]])[COUNTS]
    it.sync(COUNTS)
    assert cost.first == cost.daily == requests_of(it).total()


@pytest.mark.parametrize("column", COLUMNS)
def test_a_check_tries_each_request(changing_gitlab: Emulator, column: str) -> None:
    """A stream of which one number is refused cannot be read."""
    config, tried = config_for(changing_gitlab, groups_list=["acme"]), {COUNTS: streams()[COUNTS]}
    assert not verdicts(report_of(config, declared=tried))
    fault = {"kind": "status", "status": 403, "path": f"/{ROOT}/{column}$", "body": FORBIDDEN[1]}
    changing_gitlab.faults([fault])
    assert verdicts(report_of(config, declared=tried)) == {COUNTS: "needs Premium"}


# Objects of each kind as if GitLab answered each of their columns alone, and the parent of one.
KINDS: dict[str, tuple[str, int, dict[str, Any], dict[str, Any]]] = {
    "instance": ("instance_metadata", 0, {}, {}),
    "group": (COUNTS, GROUP, {}, {}),
    "project": ("project_approval_settings", 101, {}, {}),
    "child": (
        "pipelines_extended", 0, {"add": {"id": "parent.id"}}, {"project_id": 101, "id": 9001},
    ),
}  # fmt: skip
VALUES: dict[str, Any] = {
    "text": "x", "integer": 3, "number": 0.5, "boolean": True, "json": {}, "date": "2026-01-02",
    "time": "2026-01-02T03:04:05Z",
}  # fmt: skip


def in_parts(name: str, more: dict[str, Any]) -> Stream:
    """A stream of whose row each column that is not added takes a request."""
    written = {**declared()[name], **more}
    added = build({**declared(), name: written})[name].add
    columns = [one for one in streams()[name].columns if one not in added]
    written["requests"] = {column: f"parts/{column}" for column in columns}
    return build({**declared(), name: written})[name]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_every_kind_may_take_several_requests(kind: str) -> None:
    """All of which are needed."""
    name, number, more, parent = KINDS[kind]
    stream = in_parts(name, more)
    address = stream.address(kind, number, parent)
    wanted = {column: VALUES[stream.columns[column].kind] for column in stream.requests}
    answers: dict[str, tuple[int, Any]] = {
        f"/api/v4/{address}/parts/{column}": (200, {column: value, "other": 1})
        for column, value in wanted.items()
    }
    wire, seen = copy().wire, list[str]()
    headers = {"content-type": "application/json", "x-gitlab-meta": "{}"}

    def tamper(path: str, _query: str, answer: HttpAnswer) -> HttpAnswer:
        seen.append(path)
        status, body = answers.get(path, (0, None))
        return (status, headers, orjson.dumps(body)) if status else answer

    wire.tamper = tamper
    query = stream.parameters(kind, number, PATH)
    last = [*answers][-1]
    with session(wire) as opened:
        lists = Lists(opened.client)
        assert asked(stream, lists, address, query, parent) == [wanted]
        assert [one for one in seen if "/parts/" in one] == [*answers]
        for wrong, error in ((FORBIDDEN, Skipped), (BROKEN, ReadError), ((200, {}), Malformed)):
            answers[last] = wrong
            with pytest.raises(error):
                asked(stream, lists, address, query, parent)
