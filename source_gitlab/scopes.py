"""Which groups and projects the user asked for: resolved once, to numeric ids, for all streams.

Only what is needed is asked: a read of group lists alone does not list every project, because one
probe of the projects that changed last tells whether the listing of an earlier read still holds.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from source_gitlab.client.errors import FatalError, OffsetLimit, Skipped
from source_gitlab.client.http import pages_of
from source_gitlab.declarations import streams
from source_gitlab.reading.instants import at, instant
from source_gitlab.reading.pages import PER_PAGE, read_pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from source_gitlab.client.http import Client, Query
    from source_gitlab.config import Config
    from source_gitlab.reading.ahead import Ahead
    from source_gitlab.reading.slices import Row

# Guest: less than this is not a member (https://docs.gitlab.com/api/access_requests/).
_GUEST = 10


class NotFound(FatalError):
    """A group or project that the user named is not there, or the token may not see it."""


@dataclass(frozen=True)
class Group:
    """A group in scope."""

    id: int
    path: str


@dataclass(frozen=True)
class Project:
    """A project in scope: what deciding about it needs, not the row that users get.

    `off` names the features (as in `<feature>_access_level`) that are switched off, of those that
    a stream depends on.
    """

    id: int
    path: str
    namespace: int
    archived: bool
    updated_at: str | None
    last_activity_at: str | None
    off: frozenset[str]

    @classmethod
    def of(cls, row: Row) -> Project:
        """Take from GitLab's row of a project what is needed."""
        updated_at, active_at = row.get("updated_at"), row.get("last_activity_at")
        return cls(
            id=int(row["id"]),
            path=str(row.get("path_with_namespace", row["id"])),
            namespace=int((row.get("namespace") or {}).get("id") or 0),
            archived=bool(row.get("archived")),
            updated_at=instant(updated_at) if updated_at else None,
            last_activity_at=instant(active_at) if active_at else None,
            off=frozenset(
                feature for feature, column in _feature_columns() if row.get(column) == "disabled"
            ),
        )


@dataclass(frozen=True)
class Roots:
    """What the configuration names, resolved.

    `groups` are the chosen groups that lie in no other chosen one. `whole` tells whether the
    projects of these groups are wanted too, or only `projects`. `missing` are the errors of names
    that did not resolve.
    """

    groups: tuple[Group, ...]
    whole: bool
    projects: tuple[Project, ...]
    missing: tuple[NotFound, ...]


@dataclass(frozen=True)
class Probe:
    """The projects of a group that changed last, newest first.

    `complete` tells that these are all projects of the group; the others were changed no later
    than the last one of `newest`.
    """

    total: int | None
    newest: tuple[Project, ...]
    complete: bool


@dataclass(frozen=True)
class Listing:
    """Every project of a group, by id, and the server's time when they were asked for."""

    projects: Mapping[int, Project]
    asked: str


