"""Which groups and projects the user asked for: resolved once, to numeric ids, for all streams.

Only what is needed is asked: a read of group lists alone does not list every project, because one
probe of the projects that changed last tells whether the listing of an earlier read still holds.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from source_gitlab.core.name_advice import by_name, of_group, path_of
from source_gitlab.core.row_key import ID
from source_gitlab.core.row_validation import understood
from source_gitlab.core.selection import Group, NotFound, Project, Roots, Selection
from source_gitlab.core.walks.list_length import has_rows
from source_gitlab.core.walks.pages import PER_PAGE, read_pages
from source_gitlab.gitlab.client import pages_of
from source_gitlab.gitlab.errors import (
    FatalError,
    GitlabError,
    NoSuchList,
    OffsetLimit,
    ReadError,
    Skipped,
)
from source_gitlab.gitlab.lists import Lists
from source_gitlab.gitlab.pagination import Missed
from source_gitlab.timestamps import at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from source_gitlab.config import Config
    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.core.skip_log import SkipLog
    from source_gitlab.core.slices import Place, Row
    from source_gitlab.gitlab.client import Client, Query

__all__ = ["Group", "Inventory", "Listing", "NotFound", "Probe", "Project", "Roots"]

K = TypeVar("K")
T = TypeVar("T")

# Members that an incomplete listing lacks are asked for one by one, up to so many.
_MOST_SINGLES = 20


@dataclass(frozen=True)
class Probe:
    """The projects of a group that changed last, newest first.

    `complete` tells that these are all projects of the group; the others were changed no later
    than the last one of `newest`. Some that belong among them are missing if it is `broken`.
    """

    total: int | None
    newest: tuple[Project, ...]
    complete: bool
    broken: bool = False


@dataclass(frozen=True)
class Listing:
    """Every project of a group, by id, and the server's time when they were asked for."""

    projects: Mapping[int, Project]
    asked: str


