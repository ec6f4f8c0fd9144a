"""What the user chose, found out once for all streams: groups and projects, named or joined."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from source_gitlab.config import Anonymous
from source_gitlab.core.name_advice import Advice, by_name, of_member, unarchived
from source_gitlab.core.row_key import ID
from source_gitlab.core.row_validation import as_documented, first_of, understood
from source_gitlab.core.selected import Group, Project
from source_gitlab.core.state.origin import Chosen
from source_gitlab.core.walks.pages import read_pages
from source_gitlab.gitlab.client import pages_of
from source_gitlab.gitlab.errors import FatalError, GitlabError, Skipped
from source_gitlab.gitlab.lists import Lists

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from source_gitlab.config import Config
    from source_gitlab.core.opening import Opening
    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.core.skip_log import SkipLog
    from source_gitlab.core.slices import Row
    from source_gitlab.gitlab.client import Client, Query
    from source_gitlab.gitlab.pagination import Missed

LOGGER = logging.getLogger("source_gitlab")

NO_MEMBERSHIP = (
    "The token's user is a member of no group and no project, so there is nothing to read. Name"
    " groups or projects in groups_list or projects_list, or add the user to some."
)


class NotFound(GitlabError):
    """Something that was chosen cannot be read: it is not there, refused, or GitLab fails at it.

    `transient` tells that it may work the next time, with the same configuration. `skipped` tells
    that nobody named it: it is left out and told, and the read does not fail for it.
    """

    def __init__(
        self,
        message: str,
        *,
        transient: bool = False,
        skipped: bool = False,
        url: str = "",
        status: int | None = None,
    ) -> None:
        """Keep what follows from it beside the sentence."""
        super().__init__(message, url=url, status=status)
        self.transient = transient
        self.skipped = skipped


@dataclass(frozen=True)
class Roots:
    """What the configuration chooses, resolved.

    `groups` are the chosen groups that lie in no other chosen one. `whole` tells whether the
    projects of these groups are wanted too, or only `projects`. `named` tells that the user wrote
    the names, which are `chosen`, so that each has to be there. `missing` are the errors of names
    that did not resolve and of lists that failed. `complete` is false when more may be in scope
    than is known.
    """

    groups: tuple[Group, ...]
    whole: bool
    projects: tuple[Project, ...]
    chosen: tuple[Chosen, ...] = ()
    missing: tuple[NotFound, ...] = ()
    named: bool = True
    complete: bool = True


class Selection:
    """Resolves what a configuration chooses. Not thread-safe: `Inventory` asks it once."""

    def __init__(
        self,
        client: Client,
        config: Config,
        prefetcher: Prefetcher,
        report: SkipLog,
        opening: Opening,
    ) -> None:
        """Ask nothing yet; what cannot be read goes to `report`, ids to `opening`."""
        self._client = client
        self._config = config
        self._prefetcher = prefetcher
        self._report = report
        self._opening = opening
        self._advice = Advice(client, anonymous=isinstance(config.credentials, Anonymous))
        self._closed: dict[int, NotFound] = {}
        self._chosen: list[Chosen] = []
        self.rows: dict[tuple[str, int], Row] = {}
        """The rows of what was named, by "groups" or "projects" and id."""

    def roots(self) -> Roots:
        """The chosen groups and projects.

        Raises:
            GitlabError: GitLab could not be asked, or shows no list of what the token is in.
        """
        return self._named() if self._config.groups or self._config.projects else self._joined()

    def _named(self) -> Roots:
        missing: list[NotFound] = []
        rows = self._resolved("groups", self._config.groups, missing)
        groups = [Group(number, str(row["full_path"])) for number, row in rows.items()]
        projects = [
            Project.of(row)
            for row in self._resolved("projects", self._config.projects, missing).values()
        ]
        return Roots(
            groups=_outermost(groups),
            whole=not self._config.projects,
            projects=tuple(project for project in projects if self._is_wanted(project)),
            chosen=tuple(self._chosen),
            missing=tuple(missing),
            complete=not missing,
        )

    def _is_wanted(self, project: Project) -> bool:
        if not project.archived or self._config.include_archived:
            return True
        self._leave_out(f"project {project.path}", "archived", archived(project.path))
        return False

    def _resolved(
        self, kind: str, names: tuple[str, ...], missing: list[NotFound]
    ) -> dict[int, Row]:
        """The rows of names by id, each once."""
        tasks = [partial(self._ask, kind, name) for name in names]
        rows: dict[int, Row] = {}
        found = self._prefetcher.in_order(tasks, self._prefetcher.workers)
        for name, row in zip(names, found, strict=True):
            if isinstance(row, GitlabError):
                missing.append(self._missing(kind, name, row))
                self._chosen.append(Chosen.of(kind[0], name, None))
            else:
                rows[row["id"]] = row
                self._opening.resolved(row["id"])
                self._chosen.append(Chosen.of(kind[0], name, row))
        self.rows |= {(kind, number): row for number, row in rows.items()}
        return rows

    def _ask(self, kind: str, name: str) -> Row | GitlabError:
        more = kind == "projects" and self._config.statistics
        query: Query = {**by_name(kind), **({"statistics": True} if more else {})}
        of = Group.of if kind == "groups" else Project.of
        try:
            row = self._client.named(kind, name, query)
            with as_documented(f"{self._client.api_url}/{kind}/{name}"):
                of(row)
        except FatalError:
            raise
        except GitlabError as error:
            return error
        return row

    def _missing(self, kind: str, name: str, error: GitlabError) -> NotFound:
        refused = isinstance(error, Skipped)
        message = self._advice.problem(kind, name, error)
        reason = "missing" if refused else "failed"
        self._leave_out(f"{kind[:-1]} {name}", reason, message)
        found = NotFound(message, transient=not refused, url=error.url, status=error.status)
        found.__cause__ = error
        return found

    def leave_out_group(self, group: Group, error: GitlabError, *, named: bool) -> NotFound:
        """Say once why nothing of a group is read; the error that this is for every stream."""
        if group.id in self._closed:
            return self._closed[group.id]
        refused = isinstance(error, Skipped)
        verb = "may not be read" if refused else "cannot be read"
        message = (
            f"The group {group.path} {verb}, so nothing of it is, and what was read of it before"
            f" stays as it is. {error}"
        )
        self._leave_out(f"group {group.path}", _reason(error), message)
        found = NotFound(
            message,
            transient=not refused,
            skipped=refused and not named,
            url=error.url,
            status=error.status,
        )
        return self._closed.setdefault(group.id, found)

    def leave_out_some(
        self, group: Group, missed: Sequence[Missed], *, of_groups: bool
    ) -> NotFound:
        """Say once what of a group's projects, or groups, GitLab cannot list."""
        what = "groups" if of_groups else "projects"
        message = (
            f"Not all {what} of the group {group.path} can be listed. The others are read, and"
            f" what was read of the missing ones before stays as it is. {first_of(missed)}"
        )
        self._leave_out(f"{what} of group {group.path}", "failed", message)
        return NotFound(message, transient=True, url=missed[0].url)

    def _leave_out(self, where: str, reason: str, message: str) -> None:
        if self._report.leave_out(where, reason, message):
            LOGGER.warning("%s", message)

    def _joined(self) -> Roots:
        """Everything that the token is a member of: its groups, and its projects elsewhere."""
        problems: list[GitlabError] = []
        outermost = _outermost(self._joined_groups(problems))
        inside = tuple(f"{group.path.lower()}/" for group in outermost)
        projects: dict[int, Project] = {}
        without = (
            "only those of its groups are read, and what was read of others before stays as it is."
        )
        with self._listing("projects", without, problems) as lists:
            for answer in pages_of(
                lambda query: lists.rows("projects", query, ID.checked), self.joined_projects()
            ):
                for project in understood(lists, "projects", answer.data, Project.of):
                    if not project.path.lower().startswith(inside):
                        # Roles in groups that could not be listed may count in the project too.
                        known = replace(project, level=None) if problems else project
                        projects[project.id] = known
        if problems and not outermost and not projects:
            raise problems[-1]
        missing = tuple(
            NotFound(str(error), transient=True, url=error.url, status=error.status)
            for error in problems
            if not isinstance(error, Skipped)
        )
        return Roots(
            groups=outermost,
            whole=True,
            projects=tuple(projects.values()),
            missing=missing,
            named=False,
            complete=not problems,
        )

    def _joined_groups(self, problems: list[GitlabError]) -> list[Group]:
        query: Query = {**of_member("groups"), "order_by": "id", "sort": "asc"}
        groups: list[Group] = []
        # Tokens of CI jobs may not list groups; their projects are left.
        without = (
            "its projects are read one by one, and what was read of groups before stays as it is."
        )
        hint = " Name groups in groups_list (--group) to read them all the same."
        with self._listing("groups", without, problems, hint) as lists:
            for rows in read_pages(lists, self._prefetcher, "groups", query, ID):
                groups += understood(lists, "groups", rows, Group.of)
        return groups

    @contextmanager
    def _listing(
        self, what: str, without: str, problems: list[GitlabError], hint: str = ""
    ) -> Iterator[Lists]:
        """List the groups, or projects, of the token; what fails or is missing is told, and kept.

        Raises:
            FatalError: nothing more can be read.
        """
        lists = Lists(self._client)
        start = f"{what} that the token is a member of"
        try:
            yield lists
        except FatalError:
            raise
        except GitlabError as error:
            problems.append(error)
            message = f"The {start} cannot be listed, so {without}{hint} {error}"
            self._leave_out(what, _reason(error), message)
        problem = first_of(lists.take())
        if problem is not None:
            problems.append(problem)
            message = (
                f"Not all {start} can be listed. The others are read, and what was read of the"
                f" missing ones before stays as it is.{hint} {problem}"
            )
            self._leave_out(what, "failed", message)

    def joined_projects(self) -> dict[str, Any]:
        """The query of the list of projects that the token is a member of.

        By keyset, because page numbers end at 50,000 projects.
        """
        query: dict[str, Any] = {**of_member("projects"), **unarchived(self._config)}
        return {**query, "pagination": "keyset", "per_page": 100, "order_by": "id", "sort": "asc"}


