"""What a token's user may see of each project in a group, in the fewest requests that tell it.

Lists leave out without a word what a role is too low for: confidential issues below Planner, merge
requests of private projects below Reporter, features that are for members only. So what was read
counts as read for the role of then, and is read again once the role allows more.

`min_access_level` filters the projects of a group by the user's role in each, inherited roles and
those of invited groups included (filter_by_visibility in app/finders/group_projects_finder.rb, by
`project_authorizations`). One request for their number tells of the usual case that the role is
high enough in all of them.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from source_gitlab.config import AccessToken, OAuth
from source_gitlab.core.name_advice import of_group
from source_gitlab.core.row_key import ID, must_have_id
from source_gitlab.core.walks.pages import read_pages
from source_gitlab.gitlab.errors import LESS_MAY_DO, OffsetLimit, ReadError, Skipped
from source_gitlab.gitlab.lists import Lists
from source_gitlab.streams import root_of

if TYPE_CHECKING:
    from source_gitlab.config import Config
    from source_gitlab.core.inventory import Group, Project
    from source_gitlab.core.opening import Opening
    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.gitlab.client import Answer, Client, Query
    from source_gitlab.streams import Stream

LOGGER = logging.getLogger("source_gitlab")

# https://docs.gitlab.com/api/access_requests/#valid-access-levels; Planner exists since 17.7.
GUEST, PLANNER, REPORTER = 10, 15, 20
_NAMES = {GUEST: "Guest", PLANNER: "Planner", REPORTER: "Reporter"}
_ALL = "all"
UNKNOWN = ""
_SEVERAL = 20
# What the number of projects of a group is taken as from the opening.
ROLES = "projects in which the user is a reporter"


class AccessLevels:
    """The token's user, and the user's roles, asked for once. Thread-safe."""

    def __init__(
        self, client: Client, config: Config, prefetcher: Prefetcher, opening: Opening
    ) -> None:
        """Ask nothing yet."""
        self._opening = opening
        self._client = client
        self._has_user = isinstance(config.credentials, (AccessToken, OAuth))
        self._user: str | None = None
        self._prefetcher = prefetcher
        self._of_group = of_group(config)
        self._lock = threading.RLock()
        self._counts: dict[tuple[int, int], int | None] = {}
        self._ids: dict[tuple[int, int], frozenset[int]] = {}
        self._access_levels: dict[int, str] = {}

    def user(self) -> str | None:
        """The id of the token's user, with a `+` behind one who sees everything without a role.

        None where GitLab does not tell: to nobody, to the tokens of CI jobs, and while it fails to.
        """
        with self._lock:
            if self._has_user:
                self._has_user = False
                try:
                    row = self._client.one("user")
                    must_have_id(f"{self._client.api_url}/user", row)
                except Skipped:
                    return None
                except ReadError as error:
                    # States keep the user that they know, so the next read finds another one.
                    LOGGER.warning(
                        "Whether the token is still the same user's is not known. %s", error
                    )
                    return None
                # What administrators and auditors alone are told of themselves.
                sees_all = row.get("is_admin") or row.get("is_auditor")
                self._user = f"{row['id']}{'+' if sees_all else ''}"
            return self._user

    def sees_all(self) -> bool:
        """Whether the user sees everything without a role."""
        return (self.user() or "").endswith("+")

    def of_group(self, root: Group, projects: int | None) -> str:
        """How many projects of a group the user has which role in, as text to compare.

        "all" says that the role is enough in all of its so many `projects`, and an empty text that
        GitLab does not tell, as of more than 10,000 projects.
        """
        with self._lock:
            if root.id not in self._access_levels:
                self._access_levels[root.id] = self._ask_standing(root, projects)
            return self._access_levels[root.id]

    def _ask_standing(self, root: Group, projects: int | None) -> str:
        if self.sees_all():
            return _ALL
        reporter = self._count(root, REPORTER)
        if reporter is None or projects is None:
            return UNKNOWN
        if reporter >= projects:
            return _ALL
        others = (self._count(root, level) for level in (PLANNER, GUEST))
        return "/".join(map(str, [reporter, *others]))

    def level(self, root: Group, number: int) -> int:
        """The user's role in a project of a group whose standing was asked for, 0 for none."""
        if not is_mixed(self._access_levels.get(root.id, UNKNOWN)):
            return REPORTER
        levels = (REPORTER, PLANNER, GUEST)
        return next((level for level in levels if number in self._at_least(root, level)), 0)

    def _at_least(self, root: Group, level: int) -> frozenset[int]:
        with self._lock:
            asked = root.id, level
            if asked not in self._ids:
                self._ids[asked] = self._ask_ids(root, level)
            return self._ids[asked]

    def _ask_ids(self, root: Group, level: int) -> frozenset[int]:
        if not self._count(root, level):
            return frozenset()
        higher = {GUEST: PLANNER, PLANNER: REPORTER}.get(level)
        if higher and self._count(root, higher) == self._count(root, level):
            return self._at_least(root, higher)
        query = {**self._query(level), "order_by": "id", "sort": "asc"}
        path = f"groups/{root.id}/projects"
        # Projects that GitLab cannot give are not in its list of all projects either.
        lists = Lists(self._client)
        pages = read_pages(lists, self._prefetcher, path, query, ID)
        numbers = frozenset(row["id"] for rows in pages for row in rows)
        for missed in lists.take():
            LOGGER.warning("Not every role of the token's user is known. %s", missed.message)
        return numbers

    def first_count(self, name: str) -> Answer:
        """What tells in how many projects of a group, by its name in addresses, they may report.

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        return self._client.rows(
            f"groups/{name}/projects", {**self._query(REPORTER), "per_page": 1}
        )

    def _count(self, root: Group, level: int) -> int | None:
        with self._lock:
            asked = root.id, level
            if asked not in self._counts:
                query = {**self._query(level), "per_page": 1}
                path = f"groups/{root.id}/projects"
                try:
                    answer = self._opened(root, level) or self._first(path, query)
                except LESS_MAY_DO:
                    # Behind a project that GitLab cannot give there are others.
                    several = {**query, "per_page": _SEVERAL}
                    self._counts[asked] = Lists(self._client).rows(path, several, ID.checked).total
                except OffsetLimit:
                    self._counts[asked] = None
                else:
                    self._counts[asked] = answer.total
            return self._counts[asked]

    def _first(self, path: str, query: Query) -> Answer:
        try:
            return self._client.rows(path, query)
        except Skipped:
            # The list of the group's projects came, so a server may be behind for a moment.
            return self._client.rows(path, query)

    def _opened(self, root: Group, level: int) -> Answer | None:
        if level != REPORTER:
            return None
        found: Answer | None = self._opening.take(ROLES, "group", root.id)
        return found

    def _query(self, level: int) -> Query:
        return {**self._of_group, "simple": True, "min_access_level": level}


def is_mixed(standing: str) -> bool:
    """Whether the user's role is not known to be enough everywhere."""
    return standing not in {_ALL, UNKNOWN}


