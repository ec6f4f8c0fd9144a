"""What a reader should end up with of a plain list, for ``expected.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integration_tests.gitlab.clock import day
from integration_tests.gitlab.graphql.shape import as_read
from integration_tests.gitlab.plain.resource import ROLES, TIERS, Resource, resources
from integration_tests.gitlab.plain.tables import home_of, owner_of, rows_below
from integration_tests.gitlab.plain.template import shown, shown_to_admin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from integration_tests.gitlab.expected import Scope
    from integration_tests.gitlab.rows import Json, Row


def expected_of(resource: Resource, scope: Scope) -> Iterator[tuple[Json, Json]]:
    """The rows of one resource in scope, each with the columns that its address brings."""
    for owner, row in _rows(resource, scope):
        show = shown
        if resource.for_admins and scope.access.is_admin(scope.viewer):
            show = shown_to_admin
        made = show(scope.world, resource, row)
        made = as_read(made) if resource.graphql else made
        parent = _parent(resource, scope, row)
        if owner is not None and (root := _repeating(resource)):
            parent[f"{root.removesuffix('s')}_id"] = owner.id
        if resource.snapshot:
            parent["date"] = day(scope.world.clock.now())
        if resource.numbered and not resource.rows:
            made[resource.numbered] = _place(scope, resource, row)
        for one in _split(resource, made):
            yield {**_ids(one), **parent}, one


def _rows(resource: Resource, scope: Scope) -> Iterator[tuple[Row | None, Row]]:
    """The rows that the viewer is shown: the list's of every owner in scope."""
    settings = scope.world.settings
    if TIERS.index(settings.tier) < TIERS.index(resource.tier):
        return
    if resource.switch and getattr(settings, resource.switch) != "on":
        return
    if resource.below in resources() and _repeating(resource):
        for root, one in _rows(resources()[resource.below], scope):
            yield from ((root, row) for row in rows_below(scope.world, resource.name, one))
        return
    for owner in _owners(resource, scope):
        homes = [owner, *_above(resource, scope, owner)] if resource.repeated else [owner]
        if resource.of_projects and owner is not None:
            homes += scope.access.visible_projects(scope.viewer, owner.id)
        for home in homes:
            for row in rows_below(scope.world, resource.name, home):
                if row.readable and _is_shown(resource, scope, row):
                    yield owner, row


def _repeating(resource: Resource) -> str:
    """Of what the rows are repeated in each: ``groups`` or ``projects``; nothing where none are."""
    while resource.below in resources() and not resource.repeated:
        resource = resources()[resource.below]
    return resource.below if resource.repeated else ""


def _above(resource: Resource, scope: Scope, owner: Row | None) -> Iterable[Row]:
    """The groups above a project or group."""
    if owner is None:
        return []
    in_project = resource.below == "projects"
    return scope.world.ancestors(owner.group_id if in_project else owner.facts["parent_id"])


def _owners(resource: Resource, scope: Scope) -> Iterable[Row | None]:
    """What the list stands below, as far as it is in scope and open to the viewer."""
    below = resource.below
    is_closed = resource.level > _level(scope, None)
    if not below or (is_closed and resource.level == ROLES["admin"]):
        return [] if is_closed else [None]
    if below == "groups":
        return [row for row in scope.groups if _level(scope, row) >= resource.level]
    projects = [row for row in scope.projects if _is_open(resource, scope, row)]
    if resource.graphql and all(one.startswith("Group.") for one in resource.graphql):
        # Nothing but the lists of groups shows them.
        within = {row.id for row in scope.groups}
        projects = [row for row in projects if row.group_id in within]
    if below == "projects":
        return projects
    if below in resources():
        return [row for _owner, row in _rows(resources()[below], scope)]
    if resource.root == "groups":
        groups = [row for row in scope.groups if _level(scope, row) >= resource.level]
        return [row for group in groups for row in rows_below(scope.world, below, group)]
    return [
        row
        for project in projects
        if below not in {"issues", "merge_requests"}
        or scope.access.shows(scope.viewer, project, below)
        for row in rows_below(scope.world, below, project)
        if row.readable and _is_found(scope, below, row)
    ]


def _is_found(scope: Scope, table: str, row: Row) -> bool:
    """Whether the viewer finds a row in the list of its kind, and so what stands below it."""
    if table == "pipelines":
        return is_listed(scope, row.facts.get("source"))
    return table != "issues" or bool(scope.access.shows_issue(scope.viewer, row))


def is_listed(scope: Scope, source: str | None) -> bool:
    """Whether one of the two lists of pipelines has one of this source; nobody finds the others.

    Old recordings show a pipeline without its source.
    """
    children = scope.world.settings.child_pipeline_source
    return source != "unknown" and (children or source != "parent_pipeline")


