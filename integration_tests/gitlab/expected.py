"""What a reader should end up with, worked out from the tables and not from the endpoints.

``GET /emulator/world`` answers with ``{stream: [{"parent": {...}, "row": {...}}, ...]}``.
``row`` is GitLab's JSON, without the runners' tokens; ``parent`` has the ids that the row's
address holds: project_id, group_id, merge_request_iid, epic_id, pipeline_id. Parameters:

* ``groups``, ``projects``: ids or paths, comma separated, as a user would configure them; with
  neither, everything that the token is a member of,
* ``token``: another token than the default one,
* ``archived=false``: without archived projects,
* ``streams``: only these, comma separated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from integration_tests.gitlab.auth import DEFAULT
from integration_tests.gitlab.endpoints.groups import shared_with
from integration_tests.gitlab.graphql import expected as graphql
from integration_tests.gitlab.plain.expectation import expected_of, is_listed
from integration_tests.gitlab.plain.resource import resources
from integration_tests.gitlab.present import ci, code, people, planning, structure
from integration_tests.gitlab.present.viewed import SINGLE, Viewer, Wanted, project_for
from integration_tests.gitlab.rows import Json
from integration_tests.gitlab.world import GUEST, REPORTER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from integration_tests.gitlab.access import Access
    from integration_tests.gitlab.emulator import Emulator
    from integration_tests.gitlab.rows import Row, Table
    from integration_tests.gitlab.world import World

Expected = tuple[Json, Json]
"""The ids in the row's address, and the row."""


class Scope:
    """The groups and projects that a reader was told to read, as far as its token sees them."""

    def __init__(self, emulator: Emulator, params: dict[str, str]) -> None:
        self.emulator = emulator
        self.world: World = emulator.world
        self.access: Access = emulator.access
        self.viewer = emulator.tokens.by_value[params.get("token", DEFAULT)].user_id
        named_groups = [one for one in params.get("groups", "").split(",") if one]
        named_projects = [one for one in params.get("projects", "").split(",") if one]
        if named_groups or named_projects:
            self.groups, self.projects = self._named(named_groups, named_projects)
        else:
            self.groups = [
                row
                for row in self.world.groups
                if self.access.sees_group(self.viewer, row)
                and self.access.group_level(self.viewer, row) >= GUEST
            ]
            self.projects = [
                row
                for row in self.world.projects
                if self.access.sees_project(self.viewer, row)
                and self.access.project_level(self.viewer, row) >= GUEST
            ]
        if params.get("archived") == "false":
            self.projects = [row for row in self.projects if not row.facts.get("archived")]

    def _named(self, groups: list[str], projects: list[str]) -> tuple[list[Row], list[Row]]:
        found_groups: dict[int, Row] = {}
        for name in groups:
            top = self.world.find_group(name)
            if top is None:
                message = f"no such group: {name}"
                raise ValueError(message)
            found_groups |= {
                row.id: row
                for row in self.world.descendants(top.id)
                if self.access.sees_group(self.viewer, row)
            }
        found: dict[int, Row] = {}
        for name in projects:
            row = self.world.find_project(name)
            if row is None:
                message = f"no such project: {name}"
                raise ValueError(message)
            found[row.id] = row
        if not projects:
            found = {
                row.id: row
                for row in self.world.projects
                if row.group_id in found_groups and self.access.sees_project(self.viewer, row)
            }
        return list(found_groups.values()), list(found.values())

    def show(self, row: Row, present: Callable[[World, Row], Json]) -> Json:
        """The JSON of a row, as recorded where it was."""
        body = row.body(self.world.shown, present.__name__, lambda: present(self.world, row))
        shown: Json = orjson.loads(body)
        return shown

    def having(self, feature: str, *, level: int = 0) -> list[Row]:
        """The projects in scope that have a feature, and where the viewer's role is enough."""
        return [
            row
            for row in self.projects
            if structure.feature(row, feature) != "disabled"
            and (
                feature not in {"issues", "merge_requests"}
                or self.access.shows(self.viewer, row, feature)
            )
            and (
                row.facts["visibility"] == "public"
                or self.access.project_level(self.viewer, row) >= level
            )
        ]


def _of_projects(
    scope: Scope,
    table: Table,
    projects: Iterable[Row],
    present: Callable[[World, Row], Json],
) -> Iterator[Expected]:
    for project in projects:
        for row in table.of_project(project.id):
            if row.readable:
                yield {"project_id": project.id}, scope.show(row, present)


def _of_groups(
    scope: Scope,
    table: Table,
    present: Callable[[World, Row], Json],
) -> Iterator[Expected]:
    for group in scope.groups:
        for row in table.of_group(group.id):
            if row.readable:
                yield {"group_id": group.id}, scope.show(row, present)


