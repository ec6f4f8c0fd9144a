"""Answers, and how one page of a list leads to the next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from source_gitlab.gitlab.errors import Emptied, Malformed
from source_gitlab.gitlab.list_end import Led, must_have_ended
from source_gitlab.gitlab.next_page import CURSORS, Query, is_guessed, next_of, numbered, total_of
from source_gitlab.gitlab.raw_rows import RawRow, text_of_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = [
    "Answer",
    "Missed",
    "Query",
    "Row",
    "answer_of",
    "list_of_objects",
    "not_what_was_asked",
    "pages_of",
    "text_of",
]

Row = dict[str, Any]
"""A row of GitLab. In a session with raw rows it is a `RawRow`, which is read and changed alike."""

# Pages of rows that were all deleted or hidden meanwhile, and pages that shifted onto one another,
# come now and then; so many of them never do.
_MOST_EMPTY = 500
_MOST_REPEATED = 20
_CIRCULAR = "names a page that was already read as the next one"
_BARREN = "names a next page again and again, but brings nothing new"


@dataclass(frozen=True)
class Missed:
    """Something of a list that did not come; `message` is a sentence for people that names it.

    `reason` is "failed", "permission" (GitLab leaves out what tells these rows apart) or "partial"
    (a row came, but without a part of it). `span` are the instants between which its `updated_at`
    lies, where that is known. `remembered` tells that the state names it by itself.
    """

    message: str
    url: str
    reason: str = "failed"
    span: tuple[str, str] | None = None
    remembered: bool = False

    @property
    def lacks(self) -> bool:
        """Whether a row did not come."""
        return self.reason != "partial"

    @property
    def holds(self) -> bool:
        """Whether a state must not move past it."""
        return self.lacks and not self.remembered


@dataclass(frozen=True)
class Answer:
    """One answer of GitLab.

    `next` is the query of the next page, or None on the last; `total` is the number of rows in
    the whole list where GitLab says it (it does not above 10,000 rows). `missed` are rows of the
    page that GitLab could not give. `guessed` tells that there may be no next page, and none to
    the list: it is asked for because headers get lost, and comes a second time where it was all.
    `thinned` tells that GitLab may have left rows out of the page after it had cut it, and `short`
    that rows are lacking although it does not.
    """

    data: Any
    next: Query | None
    total: int | None
    missed: tuple[Missed, ...] = ()
    guessed: bool = False
    thinned: bool = False
    short: bool = False

    @property
    def is_bare(self) -> bool:
        """Whether no row came, of a list of which no total tells, and none was left out."""
        return not self.data and not self.missed and self.total is None and not self.thinned

    @property
    def is_bare_end(self) -> bool:
        """Whether such a page ends the list."""
        return self.is_bare and self.next is None


def answer_of(
    data: Any,
    headers: Mapping[str, str],
    query: Mapping[str, Any],
    stripped: Callable[[], bool] = lambda: False,
) -> Answer:
    """An answer with what its headers say of the list; `stripped` is as in `next_page.next_of`.

    Raises:
        Malformed: how its next page is asked for cannot be understood.
    """
    following = next_of(data, headers, query, stripped)
    guessed = following is not None and is_guessed(data, headers, query)
    return Answer(data, following, total_of(headers), guessed=guessed)


def list_of_objects(answer: Answer, url: str, *, stepping: bool) -> Answer:
    """The answer of `url`, if it is a list of objects; with `stepping`, without what else is in it.

    Raises:
        Malformed: it is something else.
    """
    data = answer.data
    if isinstance(data, list) and all(isinstance(row, (dict, RawRow)) for row in data):
        return answer
    rows = [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []
    problem = not_what_was_asked(url, "a list of objects", data)
    if not rows or not stepping:
        raise problem
    lost = len(data) - len(rows)
    told = "1 row was" if lost == 1 else f"{lost} rows were"
    missed = Missed(f"{told} left out. {problem}", url)
    return replace(answer, data=rows, missed=(missed,))


def not_what_was_asked(url: str, wanted: str, data: Any, inside: str = "") -> Malformed:
    """The error of an answer of another kind than `wanted`; `inside` is where in it that stands."""
    where = f" in {inside}" if inside else ""
    return Malformed(
        f"{url} answered with {_kind(data, wanted)}{where} instead of {wanted}.", url=url
    )


def _kind(data: Any, wanted: str) -> str:
    if isinstance(data, list):
        return "a list of something else" if wanted.startswith("a list") else "a list"
    return {dict: "an object", str: "a text", type(None): "null", bool: "true or false"}.get(
        type(data), "a number"
    )


def text_of(value: Any) -> str:
    """A value as a query has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def pages_of(
    fetch: Callable[[Query], Answer], query: Query, url: str = "", first: Answer | None = None
) -> Iterator[Answer]:
    """Every page of a list, one after the other, as far as GitLab says that there is a next one.

    `url` is the list's address, for people; `first` is the first page, if it was asked for already.

    Raises:
        Malformed: the list would never end: its next page is one that was already asked for, or
            its pages keep repeating or being empty.
        Emptied: it ends with a page without rows, and goes on behind the page before.
        GitlabError: as `fetch` raises it.
    """
    asked: set[tuple[tuple[str, str], ...]] = set()
    firsts: set[int] = set()
    empty = repeated = 0
    before: int | None = None
    led: Led | None = None
    last = _rows_before(query)
    following: Query | None = query
    while following is not None:
        identity = tuple(sorted((key, text_of(value)) for key, value in following.items()))
        if identity in asked:
            raise _endless(_CIRCULAR, query, url)
        asked.add(identity)
        answer = first or fetch(following)
        first = None
        # Whoever takes the rows may change them.
        this = hash(tuple(map(text_of_row, answer.data))) if answer.guessed else None
        if this is not None and this == before:
            # It is the page before once more. Who does not know the cursor may know numbers.
            following = {**numbered(following), "page": 2} if CURSORS & following.keys() else None
            continue
        before = this
        if led is not None and answer.is_bare_end:
            try:
                must_have_ended(fetch, led, following, url)
            except Emptied:
                answer = fetch(following)
                if answer.is_bare_end:
                    raise
        rows = len(answer.data) + len(answer.missed)
        last = None if last is None else last + rows
        led = None if answer.guessed else Led(following, rows, last)
        if answer.data:
            top = hash(text_of_row(answer.data[0]))
            repeated += top in firsts
            firsts.add(top)
            empty = 0
        else:
            empty += 1
        yield answer
        if empty > _MOST_EMPTY or repeated > _MOST_REPEATED:
            raise _endless(_BARREN, query, url)
        following = answer.next


def _rows_before(query: Query) -> int | None:
    """How many rows are before a page; None where nobody knows how long the pages before are."""
    return 0 if str(query.get("page", 1)) == "1" else None


def _endless(what: str, query: Query, url: str) -> Malformed:
    asked = "&".join(f"{key}={text_of(value)}" for key, value in query.items())
    return Malformed(f"GitLab {what} (in the list {url or 'asked for with'} {asked}).", url=url)
