"""Where two numbers differ: halving spans until the rows are found that one side lacks."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from source_gitlab.core.walks.pages import PER_PAGE
from source_gitlab.gitlab.errors import FatalError, GitlabError, Skipped
from source_gitlab.timestamps import between, instant, is_instant, plus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.core.slices import Row
    from source_gitlab.core.verification.counting import Counting
    from source_gitlab.core.verification.lists import CountedList
    from source_gitlab.core.verification.spans import Span

_OLDEST = "2000-01-01T00:00:00.000Z"
# What is created in less is read, however much it is.
_SHORTEST_SECONDS = 1

Key = tuple[Any, ...]


class Copy(Protocol):
    """What a destination holds of the lists. Used by one thread."""

    def number(self, one: CountedList, span: Span | None) -> int:
        """How many rows of a list it has that were created in a span (None: all of them)."""
        ...

    def middle(self, one: CountedList, span: Span) -> str | None:
        """When the row was created that stands in the middle of those of a span, if any does."""
        ...

    def rows(self, one: CountedList, span: Span | None) -> Mapping[Key, Row]:
        """Those rows by key, each with what its address is made of."""
        ...

    def has(self, one: CountedList, keys: set[Key]) -> set[Key]:
        """Those of the keys that it has, wherever they belong."""
        ...


@dataclass
class Difference:
    """What was found in a span: rows that the copy is `missing`, and those `gone` from GitLab.

    `unsure` are sentences about rows that GitLab did not show and that may be there all the same;
    `failed` when GitLab may tell of them when it is asked again.
    """

    one: CountedList
    span: Span | None
    missing: list[Row] = field(default_factory=list)
    gone: list[Row] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    failed: bool = False

    def __bool__(self) -> bool:
        return bool(self.missing or self.gone)


class Search:
    """Looks for differences of one copy; by one thread, which asks GitLab in several."""

    def __init__(self, counting: Counting, prefetcher: Prefetcher, copy: Copy) -> None:
        """Look for nothing yet."""
        self._counting = counting
        self._prefetcher = prefetcher
        self._copy = copy

    def within(
        self, one: CountedList, span: Span, mine: int, theirs: int | None
    ) -> Iterator[Difference]:
        """What differs in a span of which both numbers are known (None: more than GitLab counts).

        Of two halves only one is counted where the whole is known.

        Raises:
            GitlabError: as `gitlab.errors` sorts it.
        """
        waiting = [(span, mine, theirs)]
        while waiting:
            span, mine, theirs = waiting.pop()
            if mine == theirs:
                continue
            middle = self._middle(one, span)
            if middle is None or (theirs is not None and _is_worth_reading(mine, theirs)):
                yield self.read(one, span)
                continue
            early, late = span.cut(middle)
            mine_early = self._copy.number(one, early)
            early_number = self._counting.number(one, early)
            if theirs is None or early_number is None:
                late_number = self._counting.number(one, late)
            else:
                late_number = theirs - early_number
            waiting += [(late, mine - mine_early, late_number), (early, mine_early, early_number)]

    def read(self, one: CountedList, span: Span | None) -> Difference:
        """What differs in a span, or in a whole list, by reading all of it.

        Raises:
            GitlabError: as `gitlab.errors` sorts it.
        """
        rows, is_sound = self._counting.rows(one, span)
        return self.compare(one, span, rows, is_sound=is_sound)

    def compare(
        self, one: CountedList, span: Span | None, rows: list[Row], *, is_sound: bool
    ) -> Difference:
        """What differs in a span of which GitLab has these rows; `is_sound` when they all came.

        Raises:
            GitlabError: as `gitlab.errors` sorts it.
        """
        found = Difference(one, span)
        key = one.stream.key
        mine = self._copy.rows(one, span)
        theirs = {tuple(row.get(name) for name in key): row for row in rows}
        new = {name for name, row in theirs.items() if name not in mine and not _is_newer(one, row)}
        new -= self._copy.has(one, new)
        found.missing = [theirs[name] for name in theirs if name in new]
        lost = [row for name, row in mine.items() if name not in theirs]
        if lost and not is_sound:
            found.unsure.append("A part of the list could not be read.")
            found.failed = True
        elif lost:
            hidden = self._counting.hides(one)
            if hidden is not None:
                found.unsure.append(hidden)
            else:
                self._confirm(found, lost)
        return found

    def _confirm(self, found: Difference, lost: list[Row]) -> None:
        """Ask for each row by itself: a list may leave one out that is there."""

        def asked(row: Row) -> bool | GitlabError:
            try:
                return self._counting.has(found.one, row)
            except FatalError:
                raise
            except GitlabError as error:
                return error

        tasks = (lambda row=row: asked(row) for row in lost)
        answers = self._prefetcher.in_order(tasks, 2 * self._prefetcher.workers)
        for row, answer in zip(lost, answers, strict=True):
            if answer is False:
                found.gone.append(row)
            elif answer is not True:
                is_refused = isinstance(answer, Skipped)
                found.failed = found.failed or not is_refused
                what = "refuses" if is_refused else "fails"
                found.unsure.append(f"GitLab {what} to tell of a row. {answer}")

    def _middle(self, one: CountedList, span: Span) -> str | None:
        """Where to cut a span; None when it is too short to be cut."""
        low, high = span.after or _OLDEST, span.before
        if low >= high or plus(low, seconds=_SHORTEST_SECONDS) >= high:
            return None
        middle = self._copy.middle(one, span)
        if middle is None or not low < middle < high:
            middle = between(low, high)
        return middle if low < middle < high else None


def _is_worth_reading(mine: int, theirs: int) -> bool:
    """Whether reading all rows costs no more requests than looking for those that differ."""
    pages = math.ceil(max(mine, theirs, 1) / PER_PAGE)
    return pages <= abs(mine - theirs) * (1 + math.log2(pages))


def _is_newer(one: CountedList, row: Row) -> bool:
    """Whether a row may have come since the copy was read."""
    created = row.get("created_at")
    if is_instant(created) and instant(str(created)) >= one.until:
        return True
    updated = row.get("updated_at") if one.first else None
    return is_instant(updated) and instant(str(updated)) > one.until
