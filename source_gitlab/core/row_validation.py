"""Rows that are not as GitLab documents them: an error that says where, not a stumble over them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from source_gitlab.core.row_key import missed_key, types_of
from source_gitlab.core.state.parts import StateError
from source_gitlab.gitlab.errors import Malformed, ReadError
from source_gitlab.gitlab.pagination import Missed
from source_gitlab.timestamps import is_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from source_gitlab.core.slices import Page, Row
    from source_gitlab.gitlab.lists import Lists
    from source_gitlab.gitlab.pagination import Answer
    from source_gitlab.streams import Stream

T = TypeVar("T")

_STRANGE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_NAMES = {int: "a number", str: "a text"}
_TIMES = ("updated_at", "created_at")


@contextmanager
def as_documented(url: str) -> Iterator[None]:
    """What is done in this block takes columns of GitLab's rows for what GitLab says they are.

    Raises:
        Malformed: in place of the error that a missing column, or one of another type, caused.
        StateError: a state is what is wrong.
    """
    try:
        yield
    except StateError:
        raise
    except _STRANGE as error:
        message = (
            f"{url} answered with rows that are not as GitLab documents them"
            f" ({type(error).__name__}: {error})."
        )
        raise Malformed(message, url=url) from error


def documented(items: Iterator[T], url: str) -> Iterator[T]:
    """The items, which are made of GitLab's rows; what is done with them is not.

    Raises:
        Malformed: as `as_documented` raises it, for making the next item.
    """
    while True:
        with as_documented(url):
            try:
                item = next(items)
            except StopIteration:
                return
        yield item


def understood(lists: Lists, path: str, rows: list[Row], of: Callable[[Row], T]) -> list[T]:
    """What `of` makes of rows; one that is not as GitLab documents it is noted and left out."""
    found: list[T] = []
    for row in rows:
        try:
            found.append(of(row))
        except _STRANGE as error:  # noqa: PERF203 -- one row must not cost the others
            url = f"{lists.api_url}/{path}"
            name = row.get("path_with_namespace") or row.get("full_path") or row.get("id")
            message = (
                f"{url} answered with a row ({name}) that is not as GitLab documents it"
                f" ({type(error).__name__}: {error}). It was left out."
            )
            lists.note(Missed(message, url))
    return found


def first_of(missed: Sequence[Missed]) -> ReadError | None:
    """The error of a slice of which these did not come; None when none of them failed."""
    failed = [one for one in missed if one.reason == "failed"]
    if not failed:
        return None
    more = f" {len(failed) - 1} more were left out." if len(failed) > 1 else ""
    return ReadError(f"{failed[0].message}{more}", url=failed[0].url)


def walkable(url: str, answer: Answer) -> Answer:
    """A page without the rows that a walk by time cannot go by: they are missed.

    Such a row has a time that is no time. A row may lack its times.
    """
    if not any(map(_odd_time, answer.data)):
        return answer
    missed: list[Missed] = []
    sound: list[Row] = []
    for row in answer.data:
        odd = _odd_time(row)
        if odd is None:
            sound.append(row)
            continue
        shown = repr(row[odd])[:60]
        message = (
            f"{url} answered with a row ({row.get('id')}) whose {odd} is {shown} instead of a time."
            " It was left out."
        )
        missed.append(Missed(message, url))
    return replace(answer, data=sound, missed=(*answer.missed, *missed))


def _odd_time(row: Row) -> str | None:
    """The column of a row that holds something else than a time, if one does."""
    for column in _TIMES:
        value = row.get(column)
        if value is not None and not is_instant(value):
            return column
    return None


def addressed(
    rows: list[Row], columns: Mapping[str, type], url: str
) -> tuple[list[Row], list[Row], list[Missed]]:
    """The rows of which these columns can stand in a path, the others, and what to say of them."""
    names = sorted(columns)
    sound: list[Row] = []
    odd: list[Row] = []
    missed: list[Missed] = []
    for row in rows:
        wrong = next(
            (name for name in names if type(row.get(name)) is not columns[name] or row[name] == ""),
            None,
        )
        if wrong is None:
            sound.append(row)
            continue
        odd.append(row)
        message = (
            f"{url} answered with a row ({row.get('id')}) whose {wrong} is"
            f" {repr(row.get(wrong))[:60]} instead of {_NAMES[columns[wrong]]}."
            " What is below it was not read."
        )
        missed.append(Missed(message, url))
    return sound, odd, missed


def of_nobody(rows: list[Row], columns: Iterable[str], url: str) -> list[Missed]:
    """What to say of rows that none of the columns gives an owner: any stream may lack them."""
    names = list(columns)
    return [
        Missed(
            f"{url} answered with a row ({row.get('id')}) that has no {' or '.join(names)}."
            " It was left out.",
            url,
        )
        for row in rows
        if not any(type(row.get(name)) is int for name in names)
    ]


class Keys:
    """The key columns of a stream, which every row must have as users get it."""

    def __init__(self, stream: Stream) -> None:
        """Take the columns' types from the stream's schema."""
        self._role = stream.key_role
        self._columns = [(column, types_of(stream, column)) for column in stream.key]

    def checked(self, pages: Iterable[Page], url: str) -> Iterator[Page]:
        """The pages with the rows that have a proper key; `missed` tells of the others."""
        for page in pages:
            for column, types in self._columns:
                wrong = [row for row in page.rows if type(row.get(column)) not in types]
                if wrong:
                    page.missed.append(missed_key(url, column, types, wrong, self._role))
                    page.rows = [row for row in page.rows if type(row.get(column)) in types]
                    page.owner = None
            yield page