def _is_open(resource: Resource, scope: Scope, project: Row) -> bool:
    features = project.facts.get("features", {})
    if resource.feature and features.get(resource.feature) == "disabled":
        return False
    if resource.public and project.facts["visibility"] == "public":
        return True
    return _level(scope, project) >= resource.level


def _level(scope: Scope, row: Row | None) -> int:
    """The viewer's role, in the instance for None."""
    if scope.access.is_admin(scope.viewer):
        return ROLES["admin"]
    if row is None:
        return 0
    if scope.world.projects.rows.get(row.id) is row:
        return scope.access.project_level(scope.viewer, row)
    return scope.access.group_level(scope.viewer, row)


def _is_shown(resource: Resource, scope: Scope, row: Row) -> bool:
    if not (resource.may_be_nothing or resource.keep or resource.own_below):
        return True
    made = shown(scope.world, resource, row)
    if made is None or any(made.get(name) != value for name, value in resource.keep.items()):
        return False
    if not resource.own_below:
        return True
    is_enough = _level(scope, home_of(scope.world, row)) >= ROLES[resource.own_below]
    return is_enough or scope.viewer in {made.get("author_id"), made.get("user_id")}


def _parent(resource: Resource, scope: Scope, row: Row) -> Json:
    """What the address of a row's list says: ids of the group or project, ids and iids below.

    Where GitLab's id is a text, as a commit's is, the owner has it among its facts.
    """
    found: Json = {}
    if row.project_id is not None:
        found["project_id"] = row.project_id
    if row.group_id is not None:
        found["group_id"] = row.group_id
    current: Row | None = row
    now = resource
    for parameter in reversed(resource.parameters):
        current = None if current is None else owner_of(scope.world, now, current)
        if current is None:
            break
        stem = parameter.removesuffix("_iid").removesuffix("_id")
        if parameter.endswith("id"):
            found[f"{stem}_id"] = current.id
            if current.iid:
                found[f"{stem}_iid"] = current.iid
        else:
            found[parameter] = current.facts.get(parameter)
            if "id" in current.facts:
                found[f"{now.below.removesuffix('s')}_id"] = current.facts["id"]
        if now.below not in resources():
            break
        now = resources()[now.below]
    return found


def _place(scope: Scope, resource: Resource, row: Row) -> int:
    """The place of a row among those of its owner, from 1 on."""
    owner = owner_of(scope.world, resource, row)
    shown_ = [one for one in rows_below(scope.world, resource.name, owner) if one.readable]
    return 1 + shown_.index(row)


def _split(resource: Resource, made: Any) -> Iterator[Json]:
    """The rows that come of one answer: itself, what stands under a key, or pairs of a map."""
    rows = resource.rows
    if not rows:
        yield made
        return
    if isinstance(rows, list):
        name, value = rows
        for key, one in made.items():
            yield {name: key, value: one}
        return
    if str(rows).startswith("{"):
        column, _, last = str(rows).removeprefix("{").partition("}.")
        for name, inner in made.items():
            for number, one in enumerate([] if inner is None else _inside(inner, last), 1):
                yield {column: name, **one, resource.numbered: number}
        return
    lists, found, last = str(rows).rpartition("[].")
    for outer in _inside(made, lists) if found else [made]:
        inner = _inside(outer, last)
        above = {name: outer[field] for name, field in resource.outer.items()}
        for number, one in enumerate([inner] if isinstance(inner, dict) else inner, 1):
            yield {**one, **above, **({resource.numbered: number} if resource.numbered else {})}


def _inside(made: Any, path: str) -> Any:
    for part in path.split("."):
        made = made[part]
    return made


def may_leave(name: str, row: Json) -> Json:
    """What of a row a reader may let out: no secrets, and of rows of another list their ids."""
    resource = resources().get(name)
    if resource is None:
        return row
    row = {**row, **{name: "" for name in resource.blank if row.get(name) is None}}
    if resource.linked:
        return {name: row[name] for name in resource.linked}
    hidden = [path.split(".") for path in resource.secret]
    found: Json = _without(row, hidden) if hidden else row
    return found


def _without(value: Any, hidden: list[list[str]]) -> Any:
    if isinstance(value, list):
        return [_without(one, hidden) for one in value]
    if not isinstance(value, dict):
        return value
    here = {path[0] for path in hidden if len(path) == 1}
    found: Json = {}
    for name, one in value.items():
        deeper = [path[1:] for path in hidden if len(path) > 1 and path[0] == name]
        if name not in here:
            found[name] = _without(one, deeper) if deeper else one
    return found


def _ids(row: Json) -> Json:
    """The ids of what a row shows, under the names that the connector gives them."""
    return {
        f"{name}_id": value["id"]
        for name, value in row.items()
        if isinstance(value, dict) and "id" in value
    }
