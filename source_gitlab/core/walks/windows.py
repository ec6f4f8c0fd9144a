"""Where the windows of a long list start: pages that are found by their number.

Such a page is a gapless piece of the order, so a window can go on from its last row by value until
it meets the page that the next window starts with.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from source_gitlab.gitlab.client import Answer
from source_gitlab.timestamps import instant, plus

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.core.slices import Row
    from source_gitlab.gitlab.tuning import Tuning

# The pages of a window behind its first one each repeat a row. With so many rows less in the first
# one, they end just behind the row that the next window starts with, and not a page later.
_SPARED = 4
_NOTHING = Answer([], None, None)


class WindowStarts:
    """The pages that windows start with, asked for as far ahead as the reader wants.

    Window 0 starts with the page that the list was opened with, window n with start n. `page` asks
    for a page: `page(since, number, rows)` are the rows from an instant on, by page number.
    """

    def __init__(
        self,
        prefetcher: Prefetcher,
        page: Callable[[str | None, int, int], Answer],
        first: Answer,
        since: str | None,
        tuning: Tuning,
    ) -> None:
        """Ask nothing yet; `first` is the page at `since`."""
        self._pages = tuning.window_pages
        self._from_root = tuning.windows_from_root
        self._prefetcher = prefetcher
        self._page = page
        self._first = first
        self._rows = max(tuning.page_size - _SPARED, 1)
        self._roots = {0: since}
        self._totals = {0: first.total}
        self._asked: dict[int, Future[Answer]] = {}
        self._ended = False

    def are_worth_it(self, pages: int) -> bool:
        """Whether the list is, or may be, longer than so many pages."""
        total = self._totals[0]
        return total is None or total > pages * self._rows

    def ask(self, position: int) -> bool:
        """Have start `position` asked for, once; False where the list is known to end before it."""
        if position in self._asked:
            return True
        root, windows = divmod(position - 1, self._from_root)
        number = 1 + self._pages * (windows + 1)
        total = self._total(root)
        if self._ended or (total is not None and (number - 1) * self._rows >= total):
            return False
        # Still there unless the root is known, because a start of that root was needed to drop it.
        last_before = self._asked.get(root * self._from_root)
        task = partial(self._ask, root, number, last_before)
        self._asked[position] = self._prefetcher.submit(task)
        return True

    def rows_behind(self, position: int) -> int | None:
        """How many rows the list has behind the page of a start, where GitLab tells it."""
        root, windows = divmod(max(position - 1, 0), self._from_root)
        total = self._total(root)
        number = self._pages * (windows + 1) + 1 if position else 1
        return None if total is None else max(total - number * self._rows, 0)

    def answer(self, position: int) -> Answer:
        """Start `position`, 0 or asked for; without rows where the list ends before it."""
        return self._asked[position].result() if position else self._first

    def forget(self, position: int) -> None:
        """Drop the rows of a start; those of all before it were dropped already."""
        self._asked.pop(position, None)

    def _total(self, root: int) -> int | None:
        """The rows from a root on, as far as GitLab told; it does for lists of up to 10,000."""
        before = self._totals.get(root - 1)
        if root in self._totals or before is None:
            return self._totals.get(root)
        return before - self._from_root * self._pages * self._rows

    def _ask(self, root: int, number: int, last_before: Future[Answer] | None) -> Answer:
        if root not in self._roots and last_before is not None:
            reached = first_instant(last_before.result().data)
            if reached is None:
                return _NOTHING
            # It is known since that start was asked for.
            before = self._roots[root - 1]
            if before is not None and reached <= before:
                # Rows of one instant may be more than the pages of a root.
                reached = plus(before, milliseconds=1)
            self._roots[root] = reached
        answer = self._page(self._roots[root], number, self._rows)
        if answer.total is not None:
            self._totals[root] = answer.total
        self._ended = self._ended or not answer.data
        return answer


def first_instant(rows: list[Row]) -> str | None:
    """The instant of the first row that has one."""
    return next((instant(row["updated_at"]) for row in rows if row.get("updated_at")), None)
