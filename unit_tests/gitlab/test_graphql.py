"""What responses of GraphQL say: errors in a 200 are errors, and each has its own kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from source_gitlab.gitlab import error_messages, verdicts
from source_gitlab.gitlab.errors import (
    GitlabError,
    Malformed,
    NoSuchList,
    ReadError,
    ServerError,
    Skipped,
    TooComplex,
)
from source_gitlab.gitlab.graphql import Operation, PageSizes, Reply, reply_of
from source_gitlab.gitlab.transport.body import Received

if TYPE_CHECKING:
    from collections.abc import Callable

OPERATION = Operation("query secret { a }", "group", {"path": "acme"}, "timelogs of acme")
REQUEST = OPERATION.request("https://gitlab.example.com/lab")
DENIED = (
    "The resource that you are attempting to access does not exist or you don't have permission to"
    " perform this action"
)


def test_the_request() -> None:
    """It goes beside the REST API, and people see what is read, but not the body."""
    assert REQUEST.address == "https://gitlab.example.com/lab/api/graphql"
    assert REQUEST.method == "POST"
    assert orjson.loads(REQUEST.body or b"")["operationName"] == "group"
    shown = "POST https://gitlab.example.com/lab/api/graphql (timelogs of acme)"
    assert REQUEST.shown == shown


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (
            {"message": "Query has complexity of 300, which exceeds max complexity of 250"},
            TooComplex,
            None,
        ),
        ({"message": "Timeout on Group.timelogs"}, ServerError, None),
        ({"message": DENIED, "path": ["group"]}, Skipped, "permission"),
        (
            {"message": "Your token lacks the required permissions: [Timelog: Read]"},
            Skipped,
            "scope",
        ),
        (
            {
                "message": "Field 'timelogs' doesn't exist on type 'Group'",
                "extensions": {"code": "undefinedField"},
            },
            NoSuchList,
            "feature",
        ),
        ({"message": "Field 'timelogs' doesn't accept argument 'sort'"}, NoSuchList, "feature"),
        ({"message": "Something else"}, ReadError, None),
        ({"words": "none"}, ReadError, None),
        ("a text", ReadError, None),
    ],
)
def test_errors_are_sorted(error: Any, kind: type[GitlabError], reason: str | None) -> None:
    """By what has to be done about them, with GitLab's words and what was read."""
    with pytest.raises(kind) as caught:
        reply_of(REQUEST, {"data": None, "errors": [error]})
    assert type(caught.value) is kind
    assert getattr(caught.value, "reason", None) == reason
    assert "timelogs of acme" in str(caught.value)
    assert "secret" not in str(caught.value)
    if isinstance(error, dict) and "message" in error:
        assert error["message"] in str(caught.value)


@pytest.mark.parametrize(
    "response",
    [
        [],
        {},
        {"data": None},
        {"data": []},
        {"data": {}, "errors": {}},
        None,
        {"data": None, "errors": []},
    ],
)
def test_what_is_no_response(response: Any) -> None:
    """It is an error, never an empty list."""
    with pytest.raises(Malformed):
        reply_of(REQUEST, response)


def test_an_error_inside_a_row_is_that_rows() -> None:
    """The other rows of the list are good."""
    data = {"group": {"timelogs": {"nodes": [{"id": 1}, None]}}}
    error = {"message": "broken", "path": ["group", "timelogs", "nodes", 1, "project"]}
    reply = reply_of(REQUEST, {"data": data, "errors": [error]})
    assert reply.data == data
    assert [one.place[3] for one in reply.problems] == [1]


@pytest.mark.parametrize(
    "data", [{"group": {"timelogs": None}}, {"group": None}, {"group": {"timelogs": {"nodes": []}}}]
)
def test_an_error_of_a_row_without_its_list_is_that_of_the_list(data: Any) -> None:
    """GitLab makes a list null where one of its rows must not be."""
    error = {"message": "broken", "path": ["group", "timelogs", "nodes", 1, "project"]}
    with pytest.raises(ReadError):
        reply_of(REQUEST, {"data": data, "errors": [error]})


def test_a_timeout_inside_a_row_is_that_of_the_page() -> None:
    """The time of a query runs out at some row; the rows behind it are not broken."""
    data = {"group": {"timelogs": {"nodes": [{"id": 1}, None]}}}
    error = {"message": "Timeout on Timelog.project", "path": ["group", "timelogs", "nodes", 1]}
    with pytest.raises(ServerError):
        reply_of(REQUEST, {"data": data, "errors": [error]})


def asked(fits: Callable[[int], GitlabError | None]) -> tuple[list[int], Any]:
    """The sizes that are asked for, and what asks."""
    sizes: list[int] = []

    def ask(part: Operation, *, again: bool) -> Reply:
        sizes.append(part.variables["first"])
        assert again == (len(sizes) > 1 and sizes[-1] < sizes[-2])
        error = fits(sizes[-1])
        if error is not None:
            raise error
        return Reply({}, ())

    return sizes, ask


def test_a_page_that_costs_too_much_gets_smaller_once() -> None:
    """Its cost does not change, so the larger page is not tried again."""
    sizes, ask = asked(lambda size: TooComplex("too much") if size > 25 else None)
    pages = PageSizes()
    for _ in range(30):
        pages.page(ask, OPERATION, "timelogs.group")
    assert sizes == [100, 50, *[25] * 30]


def test_a_page_that_takes_too_long_gets_smaller_for_a_while() -> None:
    """Whether it does may change."""
    sizes, ask = asked(lambda size: ServerError("late") if size > 10 else None)
    pages = PageSizes()
    for _ in range(6):
        pages.page(ask, OPERATION, "timelogs.group")
    assert sizes[:8] == [100, 50, 25, 10, 10, 10, 10, 10]
    assert sizes[8:10] == [25, 10]


def test_where_no_row_can_be_had_the_first_error_is_told() -> None:
    """Down to one row."""
    sizes, ask = asked(lambda size: ServerError(f"{size} rows"))
    with pytest.raises(ServerError, match="100 rows"):
        PageSizes().page(ask, OPERATION, "timelogs.group")
    assert sizes == [100, 50, 25, 10, 5, 2, 1]


@pytest.mark.parametrize(
    ("status", "message", "is_gitlabs"),
    [
        (401, "Invalid token", True),
        (403, "API not accessible for user", True),
        (422, "Query too large", True),
        (401, "Unauthorized", False),
        (403, "Forbidden", False),
        (403, "blocked by policy", False),
    ],
)
def test_refusals(status: int, message: str, is_gitlabs: bool) -> None:  # noqa: FBT001 -- a case
    """GitLab's own are told from those of a gateway that speaks of errors too."""
    body = orjson.dumps({"errors": [{"message": message}]})
    received = Received(status, "", {}, body, 0.0, 0.0)
    assert verdicts.is_gitlabs(received) == is_gitlabs
    assert error_messages.said(body) == message
