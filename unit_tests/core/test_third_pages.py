"""The third page of a window counts only where it goes on without a gap behind the second one."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from source_gitlab.core.prefetch import Prefetcher
from source_gitlab.core.walks.third_pages import ThirdPages
from source_gitlab.core.walks.windows import WindowStarts
from source_gitlab.gitlab.errors import ReadError
from source_gitlab.gitlab.pagination import Answer
from source_gitlab.gitlab.tuning import Tuning
from source_gitlab.timestamps import plus

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_gitlab.gitlab.pagination import Row

EPOCH = "2026-01-01T00:00:00.000Z"
SIZE = 10


class Moving:
    """A list in the order of changes, of which `happen` is called before a third page is cut."""

    def __init__(self, rows: int, *, same: int = 1) -> None:
        self.rows: list[Row] = [
            {"id": number, "updated_at": plus(EPOCH, seconds=number - number % same)}
            for number in range(rows)
        ]
        self.happen: Callable[[], object] = lambda: None
        self.thirds = 0

    def touch(self, number: int) -> None:
        """Let a row move to the end."""
        row = next(row for row in self.rows if row["id"] == number)
        self.rows.remove(row)
        latest = self.rows[-1]["updated_at"]
        self.rows.append({"id": number, "updated_at": plus(latest, seconds=1)})

    def page(self, since: str | None, number: int, size: int, behind: str | None = None) -> Answer:
        """A page by its number, from an instant on."""
        if size == SIZE - 2:
            self.thirds += 1
            self.happen()
        rows = [row for row in self.rows if (since or "") <= row["updated_at"] <= (behind or "9")]
        start = (number - 1) * size
        following: dict[str, Any] | None = {"page": number + 1}
        return Answer(rows[start : start + size], following, len(rows))


def window_of(it: Moving, position: int = 0) -> tuple[list[int], list[int] | None]:
    """The ids of the second page of a window, and of the third where it counts."""
    tuning = Tuning(page_size=SIZE)
    prefetcher = Prefetcher(4)
    with closing(prefetcher):
        first = it.page(None, 1, SIZE)
        starts = WindowStarts(prefetcher, it.page, first, None, tuning)
        thirds = ThirdPages(prefetcher, it.page, starts, tuning)
        for number in range(1, position + 2):
            assert starts.ask(number)
        second = it.page(starts.answer(position).data[-1]["updated_at"], 1, SIZE)
        thirds.ask(position, is_last=False)
        answer = thirds.behind(position, second.data[-1]["updated_at"])
        third = None if answer is None else [row["id"] for row in answer.data]
        return [row["id"] for row in second.data], third


@pytest.mark.parametrize("position", [0, 1, 2])
def test_it_goes_on_where_the_second_page_ended(position: int) -> None:
    second, third = window_of(Moving(100), position)
    assert third is not None
    assert third[0] == second[-1]
    # The row that the next window starts with is on it, so that the window ends there.
    assert (position + 1) * 3 * (SIZE - 4) in third


@pytest.mark.parametrize("moved", [1, 2, 3, 5])
def test_rows_that_move_away_leave_no_gap(moved: int) -> None:
    """They pull the others forward, past the edge between the two pages."""
    it = Moving(100)

    def move() -> None:
        for number in range(24, 24 + moved):
            it.touch(number)

    it.happen = move
    second, third = window_of(it, position=1)
    assert 24 + moved in second
    assert third is None


def test_rows_of_one_instant_do_not_tell_where_a_page_starts() -> None:
    it = Moving(100, same=5)
    assert window_of(it)[1] is None
    assert not it.thirds


def test_a_page_that_cannot_be_had_is_left_to_who_reads_by_value() -> None:
    it = Moving(100)

    def fail() -> None:
        message = "no"
        raise ReadError(message)

    it.happen = fail
    assert window_of(it)[1] is None
    assert it.thirds == 1
