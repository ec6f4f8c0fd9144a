"""The third page of each window, asked for together with its second.

A window's second page is asked for by value, from the last row of the first one. The page behind it
is found by its number from there, so that the two are one round trip. A row that changes between
the two moves to the end and pulls the others one place forward, so that one of them may stand on
neither page. So the third page repeats rows of the second and counts only where it starts with an
earlier instant than the second ended with: each is a gapless piece of the order, and rows of one
instant have no order that GitLab keeps. Otherwise the page is asked for by value.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from source_gitlab.core.walks.windows import first_instant
from source_gitlab.gitlab.errors import ReadError, Skipped
from source_gitlab.timestamps import instant

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.core.slices import Row
    from source_gitlab.core.walks.windows import WindowStarts
    from source_gitlab.gitlab.client import Answer
    from source_gitlab.gitlab.tuning import Tuning

# So many rows of the second page come again. With the rows that a start has less than a page, the
# third one still ends behind the row that the next window starts with.
_OVERLAP = 2
# Where the last rows of a first page share an instant, those of the second one may as well.
_TOLD_APART = 4
_LEAST_PAGES = 3


class ThirdPages:
    """The third pages of the windows of one list. Thread-safe.

    `page(since, number, rows, until)` is a page by its number. Once one has to be asked for again
    by value, no further one is asked for by number: rows that change, or share their instants, do
    so all over a list.
    """

    def __init__(
        self,
        prefetcher: Prefetcher,
        page: Callable[[str, int, int, str | None], Answer],
        starts: WindowStarts,
        tuning: Tuning,
    ) -> None:
        """Ask nothing yet."""
        self._prefetcher = prefetcher
        self._page = page
        self._starts = starts
        self._size = tuning.page_size
        self._asked: dict[int, Future[Answer | None]] = {}
        self._are_worth_it = (
            tuning.window_pages >= _LEAST_PAGES and tuning.page_size > _TOLD_APART + _OVERLAP
        )

    def ask(self, position: int, *, is_last: bool) -> None:
        """Have the third page of a window asked for, whose start and the next one were."""
        if is_last and (self._starts.rows_behind(position) or 0) < self._size:
            return
        if self._are_worth_it:
            task = partial(self._ask, position, is_last=is_last)
            self._asked[position] = self._prefetcher.submit(task)

    def behind(self, position: int, last: str) -> Answer | None:
        """The third page of a window whose second one ended at an instant; None: ask by value.

        A page that could not be had is asked for by value as well, which says what is wrong.
        """
        future = self._asked.pop(position, None)
        if future is None:
            return None
        try:
            answer = future.result()
        except (ReadError, Skipped):
            pass
        else:
            if answer is None:
                return None
            rows = _behind(answer.data, last)
            if rows:
                return replace(answer, data=rows)
        self._are_worth_it = False
        return None

    def forget(self, position: int) -> None:
        """Drop the page of a window that ended before it."""
        self._asked.pop(position, None)

    def _ask(self, position: int, *, is_last: bool) -> Answer | None:
        rows = self._starts.answer(position).data
        behind = None if is_last else first_instant(self._starts.answer(position + 1).data)
        dated = (row.get("updated_at") for row in rows[-_TOLD_APART:])
        ends = [instant(one) for one in dated if one is not None]
        if not self._are_worth_it or len(set(ends)) < _TOLD_APART:
            return None
        last = ends[-1]
        if not is_last and (behind is None or behind <= last):
            return None
        return self._page(last, 2, self._size - _OVERLAP, behind)


def _behind(rows: list[Row], last: str) -> list[Row]:
    """The rows of a page that starts before an instant, from that instant on; none of another."""
    if not rows or any(row.get("updated_at") is None for row in rows):
        return []
    instants = [instant(row["updated_at"]) for row in rows]
    if instants[0] >= last:
        return []
    return [row for row, when in zip(rows, instants, strict=True) if when >= last]
