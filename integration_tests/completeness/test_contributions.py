"""What accounts did is asked for day by day, though GitLab sums up the days of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integration_tests.support.history_world import SUB, TOP
from integration_tests.support.small_copies import HOUR, copy

if TYPE_CHECKING:
    from integration_tests.support.copying import Copy

NAME = "group_contributions"
DAY = 24 * HOUR
TODAY, YESTERDAY, LONG_AGO = "2026-03-01", "2026-02-28", "2023-04-02"
MANY = 230


def did(it: Copy, number: int, day: str, account: int | None, pushes: int) -> None:
    """Let an account have pushed so often on a day."""
    user = account and {"id": f"gid://gitlab/User/{account}", "username": "x", "name": "X"}
    columns = {"date": day, "user": user, "repoPushed": pushes}
    it.change("update", table=NAME, id=number, set=columns)


def some(it: Copy, count: int, group: int = TOP) -> list[int]:
    """Rows of a group, in place of those that it began with."""
    for number in (1, 2, 3):
        it.change("delete", table=NAME, id=group * 10 + number)
    made: list[int] = it.change("create", table=NAME, owner_id=group, count=count)
    return made


def pushes(it: Copy) -> dict[tuple[str, int], int]:
    """How often each account pushed on each day to the group at the top."""
    rows: list[dict[str, Any]] = [*it.tables[NAME].values()]
    return {
        (row["date"], row["user_id"]): row["repo_pushed"] for row in rows if row["group_id"] == TOP
    }


def test_each_day_has_its_own_figures() -> None:
    """Of one account on several days, down to the oldest that GitLab keeps, in few requests."""
    it = copy()
    some(it, 0, SUB)
    days = {(TODAY, 1): 2, (YESTERDAY, 1): 3, (YESTERDAY, 2): 5, (LONG_AGO, 1): 7}
    for number, ((day, account), count) in zip(some(it, len(days)), days.items(), strict=True):
        did(it, number, day, account, count)
    it.sync(NAME)
    assert pushes(it) == days
    # A request for each 91 days or so of each group, and about eighteen for each day that has rows.
    assert sum("graphql" in one for one in it.asked) < 2 * 13 + 3 * 18


def test_the_last_days_come_again() -> None:
    """Their figures grow, and those of older days stay as they were read."""
    it = copy()
    today, older = some(it, 2)
    did(it, today, TODAY, 1, 2)
    did(it, older, "2026-02-20", 1, 3)
    it.sync(NAME)
    did(it, today, TODAY, 1, 4)
    did(it, older, "2026-02-20", 1, 9)
    it.later(DAY)
    it.sync(NAME)
    assert pushes(it) == {(TODAY, 1): 4, ("2026-02-20", 1): 3}


def test_a_day_with_more_accounts_than_a_page() -> None:
    """GitLab says of each page that has a row that there is a next one."""
    it = copy()
    for account, number in enumerate(some(it, MANY), 1):
        did(it, number, YESTERDAY, account, account)
    it.sync(NAME)
    assert pushes(it) == {(YESTERDAY, account): account for account in range(1, MANY + 1)}


def test_figures_of_nobody_are_told() -> None:
    """A row without an account has no key, and is left out with a word."""
    it = copy()
    known, nobody = some(it, 2)
    did(it, known, TODAY, 1, 2)
    did(it, nobody, TODAY, None, 3)
    report = it.tried(NAME)
    assert pushes(it) == {(TODAY, 1): 2}
    assert [one.path for one in report.failed] == ["top"]
    assert "user_id is None" in report.failed[0].message


def test_a_start_date_holds() -> None:
    """Older days are not asked for."""
    it = copy(start_date="2026-02-20T00:00:00Z")
    old, new = some(it, 2)
    did(it, old, "2026-02-19", 1, 2)
    did(it, new, "2026-02-20", 1, 3)
    it.sync(NAME)
    assert pushes(it) == {("2026-02-20", 1): 3}
