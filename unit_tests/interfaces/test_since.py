"""What `--since` means."""

from __future__ import annotations

import time

import pytest

from source_gitlab.cli.since import since
from source_gitlab.engine.exit_codes import UsageError
from source_gitlab.timestamps import epoch


@pytest.mark.parametrize(
    ("text", "hours"),
    [("12h", 12), ("7d", 168), ("2W", 336), (" 3 m ", 2160), ("1y", 8760), ("0d", 0)],
)
def test_so_long_ago(text: str, hours: int) -> None:
    """Hours, days, weeks, months and years back from now."""
    before = time.time()
    found = epoch(since(text)) + hours * 3_600
    assert before - 1 <= found <= time.time() + 1


def test_a_date() -> None:
    """As it is written, in UTC."""
    assert since("2024-01-31") == "2024-01-31T00:00:00Z"
    assert since("99999y") == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize("text", ["7", "d", "-7d", "7 days", "glpat-abcdefghij", "123456d"])
def test_what_is_none(text: str) -> None:
    """It is not repeated: it may be a token."""
    with pytest.raises(UsageError, match="--since is not a date") as error:
        since(text)
    assert "glpat" not in str(error.value)