def hides_rows(stream: Stream) -> bool:
    """Whether lists of a stream leave rows out that the user may not read, instead of refusing."""
    return root_of(stream).kind == "selection"


def depends_on_role(stream: Stream) -> bool:
    """Whether lists of groups show other rows of a stream to other roles."""
    return stream.feature in {"issues", "merge_requests"}


def least_for(stream: Stream) -> int:
    """The role below which lists of a stream leave out rows of projects that they show."""
    return PLANNER if stream.feature == "issues" else 0


def least_to_see(stream: Stream) -> int:
    """The role that lists of groups show rows of private projects to.

    Private merge requests take a Reporter, other private features a Guest
    (PRIVATE_FEATURES_MIN_ACCESS_LEVEL in app/models/project_feature.rb).
    """
    return REPORTER if stream.feature == "merge_requests" else GUEST


def shut(stream: Stream, project: Project, level: int) -> str | None:
    """Why lists of groups show none of a project's rows to this role; None when they do."""
    if not depends_on_role(stream):
        return None
    least = least_to_see(stream)
    private = stream.feature in project.private
    if level >= least or not (private or project.visibility == "private"):
        return None
    return (
        f"Reading {stream.name} of {project.path} takes at least the role {_NAMES[least]} in it;"
        " they are for its members only."
    )