class Inventory:
    """The groups and projects in scope, asked for once unless a `fresh` answer is wanted.

    Thread-safe.
    """

    def __init__(
        self, client: Client, config: Config, prefetcher: Prefetcher, report: SkipLog
    ) -> None:
        """Ask nothing yet; what was chosen and cannot be read goes to `report`."""
        self._client = client
        self._config = config
        self._prefetcher = prefetcher
        self._selection = Selection(client, config, prefetcher, report)
        self._lock = threading.RLock()
        self._roots: dict[int, Roots | GitlabError] = {}
        self._groups: dict[int, list[Row] | GitlabError] = {}
        self._listings: dict[int, Listing | GitlabError] = {}
        self._probes: dict[int, Probe | GitlabError] = {}
        self._counts: dict[tuple[int, int], bool | GitlabError] = {}
        self._lacking: dict[tuple[int, bool], NotFound] = {}
        self._broken: set[tuple[str, int]] = set()

    def _once(self, known: dict[K, T | GitlabError], number: K, ask: Callable[[], T]) -> T:
        """An answer that is asked for once: a refusal or failure is remembered like any other.

        Every stream needs these answers, and one that fails takes minutes to do so.
        """
        with self._lock:
            if number not in known:
                try:
                    known[number] = ask()
                except FatalError:
                    raise
                except GitlabError as error:
                    known[number] = error
            found = known[number]
        if isinstance(found, GitlabError):
            raise found
        return found

    def roots(self) -> Roots:
        """The chosen groups and projects.

        Raises:
            GitlabError: GitLab could not be asked. A name that does not resolve is no error here;
                it is in `missing`.
        """
        return self._once(self._roots, 0, self._selection.roots)

    def leave_out(self, root: Group, error: GitlabError) -> NotFound:
        """Say once that a group cannot be listed, so that no stream reads it; the error it is."""
        with self._lock:
            return self._selection.leave_out_group(root, error, named=self.roots().named)

    def lacking(self, root: Group, *, of_groups: bool) -> NotFound | None:
        """The error of a group of which not every project, or group, could be listed.

        None while every listing of this read was complete.
        """
        return self._lacking.get((root.id, of_groups))

    def _step_over(self, root: Group, lists: Lists, *, of_groups: bool) -> None:
        """Say once what a listing lacks."""
        missed = lists.take()
        if missed:
            with self._lock:
                error = self._selection.leave_out_some(root, missed, of_groups=of_groups)
                self._lacking.setdefault((root.id, of_groups), error)

    def path_of(self, place: Place) -> str | None:
        """The path of a project or group, as far as it was told; no request is made.

        Nothing is locked: whoever lists something may ask for this from another thread.
        """
        kind, number = place.kind, place.id or 0
        named = self._selection.rows.get((f"{kind}s", number))
        if named is not None:
            return path_of(named) or None
        roots = self._roots.get(0)
        found: list[Group | Project] = []
        if isinstance(roots, Roots):
            found += roots.groups if kind == "group" else roots.projects
        if kind == "group":
            lists = [rows for rows in list(self._groups.values()) if isinstance(rows, list)]
            rows_ = [row for rows in lists for row in rows if row["id"] == number]
            return next((path_of(row) for row in rows_), _path_in(found, number))
        for listing in list(self._listings.values()):
            if isinstance(listing, Listing) and number in listing.projects:
                return listing.projects[number].path
        for probe in list(self._probes.values()):
            found += probe.newest if isinstance(probe, Probe) else ()
        return _path_in(found, number)

    def named_row(self, number: int) -> Row | None:
        """GitLab's row of a project that the user named, as it was when its name was resolved."""
        return self._selection.rows.get(("projects", number))

    def joined_pages(self, lists: Lists) -> Iterator[list[Row]]:
        """The rows of the projects that the token is a member of, page by page, from `lists`."""
        query: Query = {**self._selection.joined_projects(), "statistics": self._config.statistics}
        for answer in pages_of(lambda query: lists.rows("projects", query, ID.checked), query):
            yield answer.data

    def group_rows(self, root: Group, *, fresh: bool = False) -> list[Row]:
        """The rows of a chosen group and all groups below it, as GitLab sends them."""
        if fresh:
            return self._ask_group_rows(root)
        own = self._selection.rows.get(("groups", root.id))
        return self._once(self._groups, root.id, lambda: self._ask_group_rows(root, own))

    def _ask_group_rows(self, root: Group, own: Row | None = None) -> list[Row]:
        own = own or self._client.one(f"groups/{root.id}", by_name("groups"))
        lists = Lists(self._client)
        rows = self._rows_of_groups(root, own, lists)
        self._step_over(root, lists, of_groups=True)
        return rows

    def _rows_of_groups(self, root: Group, own: Row, lists: Lists) -> list[Row]:
        # Without all_available, public subgroups of which one is no member are left out
        # (https://docs.gitlab.com/api/groups/#list-all-descendant-groups).
        query = {"all_available": True, "order_by": "id", "sort": "asc"}
        try:
            return [own, *self._groups_of(root.id, "descendant_groups", query, lists)]
        except NoSuchList:
            # Before 13.5 (https://docs.gitlab.com/api/groups/) there is only one level at a time.
            found = {int(own["id"]): own}
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

    def listing(self, root: Group, *, fresh: bool = False) -> Listing:
        """Every project of a chosen group and the groups below it."""
        if fresh:
            return self._ask_listing(root)
        return self._once(self._listings, root.id, lambda: self._ask_listing(root))

    def _ask_listing(self, root: Group) -> Listing:
        asked = at(self._client.reached())
        rows = (row for page in self.project_pages(root) for row in page)
        return Listing({project.id: project for project in map(Project.of, rows)}, asked)

    def project_pages(self, root: Group) -> Iterator[list[Row]]:
        """The rows of every project of a chosen group, page by page.

        Afterwards `lacking` tells whether GitLab could give all of them.
        """
        lists = Lists(self._client)
        yield from self._pages_of_projects(root, lists)
        self._step_over(root, lists, of_groups=False)

    def _pages_of_projects(self, root: Group, lists: Lists) -> Iterator[list[Row]]:
        deep: Query = {**of_group(self._config), "order_by": "id", "sort": "asc"}
        query = {name: value for name, value in deep.items() if name != "include_subgroups"}
        seen: set[int] = set()
        try:
            path = _projects_of(root.id)
            for page in read_pages(lists, self._prefetcher, path, deep, ID):
                rows = _sound(lists, path, page, Project.of)
                seen |= {row["id"] for row in rows}
                yield rows
        except OffsetLimit:
            # The list has no keyset; but no single group has that many projects of its own.
            for group in self.group_rows(root):
                path = _projects_of(group["id"])
                for page in read_pages(lists, self._prefetcher, path, query, ID):
                    rows = _sound(lists, path, page, Project.of)
                    fresh = [row for row in rows if row["id"] not in seen]
                    if fresh:
                        yield fresh
            groups = self.lacking(root, of_groups=True)
            if groups is not None:
                lists.note(Missed(str(groups), groups.url))

    def unlisted_projects(
        self, root: Group, numbers: AbstractSet[int]
    ) -> tuple[list[Project], set[int]]:
        """Of projects that a listing which lacks some did not bring, those that are in the group.

        Each is asked for by itself. The second are those of which nobody can tell.
        """
        rows, unknown = self._singles(root, "projects", numbers)
        found = [Project.of(row) for row in rows]
        wanted = self._config.include_archived
        return [one for one in found if wanted or not one.archived], unknown

    def unlisted_groups(self, root: Group, numbers: AbstractSet[int]) -> set[int]:
        """Of groups that a listing which lacks some did not bring, those that may be below it."""
        rows, unknown = self._singles(root, "groups", numbers)
        return {int(row["id"]) for row in rows} | unknown

    def _singles(
        self, root: Group, kind: str, numbers: AbstractSet[int]
    ) -> tuple[list[Row], set[int]]:
        if len(numbers) > _MOST_SINGLES:
            return [], set(numbers)
        inside = f"{root.path.lower()}/"
        column = "full_path" if kind == "groups" else "path_with_namespace"
        found: list[Row] = []
        unknown: set[int] = set()
        for number in sorted(numbers):
            # What failed once in a read takes minutes to fail again.
            if (kind, number) in self._broken:
                unknown.add(number)
                continue
            try:
                row = self._client.one(f"{kind}/{number}")
            except Skipped:
                continue
            except ReadError:
                self._broken.add((kind, number))
                unknown.add(number)
                continue
            if str(row.get(column, "")).lower().startswith(inside):
                found.append(row)
        return found, unknown

    def known_members(self, number: int, *, of_groups: bool) -> frozenset[int] | None:
        """The projects of a chosen group, or its groups, by id; None when nobody asked for them.

        No request is made.
        """
        with self._lock:
            if of_groups:
                rows = self._groups.get(number)
                if not isinstance(rows, list):
                    return None
                return frozenset(int(row["id"]) for row in rows)
            listing = self._listings.get(number)
            return frozenset(listing.projects) if isinstance(listing, Listing) else None

    def scope(self, *, of_groups: bool) -> frozenset[int] | None:
        """All projects in scope, or all groups, by id; None when not all of them are known.

        No request is made but those that tell what is chosen.
        """
        roots = self.roots()
        found = set() if of_groups else {project.id for project in roots.projects}
        for root in roots.groups if of_groups or roots.whole else ():
            members = self.known_members(root.id, of_groups=of_groups)
            if members is None or self.lacking(root, of_groups=of_groups) is not None:
                return None
            found |= members
        return frozenset(found) if roots.complete else None

    def probe(self, root: Group, *, fresh: bool = False) -> Probe:
        """The projects of a chosen group that changed last, in one request."""
        if fresh:
            return self._ask_probe(root)
        return self._once(self._probes, root.id, lambda: self._ask_probe(root))

    def _ask_probe(self, root: Group) -> Probe:
        query: Query = {**of_group(self._config), "order_by": "updated_at", "sort": "desc"}
        query |= {"per_page": PER_PAGE}
        path, lists = _projects_of(root.id), Lists(self._client)
        answer = lists.rows(path, query, ID.checked)
        newest = tuple(understood(lists, path, answer.data, Project.of))
        return Probe(answer.total, newest, answer.next is None, bool(lists.take()))

    def has_projects(self, root: Group, probe: Probe, number: int, *, fresh: bool = False) -> bool:
        """Whether a group has so many projects, as far as GitLab can tell.

        It does not say so of more than 10,000, of which the last page is looked at; and not of more
        than it numbers (50,000 on gitlab.com), which are believed to be as many as they were.
        """
        if probe.total is not None:
            return probe.total == number
        if probe.complete:
            return len(probe.newest) == number

        def ask() -> bool:
            query = {**of_group(self._config), "order_by": "id", "sort": "asc"}
            lists = Lists(self._client)
            told = has_rows(lists, _projects_of(root.id), query, number)
            return told is not False and not lists.take()

        return ask() if fresh else self._once(self._counts, (root.id, number), ask)

    def project(self, number: int) -> Project:
        """One project as it is now.

        Raises:
            Skipped: it is gone, or the token may not see it any more.
        """
        return Project.of(self._client.one(f"projects/{number}"))


def _path_in(found: Iterable[Group | Project], number: int) -> str | None:
    return next((one.path for one in found if one.id == number), None)


def _sound(lists: Lists, path: str, rows: list[Row], of: Callable[[Row], object]) -> list[Row]:
    """The rows of which `of` can make something."""
    return [row for row, _ in understood(lists, path, rows, lambda row: (row, of(row)))]


def _projects_of(number: int) -> str:
    return f"groups/{number}/projects"