class Scopes:
    """The groups and projects in scope, asked for once unless a `fresh` answer is wanted.

    Thread-safe.
    """

    def __init__(self, client: Client, config: Config, ahead: Ahead) -> None:
        """Ask nothing yet."""
        self._client = client
        self._config = config
        self._ahead = ahead
        self._lock = threading.RLock()
        self._roots: Roots | None = None
        self._own_rows: dict[int, Row] = {}
        self._groups: dict[int, list[Row]] = {}
        self._listings: dict[int, Listing] = {}
        self._probes: dict[int, Probe] = {}

    def roots(self) -> Roots:
        """The chosen groups and projects.

        Raises:
            GitlabError: GitLab could not be asked. A name that does not resolve is no error here;
                it is in `missing`.
        """
        with self._lock:
            if self._roots is None:
                config = self._config
                named = config.groups or config.projects
                self._roots = self._named() if named else self._memberships()
            return self._roots

    def group_rows(self, root: Group, *, fresh: bool = False) -> list[Row]:
        """The rows of a chosen group and all groups below it, as GitLab sends them."""
        if fresh:
            return self._ask_group_rows(root)
        with self._lock:
            if root.id not in self._groups:
                own = self._own_rows.get(root.id)
                self._groups[root.id] = self._ask_group_rows(root, own)
            return self._groups[root.id]

    def _ask_group_rows(self, root: Group, own: Row | None = None) -> list[Row]:
        own = own or self._client.one(f"groups/{root.id}", {"with_projects": False})
        # Without all_available, public subgroups of which one is no member are left out
        # (https://docs.gitlab.com/api/groups/#list-all-descendant-groups).
        query = {"all_available": True, "order_by": "id", "sort": "asc"}
        path = f"groups/{root.id}/descendant_groups"
        pages = read_pages(self._client, self._ahead, path, query, ("id",))
        return [own, *(row for rows in pages for row in rows)]

    def listing(self, root: Group, *, fresh: bool = False) -> Listing:
        """Every project of a chosen group and the groups below it."""
        if fresh:
            return self._ask_listing(root)
        with self._lock:
            if root.id not in self._listings:
                self._listings[root.id] = self._ask_listing(root)
            return self._listings[root.id]

    def _ask_listing(self, root: Group) -> Listing:
        asked = at(self._client.now())
        rows = (row for page in self.project_pages(root) for row in page)
        return Listing({project.id: project for project in map(Project.of, rows)}, asked)

    def project_pages(self, root: Group) -> Iterator[list[Row]]:
        """The rows of every project of a chosen group, page by page."""
        query: Query = {"with_shared": False, **self._archived(), "order_by": "id", "sort": "asc"}
        deep: Query = {**query, "include_subgroups": True}
        seen: set[int] = set()
        try:
            for rows in read_pages(self._client, self._ahead, _projects_of(root.id), deep, ("id",)):
                seen |= {row["id"] for row in rows}
                yield rows
        except OffsetLimit:
            # The list has no keyset; but no single group has that many projects of its own.
            for group in self.group_rows(root):
                path = _projects_of(group["id"])
                for rows in read_pages(self._client, self._ahead, path, query, ("id",)):
                    fresh = [row for row in rows if row["id"] not in seen]
                    if fresh:
                        yield fresh

    def known_members(self, number: int, *, of_groups: bool) -> frozenset[int] | None:
        """The projects of a chosen group, or its groups, by id; None when nobody asked for them.

        No request is made.
        """
        with self._lock:
            if of_groups:
                rows = self._groups.get(number)
                return None if rows is None else frozenset(int(row["id"]) for row in rows)
            listing = self._listings.get(number)
            return None if listing is None else frozenset(listing.projects)

    def probe(self, root: Group, *, fresh: bool = False) -> Probe:
        """The projects of a chosen group that changed last, in one request."""
        if fresh:
            return self._ask_probe(root)
        with self._lock:
            if root.id not in self._probes:
                self._probes[root.id] = self._ask_probe(root)
            return self._probes[root.id]

    def _ask_probe(self, root: Group) -> Probe:
        query: Query = {"include_subgroups": True, "with_shared": False, **self._archived()}
        query |= {"order_by": "updated_at", "sort": "desc", "per_page": PER_PAGE}
        answer = self._client.rows(_projects_of(root.id), query)
        return Probe(answer.total, tuple(map(Project.of, answer.data)), answer.next is None)

    def project(self, number: int) -> Project:
        """One project as it is now.

        Raises:
            Skipped: it is gone, or the token may not see it any more.
        """
        return Project.of(self._client.one(f"projects/{number}"))

    def projects(self) -> list[Project]:
        """Every project in scope, each once, in order of id."""
        roots = self.roots()
        found = {project.id: project for project in roots.projects}
        if roots.whole:
            for root in roots.groups:
                found.update(self.listing(root).projects)
        return [found[number] for number in sorted(found)]

    def _archived(self) -> Query:
        return {} if self._config.include_archived else {"archived": False}

    def _named(self) -> Roots:
        missing: list[NotFound] = []
        groups: dict[int, Group] = {}
        for name in self._config.groups:
            row = self._resolve("groups", name, {"with_projects": False}, missing)
            if row:
                groups[int(row["id"])] = Group(int(row["id"]), str(row["full_path"]))
                self._own_rows[int(row["id"])] = row
        projects: dict[int, Project] = {}
        for name in self._config.projects:
            row = self._resolve("projects", name, {}, missing)
            if row and (self._config.include_archived or not row.get("archived")):
                projects[int(row["id"])] = Project.of(row)
        return Roots(
            groups=_outermost(list(groups.values())),
            whole=not self._config.projects,
            projects=tuple(projects.values()),
            missing=tuple(missing),
        )

    def _resolve(self, kind: str, name: str, query: Query, missing: list[NotFound]) -> Row | None:
        try:
            return self._client.one(f"{kind}/{quote(name, safe='')}", query)
        except Skipped as error:
            field = f"{kind}_list"
            message = (
                f"The {kind[:-1]} {name!r} in {field} was not found, or this token may not see it."
                f" Check its path or id, and that the token's user is a member of it."
            )
            found = NotFound(message, url=error.url, status=error.status)
            found.__cause__ = error
            missing.append(found)
            return None

    def _memberships(self) -> Roots:
        """Everything that the token is a member of: its groups, and its projects elsewhere."""
        query: Query = {"min_access_level": _GUEST, "order_by": "id", "sort": "asc"}
        try:
            rows = list(read_pages(self._client, self._ahead, "groups", query, ("id",)))
        except Skipped:
            # Project access tokens and job tokens may not list groups; their projects are left.
            rows = []
        groups = [Group(int(r["id"]), str(r["full_path"])) for page in rows for r in page]
        outermost = _outermost(groups)
        inside = tuple(f"{group.path.lower()}/" for group in outermost)
        # Keyset, because page numbers end at 50,000 projects.
        mine: dict[str, Any] = {"membership": True, "pagination": "keyset", "per_page": 100}
        mine |= {"order_by": "id", "sort": "asc", **self._archived()}
        projects: dict[int, Project] = {}
        for answer in pages_of(lambda query: self._client.rows("projects", query), mine):
            for project in map(Project.of, answer.data):
                if not project.path.lower().startswith(inside):
                    projects[project.id] = project
        return Roots(outermost, whole=True, projects=tuple(projects.values()), missing=())


def nothing_left(roots: Roots) -> NotFound | None:
    """The error of a selection of which nothing resolves; None when something does."""
    if not roots.missing or roots.groups or roots.projects:
        return None
    return NotFound(" ".join(map(str, roots.missing)), url=roots.missing[0].url)


@cache
def _feature_columns() -> tuple[tuple[str, str], ...]:
    """The features that streams depend on, and the columns of a project that tell their level."""
    features = {stream.feature for stream in streams().values() if stream.feature}
    return tuple((feature, f"{feature}_access_level") for feature in sorted(features))


def _projects_of(number: int) -> str:
    return f"groups/{number}/projects"


def _outermost(groups: list[Group]) -> tuple[Group, ...]:
    """The groups that lie in no other of them."""
    paths = {group.path.lower() for group in groups}

    def inside_another(group: Group) -> bool:
        parts = group.path.lower().split("/")
        return any("/".join(parts[:length]) in paths for length in range(1, len(parts)))

    return tuple(group for group in groups if not inside_another(group))
