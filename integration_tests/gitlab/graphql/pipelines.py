"""Projects by their ids, their pipelines, and the jobs of these, as GraphQL shows them.

Through the finder that REST goes through too (app/finders/ci/pipelines_finder.rb): newest first,
child pipelines only where they are asked for or named by their iid, none to who may not read them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import GraphQLError

from integration_tests.gitlab.clock import moment, stamp
from integration_tests.gitlab.graphql import rows
from integration_tests.gitlab.graphql.pages import page
from integration_tests.gitlab.present.structure import feature

if TYPE_CHECKING:
    from integration_tests.gitlab.graphql.pages import Viewing
    from integration_tests.gitlab.rows import Json, Row
    from integration_tests.gitlab.world import World

# The statuses of each scope (app/models/concerns/ci/has_status.rb).
_SCOPES = {
    "RUNNING": {"running"},
    "PENDING": {"pending"},
    "FINISHED": {"failed", "success", "canceled"},
}


def projects(viewing: Viewing, _source: Any, given: dict[str, Any]) -> Json:
    """Those of the ids that the viewer sees; newest first (app/finders/projects_finder.rb)."""
    emulator = viewing.emulator
    numbers = {int(str(one).rpartition("/")[2]) for one in given.get("ids") or ()}
    found = [emulator.world.projects.rows.get(one) for one in sorted(numbers, reverse=True)]
    seen = [one for one in found if one and emulator.access.sees_project(viewing.viewer, one)]
    return page(viewing, [rows.project(emulator.world, one) for one in seen], given)


def counts(viewing: Viewing, source: Json, _given: dict[str, Any]) -> Json | None:
    """Null to who may not read pipelines (app/graphql/types/ci/pipeline_counts_type.rb)."""
    home = _home(viewing, source)
    if home is None:
        return None
    return {"all": len(viewing.emulator.world.pipelines.of_project(home.id))}


def pipelines(viewing: Viewing, source: Json, given: dict[str, Any]) -> Json:
    """Pipelines of a project."""
    home = _home(viewing, source)
    if home is None:
        return page(viewing, [], given)
    world = viewing.emulator.world
    wanted, scope = given.get("source"), _SCOPES.get(given.get("scope") or "")
    after, before = given.get("updatedAfter"), given.get("updatedBefore")
    found = [
        row
        for row in world.pipelines.of_project(home.id)
        if _is_listed(row, wanted, children=world.settings.child_pipeline_source)
        and (scope is None or row.facts["status"] in scope)
        and (after is None or (row.updated is not None and row.updated >= moment(after)))
        and (before is None or (row.updated is not None and row.updated <= moment(before)))
    ]
    found.sort(key=lambda row: row.id, reverse=True)
    return page(viewing, [_pipeline(row) for row in found], given)


def pipeline(viewing: Viewing, source: Json, given: dict[str, Any]) -> Json | None:
    """The pipeline of an iid (app/graphql/resolvers/ci/project_pipeline_resolver.rb)."""
    if (given.get("iid") is None) == (given.get("sha") is None):
        message = "Provide one of an IID or SHA"
        raise GraphQLError(message)
    home = _home(viewing, source)
    found = () if home is None else viewing.emulator.world.pipelines.of_project(home.id)
    wanted = {name: value for name, value in given.items() if value is not None}
    named = ((row, {"iid": str(row.iid), "sha": row.facts["sha"]}) for row in found)
    row = next((one for one, names in named if wanted.items() <= names.items()), None)
    return None if row is None else _pipeline(row)


def jobs(viewing: Viewing, source: Json, given: dict[str, Any]) -> Json | None:
    """Builds and trigger jobs of a pipeline, the newest first, retried ones too unless told.

    Null to who lacks `read_commit_status`: a guest of a private project, to whom REST may show the
    same jobs, for it asks for `read_build` (app/graphql/types/ci/pipeline_type.rb and
    app/policies/project_policy.rb).
    """
    world = viewing.emulator.world
    owner = world.pipelines[int(source["id"].rpartition("/")[2])]
    home = world.projects[owner.project_id or 0]
    if not viewing.emulator.access.reads_statuses(viewing.viewer, home):
        return None
    kinds = {"BUILD": world.jobs_of_pipeline(owner.id), "BRIDGE": _bridges(world, owner)}
    kind, retried = given.get("jobKind"), given.get("retried")
    found = [
        {
            "id": rows.gid("Ci::Bridge" if name == "BRIDGE" else "Ci::Build", row.id),
            "kind": name,
            "name": row.facts["name"],
            "retried": bool(row.facts.get("retried")),
        }
        for name, ones in kinds.items()
        if kind in {None, name}
        for row in ones
    ]
    shown = [one for one in found if retried is None or one["retried"] == retried]
    shown.sort(key=lambda one: int(one["id"].rpartition("/")[2]), reverse=True)
    return page(viewing, shown, given)


def _bridges(world: World, owner: Row) -> list[Row]:
    own = world.bridges.of_project(owner.project_id or 0)
    return [row for row in own if row.pipeline_id == owner.id]


def _home(viewing: Viewing, source: Json) -> Row | None:
    """The project, to who may read its pipelines."""
    emulator = viewing.emulator
    home = emulator.world.projects[int(source["id"].rpartition("/")[2])]
    is_shown = emulator.access.sees_project(viewing.viewer, home)
    return home if is_shown and feature(home, "builds") != "disabled" else None


def _is_listed(row: Row, wanted: str | None, *, children: bool) -> bool:
    source = row.facts["source"]
    is_wanted = source == wanted if wanted else source != "parent_pipeline"
    return is_wanted and source != "unknown" and (children or source != "parent_pipeline")


def _pipeline(row: Row) -> Json:
    return {
        "id": rows.gid("Ci::Pipeline", row.id),
        "iid": str(row.iid),
        "updatedAt": None if row.updated is None else stamp(row.updated),
    }
