"""A Flow capture that runs for days: outages, rows that cannot be written, a GitLab that is odd."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from integration_tests.gitlab.faults import Fault
from integration_tests.support.flow_capture import FlowCapture
from integration_tests.support.history_world import WEB
from source_gitlab.gitlab.errors import Unauthorized, Unavailable
from source_gitlab.interfaces.flow.binding import LARGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from integration_tests.support.inprocess import HttpAnswer

SOON = "PT1S"


def with_rows(answer: HttpAnswer, rows: list[dict[str, Any]]) -> HttpAnswer:
    """The answer with other rows."""
    status, headers, _ = answer
    body = orjson.dumps(rows)
    return status, {**headers, "content-length": str(len(body))}, body


@pytest.fixture
def watched() -> Iterator[Callable[[str, Callable[[], object]], None]]:
    """Lets something happen when a log begins with a text."""
    reactions: dict[str, Callable[[], object]] = {}

    class Watch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            for text, happen in reactions.items():
                if record.getMessage().startswith(text):
                    happen()

    logger, watch = logging.getLogger("source_gitlab.flow"), Watch()
    before = logger.level
    logger.addHandler(watch)
    logger.setLevel(logging.INFO)
    yield reactions.__setitem__
    logger.removeHandler(watch)
    logger.setLevel(before)


def test_an_outage_ends_a_read_and_not_the_capture(
    watched: Callable[[str, Callable[[], object]], None],
) -> None:
    """At its beginning, or in the middle: what did not come then comes with the next read."""
    it, stopped, outages = FlowCapture(7, ("issues", "branches")), threading.Event(), []
    it.wire.broken = 1_000_000

    def wait() -> None:
        outages.append(it.wire.requests)
        it.wire.broken = 0

    def look() -> None:
        if len(outages) == 1 and len(it.runtime.tables()["issues"]) > 3:
            it.wire.broken = 1_000_000

    def end() -> None:
        if len(outages) > 1:
            stopped.set()

    watched("Waiting for GitLab", wait)
    watched("Read ", end)
    it.runtime.on_checkpoint = lambda _: look()
    it.live(stopped, interval=SOON, num_workers=1)
    assert len(outages) == 2
    whole = FlowCapture(7, ("issues", "branches"))
    whole.capture()
    held, expected = it.runtime.tables(), whole.runtime.tables()
    assert {name: set(table) for name, table in held.items()} == {
        name: set(table) for name, table in expected.items()
    }


def test_an_outage_ends_a_capture_that_reads_once() -> None:
    """Whoever starts it again has to know."""
    it = FlowCapture(7, ("issues",))
    it.wire.broken = 1_000_000
    with pytest.raises(Unavailable):
        it.live(threading.Event(), interval="PT0S")


def test_a_token_that_is_refused_ends_the_capture(
    watched: Callable[[str, Callable[[], object]], None],
) -> None:
    """Also in the middle of its life; nothing else would tell its user."""
    it = FlowCapture(7, ("issues",))
    refused = Fault("status", status=401)
    watched("Read ", lambda: it.emulator.faults.rules.append(refused))
    with pytest.raises(Unauthorized):
        it.live(threading.Event(), interval=SOON)
    assert it.runtime.tables()["issues"]


def test_a_row_that_is_too_large_holds_its_stream() -> None:
    """The others come; it is asked for again, and comes once it is smaller. Nothing is gone."""
    it = FlowCapture(7, ("environments", "issues"))
    plain = it.wire.tamper

    def large(path: str, _query: str, answer: HttpAnswer) -> HttpAnswer:
        if not path.endswith(f"projects/{WEB}/environments"):
            return answer
        rows = orjson.loads(answer[2])
        rows[0]["description"] = "x" * LARGEST
        return with_rows(answer, rows)

    whole = FlowCapture(7, ("environments", "issues"))
    whole.capture()
    expected = {name: set(table) for name, table in whole.runtime.tables().items()}
    it.wire.tamper = large
    for _ in range(2):
        it.capture()
        held = it.runtime.tables()
        assert set(held["issues"]) == expected["issues"]
        assert len(held["environments"]) == len(expected["environments"]) - 1
        assert "stream" not in it.runtime.state["bindingStateV1"]["environments.v0"]
    it.wire.tamper = plain
    it.capture()
    assert set(it.runtime.tables()["environments"]) == expected["environments"]
    it.wire.tamper = large
    it.later(2 * 86_400)
    it.capture()
    assert set(it.runtime.tables()["environments"]) == expected["environments"]


@pytest.mark.parametrize(
    "odd",
    [{"title": 17}, {"_meta": {"op": "d"}}, {"labels": "none"}, {"new": [None, {"a": []}]}],
)
def test_odd_columns_are_documents_like_any(odd: dict[str, Any]) -> None:
    """GitLab may change types and add columns: a task must not stop for it."""
    it = FlowCapture(7, ("issues",))

    def changed(path: str, _query: str, answer: HttpAnswer) -> HttpAnswer:
        if not path.endswith("/issues"):
            return answer
        return with_rows(answer, [{**row, **odd} for row in orjson.loads(answer[2])])

    it.wire.tamper = changed
    it.capture()
    documents = it.runtime.collections[0].documents
    assert documents
    for row in documents.values():
        assert row["_meta"] == {"op": "u"}
        assert all(row[name] == value for name, value in odd.items() if name != "_meta")
