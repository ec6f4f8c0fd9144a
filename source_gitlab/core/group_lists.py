"""The lists of what is below a group: groups, and the projects of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_gitlab.core.name_advice import of_group
from source_gitlab.core.row_key import ID
from source_gitlab.core.row_validation import understood
from source_gitlab.core.selected import Group, Project
from source_gitlab.core.walks.id_ranges import BoundsIgnored, Ranges
from source_gitlab.core.walks.pages import PER_PAGE, read_pages
from source_gitlab.gitlab.errors import NoSuchList, OffsetLimit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from source_gitlab.config import Config
    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.core.slices import Row
    from source_gitlab.gitlab.client import Answer, Query
    from source_gitlab.gitlab.lists import Lists

_ORDER: Query = {"order_by": "id", "sort": "asc"}


class GroupLists:
    """Lists what is below groups, through the `lists` that are given. Thread-safe."""

    def __init__(self, config: Config, prefetcher: Prefetcher) -> None:
        """Ask nothing yet."""
        self._prefetcher = prefetcher
        self._query: Query = {**of_group(config), **_ORDER}

    def groups(self, lists: Lists, own: Row) -> list[Row]:
        """The row of a group, which is given, and those of all groups below it.

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        # Without all_available, public subgroups of which one is no member are left out
        # (https://docs.gitlab.com/api/groups/#list-all-descendant-groups).
        query = {"all_available": True, **_ORDER}
        number = int(own["id"])
        try:
            return [own, *self._groups_of(number, "descendant_groups", query, lists)]
        except NoSuchList:
            # Before 13.5 (https://docs.gitlab.com/api/groups/) there is only one level at a time.
            found = {number: own}
            level = [own]
            while level:
                below = [
                    row
                    for parent in level
                    for row in self._groups_of(int(parent["id"]), "subgroups", query, lists)
                ]
                level = [row for row in below if row["id"] not in found]
                found |= {row["id"]: row for row in level}
            return list(found.values())

    def _groups_of(self, number: int, which: str, query: Query, lists: Lists) -> list[Row]:
        path = f"groups/{number}/{which}"
        pages = read_pages(lists, self._prefetcher, path, query, ID)
        return [row for rows in pages for row in _sound(lists, path, rows, Group.of)]

    def first_projects(self, lists: Lists, name: str) -> Answer:
        """The first page of all projects of a group, which has this name in addresses.

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        query = {**self._query, "per_page": PER_PAGE}
        return lists.rows(f"groups/{name}/projects", query, ID.checked)

    def projects(
        self,
        lists: Lists,
        number: int,
        groups: Callable[[], Iterable[Row]],
        first: Answer | None = None,
    ) -> Iterator[list[Row]]:
        """The rows of all projects of a group, page by page, each once, in no order of pages.

        `groups` are the rows of the group and those below it, for where its list is too long to be
        read to its end. `first` is the first page, where it was asked for before.

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        seen: set[int] = set()

        def fresh(path: str, rows: list[Row]) -> list[Row]:
            sound = _sound(lists, path, rows, Project.of)
            found = [row for row in sound if row["id"] not in seen]
            seen.update(row["id"] for row in found)
            return found

        path = projects_of(number)
        first = first or self.first_projects(lists, str(number))
        if first.total is None and first.next is not None and first.data:
            try:
                ranges = Ranges(lists, path, self._query, first)
                yield fresh(path, first.data)
                for rows in ranges.pages(self._prefetcher):
                    yield fresh(path, rows)
            except BoundsIgnored:
                first = None
            else:
                return
        try:
            for rows in read_pages(lists, self._prefetcher, path, self._query, ID, first=first):
                yield fresh(path, rows)
        except OffsetLimit:
            # The list has no keyset; but no single group has that many projects of its own.
            query = {name: v for name, v in self._query.items() if name != "include_subgroups"}
            for group in groups():
                path = projects_of(group["id"])
                for rows in read_pages(lists, self._prefetcher, path, query, ID):
                    yield fresh(path, rows)


def projects_of(number: int) -> str:
    """The address of the list of a group's projects, below /api/v4."""
    return f"groups/{number}/projects"


def _sound(lists: Lists, path: str, rows: list[Row], of: Callable[[Row], object]) -> list[Row]:
    """The rows of which `of` can make something."""
    return [row for row, _ in understood(lists, path, rows, lambda row: (row, of(row)))]
