"""Rows are fitted into a table at a cost that no odd value of theirs can multiply."""

from __future__ import annotations

from calendar import isleap
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from integration_tests.support.duckdb_store import TABLES
from source_gitlab.interfaces.duckdb_types import castable
from source_gitlab.tables.fitting import PATTERNS, Fitter

if TYPE_CHECKING:
    from collections.abc import Collection
    from collections.abc import Set as AbstractSet

TIME = "2024-01-31T12:00:00.000Z"
DAY = "2024-01-31"


def page(**odd: Any) -> list[dict[str, Any]]:
    """A hundred issues, the last of them with something odd in it."""
    rows: list[dict[str, Any]] = [
        {"id": number, "created_at": TIME, "due_date": DAY} for number in range(100)
    ]
    rows[-1].update(odd)
    return rows


def asked_of(rows: list[dict[str, Any]]) -> tuple[list[list[str]], list[Any]]:
    """What the destination is asked while rows are fitted, a list a question, and the warnings."""
    asked: list[list[str]] = []
    warnings: list[str] = []
    with duckdb.connect() as connection:

        def ask(texts: Collection[str], type_: str) -> AbstractSet[str]:
            asked.append(sorted(texts))
            return castable(connection, texts, type_)

        fit = Fitter(TABLES["issues"], ask, warnings.append).fit(rows)
    assert not fit.keyless
    assert len(fit.keys) == len(rows)
    return asked, warnings


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"created_at": "2024-02-29T10:00:00.000Z", "due_date": "2024-02-29"},
        {"created_at": "2000-02-29T10:00:00.000+02:00"},
    ],
)
def test_days_that_there_are_cost_no_question(odd: dict[str, Any]) -> None:
    """A 29 February is a day like any other."""
    assert asked_of(page(**odd)) == ([], [])


@pytest.mark.parametrize(
    ("odd", "asked"),
    [
        ({"brand_new": 1}, []),
        ({"created_at": "soon"}, [["soon"]]),
        ({"created_at": "2024-01-31 12:00:00 UTC"}, [["2024-01-31 12:00:00 UTC"]]),
        ({"created_at": "soon", "due_date": "2023-02-29"}, [["soon"], ["2023-02-29"]]),
        ({"created_at": 7, "due_date": ["2024-01-31"]}, []),
    ],
)
def test_an_odd_value_costs_one_question_of_itself(
    odd: dict[str, Any], asked: list[list[str]]
) -> None:
    """The others of the page are what they are without it."""
    assert asked_of(page(**odd))[0] == asked


def test_a_page_of_odd_dates_costs_one_question() -> None:
    """As of a GitLab that writes all of its times in a form of its own."""
    rows = page()
    for number, row in enumerate(rows):
        row["created_at"] = f"2024-01-31 12:00:{number % 60:02} UTC"
    asked, warnings = asked_of(rows)
    assert [len(texts) for texts in asked] == [60]
    assert warnings == []


def test_the_pattern_knows_the_days_of_four_centuries() -> None:
    """All that there are, and no other."""
    known = PATTERNS["date"].fullmatch
    day = date(1801, 1, 1)
    while day.year < 2201:
        assert known(day.isoformat()), day
        day += timedelta(days=1)
    for year in range(1801, 2201):
        assert bool(known(f"{year}-02-29")) is isleap(year)
        for wrong in ("02-30", "04-31", "00-10", "13-01", "01-00", "01-32"):
            assert not known(f"{year}-{wrong}")
