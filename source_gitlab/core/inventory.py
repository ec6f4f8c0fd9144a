"""Which groups and projects the user asked for: resolved once, to numeric ids, for all streams.

Only what is needed is asked: a read of group lists alone does not list every project, because one
probe of the projects that changed last tells whether the listing of an earlier read still holds.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from source_gitlab.core.group_lists import GroupLists, projects_of
from source_gitlab.core.group_places import GroupPlaces
from source_gitlab.core.name_advice import by_name, of_group, path_of
from source_gitlab.core.row_key import ID
from source_gitlab.core.row_validation import understood
from source_gitlab.core.selected import Group, Project
from source_gitlab.core.selection import NotFound, Roots, Selection
from source_gitlab.core.walks.list_length import has_rows
from source_gitlab.core.walks.pages import PER_PAGE
from source_gitlab.gitlab.client import pages_of
from source_gitlab.gitlab.errors import (
    FatalError,
    GitlabError,
    Malformed,
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
    from source_gitlab.core.opening import Opening
    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.core.skip_log import SkipLog
    from source_gitlab.core.slices import Place, Row
    from source_gitlab.gitlab.client import Answer, Client, Query

__all__ = ["Group", "Inventory", "Listing", "NotFound", "Probe", "Project", "Roots"]

K = TypeVar("K")
T = TypeVar("T")

# What the first page of a listing is taken as from the opening.
PROJECTS = "projects of the group"
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
        self,
        client: Client,
        config: Config,
        prefetcher: Prefetcher,
        report: SkipLog,
        opening: Opening,
    ) -> None:
        """Ask nothing yet; what was chosen and cannot be read goes to `report`."""
        self._client = client
        self._config = config
        self._prefetcher = prefetcher
        self._selection = Selection(client, config, prefetcher, report, opening)
        self.opening = opening
        self._group_lists = GroupLists(config, prefetcher)
        self.places = GroupPlaces(client)
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
        lists = self._lists(root)
        rows = self._group_lists.groups(lists, own)
        self._step_over(root, lists, of_groups=True)
        return rows

    def listing(self, root: Group, *, fresh: bool = False) -> Listing:
        """Every project of a chosen group and the groups below it."""
        if fresh:
            return self._ask_listing(root)
        return self._once(self._listings, root.id, lambda: self._opened_listing(root))

    def _lists(self, root: Group) -> Lists:
        """For the lists of what is below a group."""
        return Lists(self._client, sounds=[self.places.sound(root.id, root.path)])

    def first_projects(self, name: str) -> tuple[float, Lists, Answer]:
        """The first page of all projects of a group, which has this name in addresses.

        Also our own time when it was asked for, and the lists that note what it lacks.

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        began, lists = time.time(), Lists(self._client)
        return began, lists, self._group_lists.first_projects(lists, name)

    def _opened_listing(self, root: Group) -> Listing:
        opened = self.opening.take(PROJECTS, "group", root.id)
        if opened is None:
            return self._ask_listing(root)
        began, named, first = opened
        try:
            self.places.checked(
                root.id, root.path, f"{self._client.api_url}/{projects_of(root.id)}", first
            )
        except Malformed:
            # Another group may have taken the name since; by the id it cannot come.
            return self._ask_listing(root)
        lists = self._lists(root)
        lists.note(*named.take())
        pages = self._pages_of_projects(root, lists, first)
        return Listing(_by_id(pages), at(self._client.clock.reached(began)))

    def _ask_listing(self, root: Group) -> Listing:
        asked = at(self._client.reached())
        return Listing(_by_id(self.project_pages(root)), asked)

    def project_pages(self, root: Group) -> Iterator[list[Row]]:
        """The rows of every project of a chosen group, page by page.

        Afterwards `lacking` tells whether GitLab could give all of them.
        """
        yield from self._pages_of_projects(root, self._lists(root))

    def _pages_of_projects(
        self, root: Group, lists: Lists, first: Answer | None = None
    ) -> Iterator[list[Row]]:
        def groups() -> Iterator[Row]:
            yield from self.group_rows(root)
            problem = self.lacking(root, of_groups=True)
            if problem is not None:
                lists.note(Missed(str(problem), problem.url))

        yield from self._group_lists.projects(lists, root.id, groups, first)
        self._step_over(root, lists, of_groups=False)

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
        path, lists = projects_of(root.id), self._lists(root)
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
            lists = self._lists(root)
            told = has_rows(lists, projects_of(root.id), query, number)
            return told is not False and not lists.take()

        return ask() if fresh else self._once(self._counts, (root.id, number), ask)

    def project(self, number: int) -> Project:
        """One project as it is now.

        Raises:
            Skipped: it is gone, or the token may not see it any more.
        """
        return Project.of(self._client.one(f"projects/{number}"))


def _by_id(pages: Iterable[list[Row]]) -> Mapping[int, Project]:
    found = (Project.of(row) for page in pages for row in page)
    return {project.id: project for project in sorted(found, key=lambda project: project.id)}


def _path_in(found: Iterable[Group | Project], number: int) -> str | None:
    return next((one.path for one in found if one.id == number), None)
