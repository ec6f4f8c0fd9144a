"""Long lists of projects by ranges of ids, against a list in memory."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from source_gitlab.core.prefetch import Prefetcher
from source_gitlab.core.walks.id_ranges import BoundsIgnored, Ranges
from source_gitlab.gitlab.errors import Emptied, Malformed, ReadError, Skipped
from source_gitlab.gitlab.pagination import Answer
from source_gitlab.streams.vocabulary import Paging

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from source_gitlab.gitlab.lists import Sound

COUNTED = 1_000
QUERY = {"order_by": "id", "sort": "asc"}
BOUNDS = ("id_after", "id_before")
FIVE = range(1, 5_001)
FAR = 4_000


class Projects:
    """A list of projects; GitLab knows the parameters that are in `known`.

    It counts up to 1,000 rows. What stands before it makes of a page what `change` says, which gets
    the query, the page and how often this was asked for.
    """

    api_url = "https://gitlab.example.com/api/v4"
    paging = Paging.FULL

    def __init__(
        self,
        ids: Collection[int],
        change: Callable[[Mapping[str, Any], Answer, int], Answer] = lambda _q, answer, _n: answer,
        known: tuple[str, ...] = BOUNDS,
    ) -> None:
        self.ids = set(ids)
        self._change = change
        self._known = known
        self._lock = threading.Lock()
        self.asked: list[tuple[tuple[str, Any], ...]] = []

    def rows(
        self, path: str, query: Mapping[str, Any], sound: Sound, *, whole: bool = True
    ) -> Answer:
        """A page, of which the headers tell whether there is another one."""
        assert whole
        asked = tuple(sorted((name, v) for name, v in query.items() if name != "per_page"))
        with self._lock:
            self.asked.append(asked)
            times = self.asked.count(asked)
            ids = sorted(self.ids, reverse=query["sort"] == "desc")
        bounds = {name: query[name] for name in self._known if name in query}
        after, before = bounds.get("id_after", 0), bounds.get("id_before", 10**12)
        ids = [number for number in ids if after < number < before]
        size = query["per_page"]
        following = {**query, "page": 2} if len(ids) > size else None
        total = len(ids) if len(ids) <= COUNTED else None
        answer = Answer([{"id": number} for number in ids[:size]], following, total)
        return sound(path, self._change(query, answer, times))


def read(projects: Projects, workers: int = 4) -> list[int]:
    """The ids that came, of rows that are emptied as soon as they are taken."""
    first = projects.rows("", {**QUERY, "per_page": 100}, lambda _url, answer: answer)
    projects.asked.clear()
    prefetcher = Prefetcher(workers)
    found = [row["id"] for row in first.data]
    try:
        ranges = Ranges(projects, "groups/1/projects", QUERY, first)
        first.data.clear()
        for rows in ranges.pages(prefetcher):
            found += [row["id"] for row in rows]
            for row in rows:
                row.clear()
    finally:
        prefetcher.close()
    return found


def ids_of(clusters: list[tuple[int, int]]) -> set[int]:
    """So many ids behind each of some numbers."""
    return {start + number for start, count in clusters for number in range(count)}


@pytest.mark.parametrize("workers", [1, 4, 40])
@given(st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 900)), min_size=1, max_size=5))
@example([(1, 101)])
@example([(1, 100), (10**9, 1)])
@example([(1, 5_000)])
@example([(1, 150), (10**9, 3_000)])
def test_every_row_comes_once(workers: int, clusters: list[tuple[int, int]]) -> None:
    ids = ids_of(clusters) | ids_of([(1, 101)])
    projects = Projects(ids)
    assert sorted(read(projects, workers)) == sorted(ids)
    # However the ids lie, asking for parts that are empty, which is done twice, costs little.
    assert len(projects.asked) <= 4 + 3 * len(ids) / 100 + 2 * len(clusters)


def test_one_worker_takes_no_more_than_the_pages() -> None:
    projects = Projects(FIVE)
    assert sorted(read(projects, 1)) == list(FIVE)
    assert len(projects.asked) <= 2 + 49 + 1


@pytest.mark.parametrize("known", [(), BOUNDS[:1], BOUNDS[1:]])
def test_a_gitlab_that_does_not_know_the_bounds(known: tuple[str, ...]) -> None:
    with pytest.raises(BoundsIgnored):
        read(Projects(FIVE, known=known))


def test_a_gitlab_that_sorts_otherwise() -> None:
    def newest_first(_query: Mapping[str, Any], answer: Answer, _times: int) -> Answer:
        return Answer(answer.data[::-1], answer.next, answer.total)

    with pytest.raises(BoundsIgnored):
        read(Projects(FIVE, newest_first))


EMPTY = {
    "without headers": Answer([], None, None),
    "counted": Answer([], None, 0),
    "leading on": Answer([], {"page": 2}, None),
}


@pytest.mark.parametrize("empty", EMPTY.values(), ids=EMPTY)
@pytest.mark.parametrize("is_end", [True, False])
def test_a_range_that_is_emptied_once_is_an_error(empty: Answer, *, is_end: bool) -> None:
    def emptied(query: Mapping[str, Any], answer: Answer, times: int) -> Answer:
        is_far = query.get("id_after", 0) >= FAR and ("id_before" not in query) == is_end
        return empty if is_far and times == 1 else answer

    with pytest.raises(Emptied, match="groups/1/projects was answered with an empty page"):
        read(Projects(FIVE, emptied))


@pytest.mark.parametrize("empty", EMPTY.values(), ids=EMPTY)
def test_one_range_is_empty_for_good(empty: Answer) -> None:
    """In whatever size it is asked for: what follows the row before it lies in it."""

    def emptied(query: Mapping[str, Any], answer: Answer, _times: int) -> Answer:
        return (
            empty if FAR in range(query.get("id_after", 0), query.get("id_before", 0)) else answer
        )

    with pytest.raises(Emptied, match="groups/1/projects was answered with an empty page"):
        read(Projects(FIVE, emptied))


@pytest.mark.parametrize("empty", EMPTY.values(), ids=EMPTY)
def test_every_range_is_empty_for_good(empty: Answer) -> None:
    """The highest row, which is there when it is asked for from the end, did not come."""

    def emptied(query: Mapping[str, Any], answer: Answer, _times: int) -> Answer:
        return empty if "id_after" in query else answer

    with pytest.raises(Emptied, match=r"groups/1/projects (ends before the row 5000|was answered)"):
        read(Projects(FIVE, emptied))


def test_the_highest_row_may_be_deleted_meanwhile() -> None:
    projects = Projects(FIVE)

    def deleted(_query: Mapping[str, Any], answer: Answer, _times: int) -> Answer:
        projects.ids.discard(FIVE[-1])
        return answer

    projects = Projects(FIVE, deleted)
    assert sorted(read(projects)) == list(FIVE[:-1])


def test_an_end_that_is_told_too_early() -> None:
    def stale(query: Mapping[str, Any], answer: Answer, _times: int) -> Answer:
        return Answer([{"id": 130}], None, None) if query["sort"] == "desc" else answer

    assert sorted(read(Projects(FIVE, stale))) == list(FIVE)


@pytest.mark.parametrize("size", [20, 50, 70])
def test_headers_get_lost_and_pages_are_cut(size: int) -> None:
    """A page without headers ends nothing, however short it is."""

    def cut(_query: Mapping[str, Any], answer: Answer, _times: int) -> Answer:
        return Answer(answer.data[:size], None, None)

    assert sorted(read(Projects(FIVE[:900], cut))) == list(FIVE[:900])


def test_fewer_rows_than_are_counted() -> None:
    def short(query: Mapping[str, Any], answer: Answer, _times: int) -> Answer:
        is_last = "id_after" in query and answer.next is None and len(answer.data) > 1
        return Answer(answer.data[:-1], None, answer.total) if is_last else answer

    with pytest.raises(Malformed, match=r"was answered with \d+ rows of the \d+ that it counts"):
        read(Projects(FIVE, short))


def test_a_range_that_is_refused_is_no_group_that_is_gone() -> None:
    def refused(query: Mapping[str, Any], answer: Answer, _times: int) -> Answer:
        if query.get("id_after", 0) >= FAR:
            message = "404"
            raise Skipped(message, reason="gone")
        return answer

    with pytest.raises(ReadError, match="The first page of the same list came"):
        read(Projects(FIVE, refused))