def archived(path: str) -> str:
    """Why a project that was named is not read."""
    return f"{path} is archived, and include_archived is off: it is left out."


def nothing_left(roots: Roots) -> NotFound | None:
    """The error of a selection of which nothing is there; None when something is."""
    if roots.groups or roots.projects:
        return None
    if roots.missing or roots.named:
        return all_of(roots.missing)
    return NotFound(NO_MEMBERSHIP)


def all_of(errors: Sequence[NotFound]) -> NotFound | None:
    """Several errors as one, each said once and without those skipped; None for none."""
    errors = [error for error in errors if not error.skipped]
    if not errors:
        return None
    text = " ".join(dict.fromkeys(map(str, errors)))
    transient = all(error.transient for error in errors)
    return NotFound(text, transient=transient, url=errors[0].url, status=errors[0].status)


def _reason(error: GitlabError) -> str:
    return error.reason if isinstance(error, Skipped) else "failed"


def _outermost(groups: list[Group]) -> tuple[Group, ...]:
    """The groups that lie in no other of them."""
    paths = {group.path.lower() for group in groups}

    def inside_another(group: Group) -> bool:
        parts = group.path.lower().split("/")
        return any("/".join(parts[:length]) in paths for length in range(1, len(parts)))

    return tuple(group for group in groups if not inside_another(group))
