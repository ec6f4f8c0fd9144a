"""The pause before a second try can be set, and a wrong one is told before anything is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from source_gitlab.config import parse
from source_gitlab.gitlab.connection import Connection
from source_gitlab.gitlab.errors import FatalError
from source_gitlab.gitlab.retry_loop import Retries
from source_gitlab.gitlab.retry_pause import USUAL, VARIABLE, pause

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIG = {"api_url": "http://gitlab.example.com", "private_token": "glpat-of-nobody-1"}
WRONG = ("soon", "-1", "60.1", "nan", "inf", "1 s", "1,5")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Connection]:
    """What opens a connection while the variable has this value."""

    def opened(value: str, retries: Retries | None = None) -> Connection:
        monkeypatch.setenv(VARIABLE, value)
        return Connection(parse(CONFIG), retries=retries)

    return opened


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("", 1.0), ("  ", 1.0), ("0", 0.0), (" 0.25 ", 0.25), ("30", 30.0), ("60", 60.0)],
)
def test_a_pause(opened: Callable[..., Connection], value: str, seconds: float) -> None:
    """Nothing, and nothing but spaces, stands for the usual one."""
    with opened(value) as connection:
        assert connection.problem is None
        assert connection.retries == Retries(first=seconds, timer=connection.timer)


def test_no_pause_is_set() -> None:
    """It is one second."""
    assert pause({}) == (USUAL, None) == (1.0, None)


@pytest.mark.parametrize("own", [None, Retries(tries=2)])
@pytest.mark.parametrize("value", WRONG)
def test_a_wrong_pause(opened: Callable[..., Connection], value: str, own: Retries | None) -> None:
    """It is an error by its name, and no request is made, also by a check with its own pauses."""
    with opened(value, own) as connection:
        client = connection.client()
        with pytest.raises(FatalError, match=VARIABLE) as raised:
            client.one("version")
        assert not client.requests
        assert value not in str(raised.value)


def test_a_program_that_says_how_to_retry(opened: Callable[..., Connection]) -> None:
    """What it says counts."""
    own = Retries(tries=2, first=0.5)
    with opened("60", own) as connection:
        assert connection.problem is None
        assert connection.retries is own
