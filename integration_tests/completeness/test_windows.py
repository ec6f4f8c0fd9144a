"""Long lists are read in windows, which lose nothing and cost no request more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.clock import SECOND
from integration_tests.support.history_world import (
    START,
    TOP,
    WEB,
)
from integration_tests.support.small_copies import HOUR, copy, create
from source_gitlab.gitlab.tuning import Tuning

if TYPE_CHECKING:
    from integration_tests.support.copying import Copy


def long_list(workers: int, rows: int = 1_600) -> Copy:
    """A copy of a GitLab with many issues, three at each second."""
    it = copy(num_workers=workers)
    for number in range(rows):
        create(it, "issues", WEB, START - 2 * HOUR * SECOND + (number - number % 3) * SECOND)
    return it


def test_a_long_list_is_read_in_windows_at_once() -> None:
    it = long_list(4)
    it.sync("issues")
    pages = {one.partition("&page=")[2] for one in it.asked if "&page=" in one}
    assert {"4", "7", "10", "13", "16"} <= pages
    assert it.lacks("issues") == []


def test_windows_cost_no_request_more_than_reading_in_one_go() -> None:
    """Each ends with the row that the next one starts with, four rows a page before it had to."""
    it = copy(num_workers=4)
    for number in range(2_000):
        create(it, "issues", WEB, START - 2 * HOUR * SECOND + number * SECOND)
    rows = it.sync("issues")["issues"]
    assert len({row["id"] for row in rows}) == len(rows)
    lists = [one for one in it.asked if "/issues?" in one]
    assert len(lists) == -(-len(rows) // 96)


@pytest.mark.parametrize("rows", [1_600, 9 * 96, 9 * 96 + 1])
def test_page_numbers_are_counted_anew_before_they_get_high(rows: int) -> None:
    it = long_list(4, rows)
    it.tuning = Tuning(windows_from_root=3)
    it.emulator.world.settings.count_limit = 500
    made = sorted(it.emulator.world.issues.rows)

    def change() -> None:
        for number in made[50:rows:200]:
            it.change("update", table="issues", id=number, set={"title": "Moved"})

    it.before("&page=4", change)
    found = it.sync("issues")["issues"]
    assert it.lacks("issues") == []
    assert len({(row["id"], row["updated_at"]) for row in found}) == len(found)
    assert max(int(one.partition("&page=")[2] or 1) for one in it.asked if "/issues" in one) == 10


def test_an_instant_with_more_rows_than_all_numbered_pages() -> None:
    it = copy(num_workers=4)
    it.tuning = Tuning(windows_from_root=2)
    it.emulator.world.settings.count_limit = 500
    create(it, "issues", WEB, START - 2 * HOUR * SECOND, 1_500)
    create(it, "issues", WEB, START - HOUR * SECOND, 900)
    it.sync("issues")
    assert it.lacks("issues") == []


def test_windows_lose_nothing_that_changes_meanwhile() -> None:
    it = long_list(4)
    made = sorted(it.emulator.world.issues.rows)

    def change() -> None:
        for number in made[100:1_400:9]:
            it.change("update", table="issues", id=number, set={"title": "Moved"})
        for number in made[105:1_400:50]:
            it.change("delete", table="issues", id=number)

    it.before("&page=13", change)
    it.sync("issues")
    assert it.lacks("issues") == []


def test_a_killed_read_goes_on_inside_the_windows() -> None:
    it = long_list(4, rows=4_000)
    it.killed("issues", 34)
    through = it.states["issues"]["groups"][str(TOP)]["through"]
    rest = it.sync("issues")["issues"]
    assert it.lacks("issues") == []
    assert len(rest) < 2_800
    assert min(row["updated_at"] for row in rest) >= through[:14]


def test_two_pages_of_a_window_are_asked_for_at_once() -> None:
    """The third is found by its number, and every row comes however many move meanwhile."""
    it = copy(num_workers=8)
    for number in range(2_000):
        create(it, "issues", WEB, START - 2 * HOUR * SECOND + number * SECOND)
    made = sorted(it.emulator.world.issues.rows)

    def change() -> None:
        for number in made[100:1_900:90]:
            it.change("update", table="issues", id=number, set={"title": "Moved"})

    it.before("per_page=98&page=2", change)
    it.sync("issues")
    assert any("per_page=98&page=2" in one for one in it.asked)
    assert it.lacks("issues") == []
