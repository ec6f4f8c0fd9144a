"""Events of the engine as messages of the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_gitlab.engine.events import Begun, Ended, Idle, Rows
from source_gitlab.interfaces.airbyte import protocol
from source_gitlab.interfaces.airbyte.messages import Messages
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_gitlab.engine.events import Event

ISSUES, TAGS = streams()["issues"], streams()["tags"]
CONFIGURED = {one.name: {"sync_mode": "incremental"} for one in (ISSUES, TAGS)}


def statuses(*steps: Event | float) -> list[tuple[str, str, bool]]:
    """What is said of streams, and whether it names a limit; a number is how long one holds up."""
    wait = 0.0

    def events() -> Iterator[Event]:
        nonlocal wait
        for step in steps:
            if isinstance(step, (int, float)):
                wait = step
            else:
                yield step

    messages = Messages([ISSUES, TAGS], CONFIGURED, lambda: wait).of(events())
    found: list[dict[str, Any]] = [m["trace"]["stream_status"] for m in messages if "trace" in m]
    for one in found:
        for reason in one.get("reasons", []):
            assert reason["type"] == "RATE_LIMITED"
            assert reason["rate_limited"]["quota_reset"] > protocol.now()
    return [(one["stream_descriptor"]["name"], one["status"], "reasons" in one) for one in found]


def ends() -> list[Event]:
    """The ends of both streams."""
    return [Ended(one, None, is_finished=True) for one in (ISSUES, TAGS)]


def test_streams_under_way_say_that_a_limit_holds_them_up() -> None:
    """Once while it does, and not of those that have ended or are still to begin."""
    issues, tags = ends()
    held: list[Event | float] = [60.0, Idle(), Idle(), Idle()]
    assert statuses(Begun(ISSUES), *held, Begun(TAGS), 0.0, issues, tags) == [
        ("issues", "STARTED", False),
        ("issues", "RUNNING", True),
        ("tags", "STARTED", False),
        ("issues", "COMPLETE", False),
        ("tags", "COMPLETE", False),
    ]
    after = statuses(Begun(ISSUES), Begun(TAGS), issues, *held, tags)
    assert [one for one in after if one[2]] == [("tags", "RUNNING", True)]


def test_a_short_wait_is_no_news() -> None:
    """A platform would show it for longer than it lasts."""
    issues, _ = ends()
    assert not any(limited for *_, limited in statuses(Begun(ISSUES), 1.0, Idle(), issues))


def test_a_page_without_rows_is_no_record() -> None:
    """It tells other faces that an owner's rows are gone."""
    issues, _ = ends()
    found = [what for name, what, _ in statuses(Begun(ISSUES), Rows(ISSUES, b"", 0), issues)]
    assert found == ["STARTED", "COMPLETE", "INCOMPLETE"]  # the last is of the stream left out
