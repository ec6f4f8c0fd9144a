"""What a sync shows while it runs, at every width and in a log."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest

from source_gitlab.interfaces.sync_progress import PlainLines, Standing, lines_of

UNDER_WAY = {"merge_request_discussions": 1_234_567, "issues": 20, "jobs": 0, "tags": 3, "users": 1}
STANDING = Standing(
    rows=1_234_590, requests=12_345, ended=7, streams=38, seconds=3_723.4, reading=UNDER_WAY
)


def test_a_line_of_a_log() -> None:
    """It has the time, how far the sync is, how fast, and what is under way."""
    output = io.StringIO()
    PlainLines(output, seconds=0.0).show(STANDING)
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ 7 of 38 streams in 1:02:03, 1,234,590 rows"
        r" \(332/s\), 12,345 requests; reading merge_request_discussions \(1,234,567\),"
        r" issues \(20\), jobs \(0\), and 2 more\n",
        output.getvalue(),
    )
    PlainLines(output := io.StringIO()).show(STANDING)
    assert not output.getvalue(), "the first line comes after some seconds"


@pytest.mark.parametrize("width", [37, 77, 117])
def test_lines_of_a_terminal(width: int) -> None:
    """None is wider than the terminal, and none of the figures is cut off."""
    lines = lines_of(STANDING, width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for told in ("7 of 38 streams in 1:02:03", "1,234,590 rows (332/s)", "12,345 requests"):
        assert told in text
    assert re.search(r"merge_request_dis\w* +1,234,567", text)
    assert "and 2 more" in text


def test_what_is_waited_for() -> None:
    """A rate limit, and requests that failed; a moment is no news."""
    assert lines_of(replace(STANDING, waiting=42.2), 80)[-1] == "rate limit: 42 s more"
    assert lines_of(replace(STANDING, retrying=1), 80)[-1] == "a request failed, trying again"
    assert lines_of(replace(STANDING, retrying=3), 80)[-1] == "3 requests failed, trying again"
    assert lines_of(replace(STANDING, waiting=0.5), 80) == lines_of(STANDING, 80)


def test_a_beginning_has_no_rate() -> None:
    """One second tells nothing of the next."""
    assert lines_of(Standing(0, 2, 0, 38, 0.4), 80) == [
        "0 of 38 streams in 0:00, 0 rows, 2 requests"
    ]
