"""Long lists of projects by ranges of ids, against a list in memory."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from source_gitlab.core.prefetch import Prefetcher
from source_gitlab.core.walks.id_ranges import BoundsIgnored, read_ranges
from source_gitlab.gitlab.errors import Emptied
from source_gitlab.gitlab.pagination import Answer
from source_gitlab.streams.vocabulary import Paging

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from source_gitlab.gitlab.lists import Sound

COUNTED = 1_000
QUERY = {"order_by": "id", "sort": "asc"}


class Projects:
    """A list of projects; GitLab knows the parameters that are in `known`.

    It counts up to 1,000 rows. A page of the size `emptied` comes without rows and headers, where
    its rows are not the first.
    """

    api_url = "https://gitlab.example.com/api/v4"
    paging = Paging.FULL

    def __init__(self, ids: Collection[int], known: tuple[str, ...]) -> None:
        self._ids = sorted(ids)
        self._known = known
        self.emptied = 0
        self._lock = threading.Lock()
        self.asked: list[Mapping[str, Any]] = []

    def rows(
        self, path: str, query: Mapping[str, Any], sound: Sound, *, whole: bool = True
    ) -> Answer:
        """A page, of which the headers tell whether there is another one."""
        assert whole
        with self._lock:
            self.asked.append(query)
        bounds = {name: query[name] for name in self._known if name in query}
        after, before = bounds.get("id_after", 0), bounds.get("id_before", 10**12)
        ids = [number for number in self._ids if after < number < before]
        if query["sort"] == "desc":
            ids.reverse()
        size = query["per_page"]
        if size == self.emptied and after > self._ids[len(self._ids) // 2]:
            return sound(path, Answer([], None, None))
        following = {**query, "page": 2} if len(ids) > size else None
        total = len(ids) if len(ids) <= COUNTED else None
        return sound(path, Answer([{"id": number} for number in ids[:size]], following, total))


def read(projects: Projects, workers: int) -> list[int]:
    """The ids that came behind the first page."""
    first = projects.rows("", {**QUERY, "per_page": 100}, lambda _url, answer: answer)
    projects.asked.clear()
    prefetcher = Prefetcher(workers)
    try:
        pages = read_ranges(projects, prefetcher, "groups/1/projects", QUERY, first)
        return [row["id"] for rows in pages for row in rows]
    finally:
        prefetcher.close()


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
    projects = Projects(ids, ("id_after", "id_before"))
    assert sorted(read(projects, workers)) == sorted(ids)[100:]
    # However the ids lie, asking for parts that are empty costs little.
    assert len(projects.asked) <= 2 + 2 * len(ids) / 100 + len(clusters)


def test_one_worker_takes_no_more_than_the_pages() -> None:
    projects = Projects(range(1, 5_001), ("id_after", "id_before"))
    assert read(projects, 1) == list(range(101, 5_001))
    assert len(projects.asked) == 1 + 49


def test_a_range_that_is_emptied_on_the_way_is_no_empty_one() -> None:
    projects = Projects(range(1, 5_001), ("id_after", "id_before"))
    projects.emptied = 100
    with pytest.raises(Emptied, match="groups/1/projects was answered with an empty page"):
        read(projects, 4)


@pytest.mark.parametrize("known", [(), ("id_after",), ("id_before",)])
def test_a_gitlab_that_does_not_know_the_bounds(known: tuple[str, ...]) -> None:
    with pytest.raises(BoundsIgnored):
        read(Projects(range(1, 5_001), known), 4)