def _epics(scope: Scope) -> Iterator[Expected]:
    if scope.world.settings.epics == "on":
        yield from _of_groups(scope, scope.world.epics, planning.epic)


def _epic_issues(scope: Scope) -> Iterator[Expected]:
    world = scope.world
    inside = {group.id for group in scope.groups}
    visible = {row.id for row in scope.access.visible_projects(scope.viewer)}
    if world.settings.epics != "on":
        return
    for link in world.epic_issues:
        epic = world.epics[link.facts["epic_id"]]
        if epic.group_id in inside and world.issues[link.facts["issue_id"]].project_id in visible:
            parent = {"group_id": epic.group_id, "epic_id": epic.id, "epic_iid": epic.iid}
            yield parent, planning.epic_issue(world, link)


def _groups(scope: Scope) -> Iterator[Expected]:
    """Each as it is by itself, with its projects in two columns."""
    visible = scope.access.visible_projects(scope.viewer)
    for row in scope.groups:
        own = [one for one in scope.projects if one.group_id == row.id]
        shown = structure.group_detail(scope.world, row, owner=False)
        shown["projects"] = _brief(scope.world, own)
        shown["shared_projects"] = _brief(scope.world, shared_with(row.id, visible))
        yield {}, row.overridden(shown)


def _brief(world: World, projects: list[Row]) -> list[Json]:
    return [
        {"id": row.id, "path_with_namespace": world.project_path(row.id)}
        for row in sorted(projects, key=lambda one: one.id)
    ]


def _projects(scope: Scope) -> Iterator[Expected]:
    """Each as it is by itself, with its statistics; no list tells why an import failed."""
    viewer = Viewer(scope.world, scope.access, scope.viewer)
    for row in scope.projects:
        shown = project_for(viewer, row, SINGLE, Wanted(statistics=True))
        for column in ("runners_token", "import_error"):
            shown.pop(column, None)
        yield {}, row.overridden(shown)


def _branches(scope: Scope) -> Iterator[Expected]:
    for project in scope.having("repository", level=REPORTER):
        repository = scope.world.repository(project.id)
        for one in repository.branches.values():
            shown = code.branch(scope.world, project.id, repository, one)
            yield {"project_id": project.id}, shown


def _tags(scope: Scope) -> Iterator[Expected]:
    for project in scope.having("repository", level=REPORTER):
        repository = scope.world.repository(project.id)
        for one in repository.tags.values():
            yield {"project_id": project.id}, code.tag(scope.world, project.id, repository, one)


def _commits(scope: Scope) -> Iterator[Expected]:
    """Every commit that a branch reaches, with its statistics."""
    for project in scope.having("repository", level=REPORTER):
        repository = scope.world.repository(project.id)
        heads = [one.sha for one in repository.branches.values()]
        for sha in sorted(repository.reachable(heads)):
            one = repository.commits[sha]
            shown = code.commit(scope.world, project.id, one, stats=True)
            yield {"project_id": project.id}, shown


def _merge_request_commits(scope: Scope) -> Iterator[Expected]:
    world = scope.world
    for project in scope.having("merge_requests"):
        repository = world.repository(project.id)
        for row in world.merge_requests.of_project(project.id):
            if not row.readable:
                continue
            parent = {"project_id": project.id, "merge_request_iid": row.iid}
            recorded = world.recorded_commits.get(row.id)
            if recorded is not None:
                yield from ((parent, orjson.loads(one)) for one in recorded)
                continue
            for one in row.commits(repository):
                yield parent, code.commit(world, project.id, one)


def _users(scope: Scope) -> Iterator[Expected]:
    for project in scope.projects:
        for row in scope.world.users:
            if scope.access.project_level(row.id, project) >= GUEST:
                yield {"project_id": project.id}, people.user_basic(scope.world, row.id) or {}


def _people(scope: Scope) -> Iterator[Expected]:
    """Everyone with a part in a project, once."""
    for row in scope.world.users:
        if any(scope.access.project_level(row.id, one) >= GUEST for one in scope.projects):
            yield {}, people.user_basic(scope.world, row.id) or {}


def _members_all(scope: Scope, kind: str) -> Iterator[Expected]:
    """Members of each group or project and of the groups above, the highest role of each user."""
    world = scope.world
    for home in scope.groups if kind == "group" else scope.projects:
        above = home.id if kind == "group" else home.group_id
        rows = [
            row for one in world.ancestors(above) for row in world.group_members.of_group(one.id)
        ]
        if kind == "project":
            rows = world.project_members.of_project(home.id) + rows
        highest: dict[int, Row] = {}
        for row in sorted(rows, key=lambda one: -one.facts["access_level"]):
            highest.setdefault(row.facts["user_id"], row)
        for row in highest.values():
            yield {f"{kind}_id": home.id}, scope.show(row, people.member)


