"""What GitLab's lists of groups and projects leave out of their rows, in the fewest requests.

A subgroup in a list lacks what it has by itself (`lib/api/entities/group_detail.rb`), and no list
brings it, so each is asked for. The list of a group's projects has no `permissions` and takes no
`statistics`; the list of all projects of the token's user has both, a hundred in a request
(`lib/api/projects.rb`). Where that one is thin, because the user has many projects elsewhere, the
projects are asked for one by one.

In lists, `group_access` tells of roles in the very group of a project; by itself a project has the
highest one there and in the groups above (`lib/api/entities/project_with_access.rb`). That is the
same in all projects of a group, and where the user has no role in a group itself, it is that of the
group above: one project of each such group is asked for by itself.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from source_gitlab.core.row_key import ID
from source_gitlab.core.row_validation import first_of
from source_gitlab.core.slices import Place
from source_gitlab.core.walks.pages import PER_PAGE, read_pages
from source_gitlab.gitlab.client import pages_of
from source_gitlab.gitlab.errors import ReadError, Skipped
from source_gitlab.gitlab.lists import Lists

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.core.slices import Row
    from source_gitlab.gitlab.client import Client, Query

T = TypeVar("T")

_OURS = ("permissions", "statistics")
_NOBODY = {"project_access": None, "group_access": None}
# A page of the list that brings fewer than this is no cheaper than asking for each.
_THIN = 2


class Details:
    """Completes the rows of one slice; used by one thread, its requests by several.

    What is refused or fails leaves the row as the list has it. `tell` is told of its place,
    path and error; `finish` raises one that failed when all rows are there.
    """

    def __init__(
        self,
        client: Client,
        prefetcher: Prefetcher,
        tell: Callable[[Place, str, Skipped | ReadError], None],
        *,
        statistics: bool,
    ) -> None:
        """Ask nothing yet."""
        self._client = client
        self._prefetcher = prefetcher
        self._tell = tell
        self._statistics = statistics
        self._failed: list[ReadError] = []
        self._refused = False
        self._sees_all = False
        self._probed = not statistics
        self._roles: dict[int, Any] = {}

    def finish(self) -> None:
        """Say that something failed, if it did.

        Raises:
            ReadError: the first of what failed.
        """
        if self._failed:
            raise self._failed[0]

    def groups(self, rows: Iterable[Row], singles: set[int]) -> Iterator[list[Row]]:
        """The rows of groups, page by page; `singles` were asked for by themselves already.

        Raises:
            FatalError: nothing else can be read either.
        """
        tasks = (partial(self._group, row, single=row["id"] in singles) for row in rows)
        page: list[Row] = []
        for row in self._prefetcher.in_order(tasks, self._prefetcher.workers):
            page.append(row)
            if len(page) == PER_PAGE:
                yield page
                page = []
        yield page

    def _group(self, row: Row, *, single: bool) -> Row:
        path = f"groups/{row['id']}"
        whole = None
        if not single:
            whole = self._try(row, lambda: self._client.one(path, {"with_projects": False}))
        shared = self._try(row, lambda: self._shared(row, path))
        return {**row, **(whole or {}), "shared_projects": shared}

    def _shared(self, row: Row, path: str) -> list[Row]:
        """The projects into which a group was invited; of a single group, GitLab shows 100."""
        query = {"simple": True, "order_by": "id", "sort": "asc"}
        lists = Lists(self._client)
        pages = read_pages(lists, None, f"{path}/projects/shared", query, ID)
        columns = ("id", "path_with_namespace")
        found = [{column: one.get(column) for column in columns} for rows in pages for one in rows]
        problem = first_of(lists.take())
        if problem is not None:
            self._lacks(row, problem)
        return found

    def projects(self, pages: Iterable[list[Row]]) -> Iterator[list[Row]]:
        """The rows of projects, which are in order of id, with permissions and statistics.

        Raises:
            FatalError: nothing else can be read either.
        """
        tasks = (partial(self._listed, rows) for rows in pages)
        for rows, found, left in self._prefetcher.in_order(tasks, self._prefetcher.workers):
            if found or left or not self._refused:
                self._complete(rows, found, left)
            yield rows

    def _listed(self, rows: list[Row]) -> tuple[list[Row], dict[int, Row], list[Row]]:
        """The rows, what the user's list has of them by id, and which of them to ask for singly."""
        found: dict[int, Row] = {}
        if self._refused:
            return rows, found, []
        try:
            return rows, found, self._walk(rows, found, everything=self._sees_all)
        except Skipped as error:
            self._refused = True
            self._tell(_place(rows[0]), "Each project", error)
            return rows, found, []
        except ReadError:
            # One project may break a page for all; by itself, only it fails.
            return rows, found, [row for row in rows if row["id"] not in found]

    def _walk(self, rows: list[Row], found: dict[int, Row], *, everything: bool) -> list[Row]:
        if len(rows) < _THIN:
            return rows
        numbers = {row["id"] for row in rows}
        query: Query = {
            "id_after": min(numbers) - 1,
            "id_before": max(numbers) + 1,
            "pagination": "keyset",
            "order_by": "id",
            "sort": "asc",
            "per_page": PER_PAGE,
            "statistics": self._statistics,
        }
        if not everything:
            query["membership"] = True
        is_odd = False
        for answer in pages_of(lambda following: self._client.rows("projects", following), query):
            listed = {row["id"]: row for row in answer.data if type(row.get("id")) is int}
            is_odd = is_odd or len(listed) < len(answer.data)
            hits = {number: row for number, row in listed.items() if number in numbers}
            found |= hits
            if found.keys() >= numbers:
                break
            if len(hits) < _THIN and answer.next is not None:
                return [row for row in rows if row["id"] not in found]
        # A row without an id may be that of any of those that did not come.
        return [row for row in rows if is_odd and row["id"] not in found]

    def _complete(self, rows: list[Row], found: dict[int, Row], left: list[Row]) -> None:
        """Put the details into the rows."""
        open_ = {row["id"] for row in left}
        whole = self._one_by_one(left)
        strange = [row for row in rows if row["id"] not in found and row["id"] not in open_]
        if strange and not self._probed:
            # Who sees statistics of a project without a role in it sees those of all of them.
            self._probed = True
            whole |= self._one_by_one(strange[:1])
            self._sees_all = bool(whole.get(strange[0]["id"], {}).get("statistics"))
            strange = strange[1:]
        if strange and self._sees_all:
            _, more, left = self._listed(strange)
            found |= more
            open_ |= {row["id"] for row in strange}
            whole |= self._one_by_one(left)
        whole |= self._learn_roles([row for row in rows if row["id"] not in whole], found)
        for row in rows:
            number = row["id"]
            if number in whole:
                _put(row, whole[number])
            elif number in found:
                _put(row, found[number])
                self._correct(row)
            elif number not in open_:
                row["permissions"] = dict(_NOBODY)

    def _one_by_one(self, rows: list[Row]) -> dict[int, Row]:
        """Each project by itself, by id."""
        found = self._prefetcher.in_order(map(self._single, rows), self._prefetcher.workers)
        return {row["id"]: row for row in found if row is not None}

    def _single(self, row: Row) -> Callable[[], Row | None]:
        path, query = f"projects/{row['id']}", {"statistics": self._statistics}
        return lambda: self._try(row, lambda: self._client.one(path, query))

    def _learn_roles(self, rows: list[Row], found: dict[int, Row]) -> dict[int, Row]:
        """Find the roles that the list leaves open; the projects that were asked for, by id."""
        asked: dict[int, Row] = {}
        for row in rows:
            group = _open_group(row, found.get(row["id"], {}))
            if group is not None and group not in self._roles:
                asked.setdefault(group, row)
        whole = self._one_by_one(list(asked.values()))
        for group, row in asked.items():
            permissions = whole.get(row["id"], {}).get("permissions")
            if permissions:
                self._roles[group] = permissions.get("group_access")
        return whole

    def _correct(self, row: Row) -> None:
        """Put the role in the groups above where a list tells of the very group."""
        group = _open_group(row, row)
        if group in self._roles:
            row["permissions"] = {**row["permissions"], "group_access": self._roles[group]}

    def _try(self, row: Row, ask: Callable[[], T]) -> T | None:
        try:
            return ask()
        except (Skipped, ReadError) as error:
            self._lacks(row, error)
        return None

    def _lacks(self, row: Row, error: Skipped | ReadError) -> None:
        path = row.get("full_path") or row.get("path_with_namespace") or row["id"]
        self._tell(_place(row), str(path), error)
        if isinstance(error, ReadError):
            self._failed.append(error)


def _place(row: Row) -> Place:
    return Place("group" if "full_path" in row else "project", row["id"])


def _put(row: Row, detail: Row) -> None:
    for column in _OURS:
        if column in detail:
            row[column] = detail[column]


def _open_group(row: Row, detail: Row) -> int | None:
    """The group whose highest role is that of the project too, where a list does not tell it."""
    permissions, namespace = detail.get("permissions"), row.get("namespace") or {}
    if not permissions or namespace.get("kind") != "group" or not namespace.get("parent_id"):
        return None
    return int(namespace["id"] if permissions.get("group_access") else namespace["parent_id"])
