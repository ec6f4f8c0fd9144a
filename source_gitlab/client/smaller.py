"""Asking for less when GitLab cannot give a page: fewer rows at once, then a shorter time.

A page fails for good where its rows are costly to make: the database or the application runs into
its time-out, or one broken row breaks every page that it is on. Smaller pages get everything but
that row, and name the place.

The price: five requests for one, and between the parts of a page that is numbered a list can shift
as it can between pages. Who reads such a list compares its length with what came, and who reads by
value takes a part for a page (`whole=False`) and goes on from its last row, which cannot lose any.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from source_gitlab.client.answers import Answer
from source_gitlab.client.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from source_gitlab.client.answers import Query

# The largest size that divides the page and is not above these, one after the other.
_BOUNDS = (20, 5, 1)
_CUT = 8
_MOST_CUTS = 40
_SHORTEST = timedelta(seconds=1)
# Nothing on any GitLab is older than GitLab.
_FIRST_DAY = datetime(2011, 1, 1, tzinfo=timezone.utc)


class Smaller:
    """Gets pages in parts, and remembers which lists need it. Thread-safe."""

    def __init__(self) -> None:
        """Every list is taken to give whole pages."""
        self._sizes: dict[str, int] = {}

    def size(self, path: str) -> int | None:
        """The size of pages that `path` is known to need."""
        return self._sizes.get(path)

    def rows(
        self,
        fetch: Callable[[Mapping[str, Any]], Answer],
        path: str,
        query: Mapping[str, Any],
        problem: ServerError | None,
        *,
        whole: bool,
    ) -> Answer:
        """The page that `query` asks for, in parts; if not `whole`, its first rows will do.

        Raises:
            ServerError: `problem`, or that of the smallest part: not even that can be had.
        """
        wanted = int(query.get("per_page", 20))
        known = self._sizes.get(path, wanted)
        for size in _sizes(wanted, known):
            try:
                answer = _in_parts(fetch, query, wanted, size, whole=whole)
            except ServerError as error:
                problem = problem or error
                continue
            self._sizes[path] = size
            return answer
        narrow = None if whole else _narrowed(fetch, query)
        if narrow is None:
            raise problem or ServerError(f"{path} cannot be read.")
        return narrow


def _sizes(wanted: int, known: int) -> list[int]:
    """The sizes to try for a page of `wanted` rows: each once, none above a `known` one."""
    bounds = (min(bound, known) for bound in _BOUNDS)
    sizes = (next(n for n in range(bound, 0, -1) if not wanted % n) for bound in bounds)
    return [size for size in dict.fromkeys(sizes) if size < wanted]


def _in_parts(
    fetch: Callable[[Mapping[str, Any]], Answer],
    query: Mapping[str, Any],
    wanted: int,
    size: int,
    *,
    whole: bool,
) -> Answer:
    number = int(query.get("page", 1))
    parts = wanted // size
    part: Query = {**query, "per_page": size}
    if number > 1:
        part["page"] = (number - 1) * parts + 1
    first = answer = fetch(part)
    if not whole:
        return first
    rows = list(first.data)
    for _ in range(parts - 1):
        if answer.next is None:
            break
        answer = fetch(answer.next)
        rows += answer.data
    following: Query | None = None
    if answer.next is not None:
        following = {**answer.next, "per_page": wanted}
        if "page" in following:
            following["page"] = number + 1
    return Answer(rows, following, first.total)


def _narrowed(
    fetch: Callable[[Mapping[str, Any]], Answer], query: Mapping[str, Any]
) -> Answer | None:
    """The first rows by `updated_at`, found in spans of time that are short enough.

    None when the list is not read by `updated_at`, or when not even one second of it can be had.
    """
    if query.get("order_by") != "updated_at" or query.get("sort") != "asc" or "page" in query:
        return None
    low = _moment(query.get("updated_after")) or _FIRST_DAY
    end = _moment(query.get("updated_before")) or datetime.now(timezone.utc) + timedelta(days=1)
    span = end - low
    for _ in range(_MOST_CUTS):
        high = min(low + span, end)
        bounds = {"updated_after": _text(low), "updated_before": _text(high)}
        try:
            answer = fetch({**query, **bounds})
        except ServerError:
            span /= _CUT
            if span < _SHORTEST:
                return None
            continue
        if answer.data or high >= end:
            more: Query | None = {**query, "updated_after": _text(high)} if high < end else None
            return Answer(answer.data, answer.next or more, len(answer.data))
        low, span = high, 2 * span
    return None


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(str(text).replace("Z", "+00:00")) if text else None


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