def _group_shares(scope: Scope) -> Iterator[Expected]:
    for _parent, group in _groups(scope):
        for share in group["shared_with_groups"]:
            yield {"shared_group_id": group["id"]}, share


def _shared_projects(scope: Scope) -> Iterator[Expected]:
    for _parent, group in _groups(scope):
        for project in group["shared_projects"]:
            yield {"group_id": group["id"]}, project


def _project_shares(scope: Scope) -> Iterator[Expected]:
    for _parent, project in _projects(scope):
        for share in project["shared_with_groups"]:
            yield {"project_id": project["id"]}, share


def _releases(scope: Scope) -> Iterator[Expected]:
    return _of_projects(scope, scope.world.releases, scope.having("releases"), code.release)


def _release_links(scope: Scope) -> Iterator[Expected]:
    for parent, row in _releases(scope):
        for link in row["assets"]["links"]:
            yield parent | {"tag_name": row["tag_name"]}, link


def _group_issue_board_lists(scope: Scope) -> Iterator[Expected]:
    """The columns of each board of a group."""
    if scope.world.settings.boards == "on":
        for parent, row in _of_groups(scope, scope.world.boards, planning.board):
            for one in row["lists"]:
                yield parent | {"board_id": row["id"]}, one


def _pipelines(scope: Scope, present: Callable[[World, Row], Json]) -> Iterator[Expected]:
    projects = scope.having("builds")
    for parent, row in _of_projects(scope, scope.world.pipelines, projects, present):
        if is_listed(scope, row.get("source")):
            yield parent, row


def _job_artifacts(scope: Scope) -> Iterator[Expected]:
    for parent, row in STREAMS["jobs"](scope):
        for artifact in row["artifacts"]:
            yield parent | {"job_id": row["id"]}, artifact


def _bridges(scope: Scope) -> Iterator[Expected]:
    for parent, row in _of_projects(
        scope,
        scope.world.bridges,
        scope.having("builds"),
        ci.bridge,
    ):
        if is_listed(scope, row["pipeline"].get("source")):
            yield parent | {"pipeline_id": row["pipeline"]["id"]}, row


STREAMS: dict[str, Callable[[Scope], Iterator[Expected]]] = {
    "groups": _groups,
    "epics": _epics,
    "epic_issues": _epic_issues,
    "projects": _projects,
    "branches": _branches,
    "releases": _releases,
    "group_issue_board_lists": _group_issue_board_lists,
    "release_links": _release_links,
    "tags": _tags,
    "users": _users,
    "people": _people,
    "group_members_all": lambda s: _members_all(s, "group"),
    "project_members_all": lambda s: _members_all(s, "project"),
    "group_group_shares": _group_shares,
    "group_shared_projects": _shared_projects,
    "project_group_shares": _project_shares,
    "deployments": lambda s: _of_projects(
        s,
        s.world.deployments,
        s.having("environments", level=REPORTER),
        ci.deployment,
    ),
    "commits": _commits,
    "issues": lambda s: (
        (parent, row)
        for parent, row in _of_projects(s, s.world.issues, s.having("issues"), planning.issue)
        if s.access.shows_issue(s.viewer, s.world.issues[row["id"]])
    ),
    "merge_requests": lambda s: _of_projects(
        s,
        s.world.merge_requests,
        s.having("merge_requests"),
        code.merge_request,
    ),
    "merge_request_commits": _merge_request_commits,
    "pipelines": lambda s: _pipelines(s, ci.pipeline),
    "pipelines_extended": lambda s: _pipelines(s, ci.pipeline_detail),
    "jobs": lambda s: _of_projects(s, s.world.jobs, s.having("builds"), ci.job),
    "job_artifacts": _job_artifacts,
    "pipeline_trigger_jobs": _bridges,
    **graphql.STREAMS,
}


def expected_rows(emulator: Emulator, params: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    """The expected rows of each stream; raises ValueError for names that do not resolve."""
    scope = Scope(emulator, params)
    every = [*STREAMS, *(name for name in resources() if name not in STREAMS)]
    wanted = [one for one in params.get("streams", "").split(",") if one] or every
    return {
        stream: [
            {"parent": parent, "row": orjson.loads(orjson.dumps(row))}
            for parent, row in _rows_of(stream, scope)
        ]
        for stream in wanted
    }


def _rows_of(stream: str, scope: Scope) -> Iterator[Expected]:
    if stream in STREAMS:
        return STREAMS[stream](scope)
    return expected_of(resources()[stream], scope)
