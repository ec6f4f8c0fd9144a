"""Lines of the log about requests: what they say, and what they never do."""

from __future__ import annotations

import logging

import pytest

from source_gitlab.gitlab.request_log import address, again, timed

URL = "https://gitlab.example.com/api/v4/projects"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        """It starts at no special time."""
        self.seconds = 7.0

    def now(self) -> float:
        """Seconds."""
        return self.seconds


def test_a_line_has_address_status_and_times(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "source_gitlab")
    clock = Clock()
    for waited in (0.0, 2.5):
        with timed(URL, "page=2", clock.now, waited) as tried:
            clock.seconds += 1.25
            tried.status = 200
    again(URL, 1.5)
    assert caplog.messages == [
        f"GET {URL}?page=2 200 1,250 ms",
        f"GET {URL}?page=2 200 1,250 ms, waited 2,500 ms",
        f"{URL} is tried again in 1,500 ms",
    ]


def test_a_request_without_an_answer_says_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "source_gitlab")
    with pytest.raises(TimeoutError), timed(f"POST {URL} (jobs)", "", Clock().now):
        raise TimeoutError
    assert caplog.messages == [f"POST {URL} (jobs) TimeoutError 0 ms"]


def test_nothing_is_written_unless_somebody_asks(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "source_gitlab")
    with timed(URL, "", Clock().now) as tried:
        tried.status = 200
    again(URL, 1.0)
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("private_token=abc&page=2", "private_token=[secret]&page=2"),
        ("page=2&job_token=a%20b", "page=2&job_token=[secret]"),
        ("X-Amz-Signature=ab&a=1", "X-Amz-Signature=[secret]&a=1"),
        ("a=1&client_secret=x&password=y", "a=1&client_secret=[secret]&password=[secret]"),
        ("pagination=keyset&per_page=100", "pagination=keyset&per_page=100"),
    ],
)
def test_no_value_that_may_be_secret_is_shown(query: str, shown: str) -> None:
    assert address(URL, query) == f"GET {URL}?{shown}"
