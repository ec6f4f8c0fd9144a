"""Projects as GitLab shows them to one viewer: other columns in each place where they are shown.

* A single project has `permissions` with the highest role in its group and the groups above, its
  import's error for maintainers, and `statistics` when they are asked for (lib/api/projects.rb,
  lib/api/entities/project_with_access.rb).
* The instance's list has `permissions` too, but only with roles in the very group of the project
  (`preload_relation` there), and `statistics` when they are asked for.
* The list of a group has neither, whatever is asked for (lib/api/groups.rb presents
  `Entities::Project` and passes no `statistics`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from integration_tests.gitlab.present.structure import project, project_simple
from integration_tests.gitlab.world import MAINTAINER, OWNER, REPORTER

if TYPE_CHECKING:
    from integration_tests.gitlab.access import Access
    from integration_tests.gitlab.rows import Json, Row
    from integration_tests.gitlab.world import World

SINGLE, INSTANCE, GROUP = "single", "instance", "group"
"""Where a project is shown."""

_FOR_MAINTAINERS = (
    "import_url",
    "import_type",
    "ci_default_git_depth",
    "ci_delete_pipelines_in_seconds",
    "ci_forward_deployment_enabled",
    "ci_forward_deployment_rollback_allowed",
    "ci_job_token_scope_enabled",
    "ci_separated_caches",
    "ci_allow_fork_pipelines_to_run_in_parent_project",
    "ci_id_token_sub_claim_components",
    "build_git_strategy",
    "keep_latest_artifact",
    "restrict_user_defined_variables",
    "ci_pipeline_variables_minimum_override_role",
    "runner_token_expiration_interval",
    "group_runners_enabled",
    "auto_cancel_pending_pipelines",
    "build_timeout",
    "auto_devops_enabled",
    "auto_devops_deploy_strategy",
    "ci_push_repository_for_job_token_allowed",
)
"""What lib/api/entities/project.rb shows to those with `admin_project` alone, in every place."""


@dataclass(frozen=True)
class Wanted:
    """What a request asks for beside the project itself."""

    statistics: bool = False
    license: bool = False
    custom_attributes: bool = False
    simple: bool = False


@dataclass(frozen=True)
class Viewer:
    """Who looks at a world; the id is None for somebody who did not sign in."""

    world: World
    access: Access
    id: int | None

    def level(self, row: Row) -> int:
        """What the viewer may do in a project, as a role; administrators need none."""
        if self.access.is_admin(self.id):
            return OWNER
        return self.access.project_level(self.id, row)


def project_for(viewer: Viewer, row: Row, place: str, wanted: Wanted) -> Json:
    """A project as a viewer sees it in a place."""
    if (wanted.simple and place != SINGLE) or (viewer.id is None and place != GROUP):
        return project_simple(viewer.world, row)
    level = viewer.level(row)
    shown = project(viewer.world, row)
    if level < MAINTAINER:
        for column in _FOR_MAINTAINERS:
            shown.pop(column, None)
    else:
        shown["runners_token"] = f"GR1348941emulated-project-{row.id}"
    if level >= OWNER:
        shown["repository_storage"] = "default"
    if wanted.custom_attributes:
        shown["custom_attributes"] = [{"key": "cost_centre", "value": "42"}]
    return shown if place == GROUP else shown | _details(viewer, row, place, wanted)


def _details(viewer: Viewer, row: Row, place: str, wanted: Wanted) -> Json:
    """What the list of a group lacks."""
    level = viewer.level(row)
    shown: Json = {
        "permissions": {
            "project_access": _role(_own_level(viewer, row)),
            "group_access": _role(_group_level(viewer, row, place)),
        }
    }
    if wanted.statistics and level >= REPORTER:
        shown["statistics"] = _statistics(viewer.world, row)
    if place == SINGLE and level >= MAINTAINER:
        shown["import_error"] = None
    if place == SINGLE and wanted.license:
        shown |= _license(viewer.world, row)
    return shown


def _role(level: int) -> Json | None:
    return {"access_level": level, "notification_level": 3} if level else None


def _own_level(viewer: Viewer, row: Row) -> int:
    return max(
        (
            one.facts["access_level"]
            for one in viewer.world.project_members.of_project(row.id)
            if one.facts["user_id"] == viewer.id
        ),
        default=OWNER if row.facts.get("owner_id") == viewer.id else 0,
    )


def _group_level(viewer: Viewer, row: Row, place: str) -> int:
    if row.group_id is None:
        return 0
    if place == SINGLE:
        return viewer.access.group_level(viewer.id, viewer.world.groups[row.group_id])
    return max(
        (
            one.facts["access_level"]
            for one in viewer.world.group_members.of_group(row.group_id)
            if one.facts["user_id"] == viewer.id
        ),
        default=0,
    )


def _license(world: World, row: Row) -> Json:
    return {
        "license_url": f"{world.project_url(row.id)}/-/blob/main/LICENSE",
        "license": {
            "key": "mit",
            "name": "MIT License",
            "nickname": None,
            "html_url": "http://choosealicense.com/licenses/mit/",
            "source_url": "https://opensource.org/licenses/MIT",
        },
    }


def _statistics(world: World, row: Row) -> Json:
    size = 100_000 + row.id * 1_000
    return {
        "commit_count": len(world.repository(row.id).commits),
        "storage_size": size + 5_000,
        "repository_size": size,
        "wiki_size": 0,
        "lfs_objects_size": 0,
        "job_artifacts_size": 5_000,
        "pipeline_artifacts_size": 0,
        "packages_size": 0,
        "snippets_size": 0,
        "uploads_size": 0,
        "container_registry_size": 0,
    }
