"""Lists in GraphQL: read to their end whatever GitLab allows at once, and refused as refused."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from integration_tests.gitlab.default_world import default_world
from integration_tests.gitlab.emulator import Emulator
from integration_tests.gitlab.faults import Fault
from integration_tests.gitlab.graphql.rows import MOST_TRANSITIONS
from integration_tests.support.inprocess import Wire, session
from integration_tests.support.stepped import IdleTime
from source_gitlab.core.walks.connection_source import Source
from source_gitlab.core.walks.connections import read
from source_gitlab.gitlab.errors import (
    GitlabError,
    Malformed,
    NoSuchList,
    ReadError,
    ServerError,
    Skipped,
    TooComplex,
    Unauthorized,
)
from source_gitlab.gitlab.graphql import is_throttled
from source_gitlab.gitlab.lists import Lists
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_gitlab.core.slices import Row

ACME, WEB = "acme", "acme/web"
ENDPOINT = "POST /api/graphql"


class Reader:
    """Reads lists of one emulator in this process."""

    def __init__(self, emulator: Emulator, lists: Lists) -> None:
        self.emulator = emulator
        self.lists = lists

    def rows(self, stream: str, kind: str = "group", path: str = ACME) -> list[Row]:
        """All rows of one list."""
        source = Source.of(streams()[stream], kind, path)
        return [row for page in read(self.lists, source, {}) for row in page]

    @property
    def requests(self) -> int:
        """How many queries were sent."""
        return sum(
            number for (name, _), number in self.emulator.log.counts.items() if name == ENDPOINT
        )


@contextmanager
def reader(**settings: Any) -> Iterator[Reader]:
    """A reader of the default world with these settings of the connector."""
    emulator = Emulator(default_world)
    with session(Wire(emulator), tries=2, **settings) as opened:
        yield Reader(emulator, Lists(opened.client))


@pytest.mark.parametrize(("kind", "path"), [("group", ACME), ("project", WEB)])
@pytest.mark.parametrize("stream", ["timelogs", "vulnerabilities"])
def test_every_row_comes_whatever_fits(stream: str, kind: str, path: str) -> None:
    """Pages of any size, by points or by time, bring the same rows."""
    with reader() as it:
        whole = it.rows(stream, kind, path)
        assert len({row["id"] for row in whole}) == len(whole) > 1
        assert all(type(row["id"]) is int for row in whole)
        settings = it.emulator.world.settings
        for rows in (2, 1):
            settings.graphql_slow_above = rows
            assert it.rows(stream, kind, path) == whole
        settings.graphql_slow_above, settings.graphql_slow_from = 0, 4
        assert it.rows(stream, kind, path) == whole
        settings.graphql_slow_from = 0
        settings.graphql_most_points = 110
        assert it.rows(stream, kind, path) == whole


def test_a_connection_inside_a_row_is_read_to_its_end() -> None:
    """More issues are linked than a page of links holds."""
    with reader() as it:
        rows = it.rows("vulnerabilities", "project", WEB)
        linked = {row["id"]: row["issue_links"] for row in rows}
        table = it.emulator.world.vulnerabilities
        assert max(map(len, linked.values())) > 20
        for number, links in linked.items():
            assert [one["issue"]["id"] for one in links] == table[number].facts["issue_ids"]
        assert max(len(row["state_transitions"]) for row in rows) == MOST_TRANSITIONS


def test_a_connection_that_nobody_goes_on_with_is_an_error() -> None:
    """It is never cut."""
    with reader() as it:
        source = Source.of(streams()["vulnerabilities"], "project", WEB)
        queries = source.queries
        only = replace(queries, operations={"project": queries.operations["project"]})
        with pytest.raises(ReadError, match="issueLinks of gid://gitlab/Vulnerability/"):
            list(read(it.lists, source._replace(queries=only), {}))


def test_a_size_that_costs_too_much_is_asked_for_once() -> None:
    """What a query costs is learned for all lists of the stream."""
    with reader() as it:
        it.emulator.world.settings.graphql_most_points = 110
        it.rows("vulnerabilities")
        before = it.requests
        rows = it.rows("vulnerabilities", "project", WEB)
        nested = sum(
            len(row[name]) > 20 for row in rows for name in ("issue_links", "state_transitions")
        )
        assert it.requests - before == 1 + nested


@pytest.mark.parametrize("points", [1, 5])
def test_a_query_that_never_fits_is_an_error(points: int) -> None:
    """It says what GitLab said, and of which list."""
    with reader() as it:
        it.emulator.world.settings.graphql_most_points = points
        with pytest.raises(TooComplex, match=f"timelogs of {ACME}.*max complexity of {points}"):
            it.rows("timelogs")


@pytest.mark.parametrize(
    ("settings", "kind", "reason"),
    [
        ({"tier": "premium"}, Skipped, "permission"),
        ({"graphql_denies": ["Group.vulnerabilities"]}, Skipped, "permission"),
        ({"graphql_lacks": ["Group.vulnerabilities"]}, NoSuchList, "feature"),
        ({"graphql_lacks": ["Vulnerability.stateComment"]}, NoSuchList, "feature"),
    ],
)
def test_a_refusal_is_no_empty_list(
    settings: dict[str, Any], kind: type[Skipped], reason: str
) -> None:
    """GitLab answers 200 with null, with or without a word."""
    with reader() as it:
        it.emulator.world.settings.update(settings)
        with pytest.raises(Skipped, match=f"vulnerabilities of {ACME}") as caught:
            it.rows("vulnerabilities")
        assert type(caught.value) is kind
        assert caught.value.reason == reason


def test_an_empty_list_is_no_refusal() -> None:
    """A group without a row."""
    with reader() as it:
        it.emulator.world.timelogs.rows.clear()
        it.emulator.world.timelogs.version += 1
        for row in list(it.emulator.world.vulnerabilities):
            it.emulator.world.vulnerabilities.remove(row)
        assert it.rows("vulnerabilities") == []


def test_a_group_that_is_not_shown_is_gone() -> None:
    """GitLab answers null, as for one that does not exist."""
    with reader() as it:
        with pytest.raises(Skipped, match="nobody/knows") as caught:
            it.rows("timelogs", "group", "nobody/knows")
        assert caught.value.reason == "gone"


@pytest.mark.parametrize("lacking", ["project_id", "iid"])
def test_what_is_not_shown_by_its_number_is_gone(lacking: str) -> None:
    """A list of those that were asked for comes without it, or has null in its place."""
    with reader() as it:
        pipeline = next(iter(it.emulator.world.pipelines))
        parent = {"id": pipeline.id, "project_id": pipeline.project_id, "iid": pipeline.iid}
        stream, path = streams()["security_scans"], f"projects/{pipeline.project_id}/pipelines/1"
        assert list(read(it.lists, Source.below(stream, parent, path), {}))
        source = Source.below(stream, {**parent, lacking: 404}, path)
        with pytest.raises(Skipped, match=path) as caught:
            list(read(it.lists, source, {}))
        assert caught.value.reason == "gone"


def test_a_row_that_breaks_costs_only_itself() -> None:
    """The others come, and it is named as missing."""
    with reader() as it:
        whole = it.rows("timelogs", "project", WEB)
        project = whole[0]["project"]["id"]
        assert all(row["project"]["id"] == project for row in whole)
        broken = f"gid://gitlab/Timelog/{whole[1]['id']}"
        it.emulator.world.settings.graphql_broken = {"Timelog.timeSpent": broken}
        assert it.rows("timelogs", "project", WEB) == [whole[0], *whole[2:]]
        (missed,) = it.lists.take()
        assert missed.holds
        assert f"timelogs of {WEB}" in missed.message


def test_a_part_that_is_denied_is_told() -> None:
    """The row comes, and does not hold the state up."""
    with reader() as it:
        it.emulator.world.settings.graphql_denies = ["Timelog.summary"]
        rows = it.rows("timelogs", "project", WEB)
        assert rows
        missed = it.lists.take()
        assert missed
        assert not any(one.holds for one in missed)


def test_hidden_rows_do_not_end_a_list() -> None:
    """They leave a page after it was cut, and the list goes on behind them."""
    with reader() as it:
        whole = it.rows("timelogs", "project", WEB)
        it.emulator.world.settings.graphql_slow_above = 2
        gone = {row["id"] for row in whole[1:2]}
        it.emulator.world.settings.graphql_hides = [f"gid://gitlab/Timelog/{one}" for one in gone]
        assert it.rows("timelogs", "project", WEB) == [whole[0], *whole[2:]]


def test_a_hidden_page_is_said() -> None:
    """Nothing is left of it whose cursor GitLab could give."""
    with reader() as it:
        whole = it.rows("timelogs", "project", WEB)
        settings = it.emulator.world.settings
        settings.graphql_slow_above = 2
        settings.graphql_hides = [f"gid://gitlab/Timelog/{row['id']}" for row in whole[:2]]
        with pytest.raises(Malformed, match="GitLab hides a whole page of rows from this token"):
            it.rows("timelogs", "project", WEB)


@pytest.mark.parametrize("refused", [True, False])
def test_a_row_whose_rest_fails_costs_only_itself(*, refused: bool) -> None:
    """More of its links than one page holds are asked for by its id."""
    with reader() as it:
        whole = it.rows("vulnerabilities", "project", WEB)
        lists = ("issue_links", "state_transitions")
        long = [row["id"] for row in whole if any(len(row[one]) > 20 for one in lists)]
        settings = it.emulator.world.settings
        if refused:
            settings.graphql_denies = ["Query.vulnerability"]
        else:
            fault = {"method": "POST", "kind": "status", "status": 500, "skip": 1}
            it.emulator.faults.rules = [Fault.parse(fault)]
        rest = it.rows("vulnerabilities", "project", WEB)
        assert rest == [row for row in whole if row["id"] not in long]
        messages = [one.message for one in it.lists.take() if one.holds]
        assert len(messages) == len(long) > 0
        assert all(
            f"/Vulnerability/{one} of" in text for one, text in zip(long, messages, strict=True)
        )


def test_null_where_a_part_failed_is_no_value() -> None:
    """A part that failed must not empty a column that has a value in GitLab."""
    with reader() as it:
        whole = it.rows("timelogs", "project", WEB)
        body = _body(whole, {"path": ["project", "timelogs", "nodes", 0, "note"], "message": "No"})
        it.emulator.faults.rules = [Fault.parse({"method": "POST", "kind": "status", **body})]
        assert it.rows("timelogs", "project", WEB) == []
        (missed,) = it.lists.take()
        assert missed.holds


def _body(whole: list[Row], error: dict[str, Any]) -> dict[str, Any]:
    gid = f"gid://gitlab/Timelog/{whole[0]['id']}"
    page = {"nodes": [{"id": gid, "note": None}], "pageInfo": {"hasNextPage": False}}
    data = {"project": {"timelogs": page}}
    return {"status": 200, "body": {"data": data, "errors": [error]}}


@pytest.mark.parametrize("missing", ["project", "timelogs"])
def test_an_answer_without_the_list_is_no_refusal(missing: str) -> None:
    """GitLab says null for what it hides, and leaves no name out."""
    with reader() as it:
        data = {} if missing == "project" else {"project": {"id": "gid://gitlab/Project/1"}}
        fault = {"method": "POST", "kind": "status", "status": 200, "body": {"data": data}}
        it.emulator.faults.rules = [Fault.parse(fault)]
        with pytest.raises(Malformed, match=f"answered without .*{missing}"):
            it.rows("timelogs", "project", WEB)


def test_an_empty_page_in_the_middle_is_asked_for_again() -> None:
    """It has a next page, and may have lost its rows this once."""
    with reader() as it:
        whole = it.rows("timelogs", "project", WEB)
        page = {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "x"}}
        body = {"data": {"project": {"timelogs": page}}}
        fault = {"method": "POST", "kind": "status", "status": 200, "body": body, "times": 1}
        it.emulator.faults.rules = [Fault.parse(fault)]
        assert it.rows("timelogs", "project", WEB) == whole


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "status", "status": 502}, ServerError),
        ({"kind": "html"}, ReadError),
        ({"kind": "empty"}, ReadError),
        ({"kind": "not_json"}, ReadError),
        ({"kind": "redirect", "location": "https://elsewhere.example.com/api/v4"}, ReadError),
        (
            {"kind": "status", "status": 422, "body": {"errors": [{"message": "Too bad"}]}},
            ReadError,
        ),
        (
            {"kind": "status", "status": 200, "body": {"data": {"group": {"timelogs": {}}}}},
            ReadError,
        ),
        ({"kind": "status", "status": 200, "body": {"data": None}}, ReadError),
        ({"kind": "status", "status": 200, "body": [1]}, ReadError),
        ({"kind": "status", "status": 403, "body": "<html>no</html>"}, ReadError),
    ],
)
def test_faults(fault: dict[str, Any], kind: type[GitlabError]) -> None:
    """None passes for an empty list; messages name method and address, and not the body."""
    with reader() as it:
        it.emulator.faults.rules = [Fault.parse({"method": "POST", **fault})]
        with pytest.raises(kind, match=r"POST http://gitlab\.test/api/graphql") as caught:
            it.rows("timelogs")
        assert "fullPath" not in str(caught.value)
        it.emulator.faults.rules = []
        assert it.rows("timelogs")


def test_what_goes_away_is_tried_again() -> None:
    """A 429 and a 502 are waited out, as those of other requests."""
    with reader() as it:
        it.emulator.faults.rules = [
            Fault.parse({"method": "POST", "kind": "status", "status": 502, "times": 1}),
            Fault.parse({"method": "POST", "kind": "rate_limit", "seconds": 1, "times": 1}),
        ]
        assert it.rows("timelogs")
        assert it.requests == 3


def test_a_token_that_is_not_known_ends_the_sync() -> None:
    """As everywhere else."""
    token = {"auth_type": "access_token", "access_token": "glpat-wrong"}
    with reader(credentials=token) as it, pytest.raises(Unauthorized):
        it.rows("timelogs")


def test_a_token_without_the_scope_skips_the_list() -> None:
    """GitLab calls such a token invalid, and accepts it elsewhere."""
    token = {"auth_type": "access_token", "access_token": "glpat-emulator-read-user-0001"}
    refused = pytest.raises(Skipped, match=r"accepts elsewhere \(401 Invalid token\)")
    with reader(credentials=token) as it, refused:
        it.rows("timelogs")


def test_an_instance_under_a_path() -> None:
    """The endpoint stands beside the REST API."""
    emulator = Emulator(default_world)
    emulator.world.settings.relative_url_root = "/lab"
    with session(Wire(emulator), api_url="http://gitlab.test/lab") as opened:
        assert Reader(emulator, Lists(opened.client)).rows("timelogs")


@pytest.mark.parametrize("how", ["", "with the search argument "])
def test_a_limit_that_is_told_with_status_200_is_waited_for(how: str) -> None:
    """As a 429 is, with waits that grow; the same words in a row are no such thing."""
    said = f"This endpoint has been requested {how}too many times. Try again later."
    emulator = Emulator(default_world)
    timer = IdleTime(emulator)
    limit = {"method": "POST", "kind": "status", "status": 200, "times": 3}
    body = {"data": {"project": None}, "errors": [{"message": said, "path": ["project"]}]}
    with session(Wire(emulator), tries=2, timer=timer) as opened:
        limits = timer.limits = opened.client.limits
        it = Reader(emulator, Lists(opened.client))
        whole = it.rows("timelogs", "project", WEB)
        emulator.faults.rules = [Fault.parse({**limit, "body": body})]
        began = timer.now()
        assert it.rows("timelogs", "project", WEB) == whole
        assert limits.refusals == 3
        assert timer.now() - began > 15
    assert not is_throttled(orjson.dumps({"data": {"note": said}, "errors": []}))
