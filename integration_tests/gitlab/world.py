"""The world: every table of the instance, and how its rows hang together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from integration_tests.gitlab.clock import Clock
from integration_tests.gitlab.plain.resource import resources
from integration_tests.gitlab.plain.tables import owned_table
from integration_tests.gitlab.repository import Repository
from integration_tests.gitlab.rows import Table
from integration_tests.gitlab.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration_tests.gitlab.rows import Row

GUEST, PLANNER, REPORTER, DEVELOPER, MAINTAINER, OWNER = 10, 15, 20, 30, 40, 50

TABLES = (
    "users",
    "groups",
    "projects",
    "group_members",
    "project_members",
    "labels",
    "milestones",
    "boards",
    "epics",
    "epic_issues",
    "issues",
    "merge_requests",
    "pipelines",
    "jobs",
    "bridges",
    "environments",
    "deployments",
    "releases",
    "timelogs",
    "vulnerabilities",
)


@dataclass
class World:
    """The tables of one instance.

    ``structure`` counts changes to groups, projects and membership, which decide who sees what;
    ``shown`` counts those and all changes to rows that other rows embed: serialised rows are good
    for one value of it.
    """

    settings: Settings = field(default_factory=Settings)
    clock: Clock = field(default_factory=Clock)
    repositories: dict[int, Repository] = field(default_factory=dict)
    redirects: dict[str, int] = field(default_factory=dict)
    structure: int = 0
    shown: int = 0

    users: Table = field(default_factory=lambda: Table("users"))
    groups: Table = field(default_factory=lambda: Table("groups"))
    projects: Table = field(default_factory=lambda: Table("projects"))
    group_members: Table = field(default_factory=lambda: Table("group_members"))
    project_members: Table = field(default_factory=lambda: Table("project_members"))
    labels: Table = field(default_factory=lambda: Table("labels"))
    milestones: Table = field(default_factory=lambda: Table("milestones"))
    boards: Table = field(default_factory=lambda: Table("boards"))
    epics: Table = field(default_factory=lambda: Table("epics"))
    epic_issues: Table = field(default_factory=lambda: Table("epic_issues"))
    issues: Table = field(default_factory=lambda: Table("issues"))
    merge_requests: Table = field(default_factory=lambda: Table("merge_requests"))
    pipelines: Table = field(default_factory=lambda: Table("pipelines"))
    jobs: Table = field(default_factory=lambda: Table("jobs"))
    bridges: Table = field(default_factory=lambda: Table("bridges"))
    environments: Table = field(default_factory=lambda: Table("environments"))
    deployments: Table = field(default_factory=lambda: Table("deployments"))
    releases: Table = field(default_factory=lambda: Table("releases"))
    timelogs: Table = field(default_factory=lambda: Table("timelogs"))
    vulnerabilities: Table = field(default_factory=lambda: Table("vulnerabilities"))
    plain: dict[str, Table] = field(default_factory=dict, repr=False)
    """The tables of plain lists that somebody has asked for, see ``plain/tables.py``."""
    commit_rows: dict[int, tuple[int, list[Row]]] = field(default_factory=dict, repr=False)
    """Commits of projects as rows that plain lists stand below, by the repository's version."""
    recorded_commits: dict[int, list[bytes]] = field(default_factory=dict, repr=False)
    """Commits of merge requests by the request's id, where they are served as recorded."""
    ref_bodies: dict[tuple[int, str, str], tuple[object, bytes]] = field(
        default_factory=dict,
        repr=False,
    )
    commit_bodies: dict[tuple[int, str, bool], tuple[int, bytes]] = field(
        default_factory=dict,
        repr=False,
    )
    _jobs: tuple[int, dict[int, list[Row]]] | None = field(default=None, repr=False)
    _paths: tuple[int, dict[str, int], dict[str, int]] | None = field(default=None, repr=False)

    def table(self, name: str) -> Table:
        """A table by name, that of a plain list too; raises ValueError for another name."""
        if name not in TABLES:
            if name in resources():
                return owned_table(self, name)
            message = f"no such table: {name}; there are {', '.join([*TABLES, *resources()])}"
            raise ValueError(message)
        found = getattr(self, name)
        if not isinstance(found, Table):
            raise TypeError(name)
        return found

    def restructured(self) -> None:
        """Say that something changed that decides where rows are and who sees them."""
        self.structure += 1
        self.shown += 1
        for name in TABLES:
            self.table(name).version += 1

    def jobs_of_pipeline(self, pipeline_id: int) -> list[Row]:
        """The builds of a pipeline, retried ones too."""
        if self._jobs is None or self._jobs[0] != self.jobs.version:
            index: dict[int, list[Row]] = {}
            for row in self.jobs:
                index.setdefault(row.pipeline_id, []).append(row)
            self._jobs = (self.jobs.version, index)
        return list(self._jobs[1].get(pipeline_id, []))

    def repository(self, project_id: int) -> Repository:
        """The project's repository; an empty one when nothing was pushed."""
        return self.repositories.setdefault(project_id, Repository())

    def ancestors(self, group_id: int | None) -> Iterator[Row]:
        """The group itself and every group above it, nearest first."""
        while group_id is not None:
            group = self.groups[group_id]
            yield group
            group_id = group.facts["parent_id"]

    def descendants(self, group_id: int) -> list[Row]:
        """The group itself and every group below it, by id."""
        found = {group_id}
        grew = True
        while grew:
            below = {row.id for row in self.groups if row.facts["parent_id"] in found}
            grew = not below <= found
            found |= below
        return [self.groups[one] for one in sorted(found)]

    def projects_below(self, group_id: int) -> list[Row]:
        """The projects of a group and of the groups below it."""
        inside = {group.id for group in self.descendants(group_id)}
        return [row for row in self.projects if row.group_id in inside]

    def group_path(self, group_id: int) -> str:
        """The full path of a group."""
        return "/".join(reversed([group.facts["path"] for group in self.ancestors(group_id)]))

    def group_name(self, group_id: int) -> str:
        """The full name of a group."""
        return " / ".join(reversed([group.facts["name"] for group in self.ancestors(group_id)]))

    def namespace_path(self, project: Row) -> str:
        """The path of the group or user that a project belongs to."""
        if project.group_id is not None:
            return self.group_path(project.group_id)
        return str(self.users[project.facts["owner_id"]].facts["username"])

    def project_path(self, project_id: int) -> str:
        """The full path of a project."""
        project = self.projects[project_id]
        return f"{self.namespace_path(project)}/{project.facts['path']}"

    def project_url(self, project_id: int) -> str:
        """The web address of a project."""
        return f"{self.settings.external_url}/{self.project_path(project_id)}"

    def api_url(self, path: str) -> str:
        """An API address as rows show it."""
        return f"{self.settings.external_url}/api/v4/{path}"

    def _path_index(self) -> tuple[dict[str, int], dict[str, int]]:
        if self._paths is None or self._paths[0] != self.structure:
            groups = {self.group_path(row.id).lower(): row.id for row in self.groups}
            projects = {self.project_path(row.id).lower(): row.id for row in self.projects}
            self._paths = (self.structure, groups, projects)
        return self._paths[1], self._paths[2]

    def find_group(self, name: str) -> Row | None:
        """A group by id or by path, encoded or not, in any letter case."""
        wanted = unquote(name)
        if wanted.isdecimal():
            return self.groups.rows.get(int(wanted))
        found = self._path_index()[0].get(wanted.lower())
        return None if found is None else self.groups[found]

    def find_project(self, name: str) -> Row | None:
        """A project by id or by its present path, encoded or not, in any letter case."""
        wanted = unquote(name)
        if wanted.isdecimal():
            return self.projects.rows.get(int(wanted))
        found = self._path_index()[1].get(wanted.lower())
        return None if found is None else self.projects[found]

    def moved_project(self, name: str) -> Row | None:
        """The project that had this path before it was moved or renamed."""
        found = self.redirects.get(unquote(name).lower())
        return None if found is None else self.projects.rows.get(found)
