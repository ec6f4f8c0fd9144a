"""Groups and projects in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration_tests.gitlab.clock import optional_stamp, stamp
from integration_tests.gitlab.present.people import user_basic

if TYPE_CHECKING:
    from integration_tests.gitlab.rows import Json, Row
    from integration_tests.gitlab.world import World

FEATURES = (
    "analytics",
    "builds",
    "container_registry",
    "environments",
    "feature_flags",
    "forking",
    "infrastructure",
    "issues",
    "merge_requests",
    "model_experiments",
    "model_registry",
    "monitor",
    "package_registry",
    "pages",
    "releases",
    "repository",
    "requirements",
    "security_and_compliance",
    "snippets",
    "wiki",
)


def group(world: World, row: Row) -> Json:
    """A group, as the lists of groups show it."""
    facts = row.facts
    path = world.group_path(row.id)
    return {
        "id": row.id,
        "web_url": f"{world.settings.external_url}/groups/{path}",
        "name": facts["name"],
        "path": facts["path"],
        "description": facts.get("description", ""),
        "visibility": facts["visibility"],
        "share_with_group_lock": False,
        "require_two_factor_authentication": False,
        "two_factor_grace_period": 48,
        "project_creation_level": "developer",
        "auto_devops_enabled": None,
        "subgroup_creation_level": "maintainer",
        "emails_disabled": False,
        "emails_enabled": True,
        "show_diff_preview_in_email": True,
        "mentions_disabled": None,
        "lfs_enabled": True,
        "archived": False,
        "math_rendering_limits_enabled": True,
        "lock_math_rendering_limits_enabled": False,
        "default_branch": None,
        "default_branch_protection": 2,
        "default_branch_protection_defaults": {
            "allowed_to_push": [{"access_level": 40}],
            "allow_force_push": False,
            "allowed_to_merge": [{"access_level": 40}],
        },
        "avatar_url": None,
        "request_access_enabled": True,
        "full_name": world.group_name(row.id),
        "full_path": path,
        "created_at": stamp(row.created),
        "parent_id": facts["parent_id"],
        "organization_id": 1,
        "shared_runners_setting": "enabled",
        "max_artifacts_size": None,
        "marked_for_deletion_on": facts.get("marked_for_deletion_on"),
        "ldap_cn": None,
        "ldap_access": None,
        "file_template_project_id": None,
        "wiki_access_level": "enabled",
        "repository_storage": "default",
        "duo_core_features_enabled": None,
        "duo_features_enabled": True,
        "lock_duo_features_enabled": False,
        "web_based_commit_signing_enabled": False,
        "duo_namespace_access_rules": [],
    }


def group_detail(world: World, row: Row, *, owner: bool) -> Json:
    """A single group without its projects; owners see the runners' token too."""
    shown = {
        **group(world, row),
        "shared_with_groups": shares(world, row),
        "prevent_forking_outside_group": None,
        "membership_lock": False,
        "ip_restriction_ranges": None,
        "allowed_email_domains_list": None,
        "service_access_tokens_expiration_enforced": True,
        "shared_runners_minutes_limit": None,
        "extra_shared_runners_minutes_limit": None,
        "unique_project_download_limit": 0,
        "unique_project_download_limit_interval_in_seconds": 0,
        "unique_project_download_limit_allowlist": [],
        "unique_project_download_limit_alertlist": [],
        "auto_ban_user_on_excessive_projects_download": False,
        "enabled_git_access_protocol": "all",
        "step_up_auth_required_oauth_provider": None,
        "allow_personal_snippets": True,
    }
    if row.facts["parent_id"] is None:
        shown["prevent_sharing_groups_outside_hierarchy"] = False
    if owner:
        shown["runners_token"] = f"GR1348941emulated-{row.id}"
    return shown


def namespace(world: World, row: Row) -> Json:
    """The group or user that a project belongs to."""
    if row.group_id is not None:
        owner = world.groups[row.group_id]
        path = world.group_path(owner.id)
        return {
            "id": owner.id,
            "name": owner.facts["name"],
            "path": owner.facts["path"],
            "kind": "group",
            "full_path": path,
            "parent_id": owner.facts["parent_id"],
            "avatar_url": None,
            "web_url": f"{world.settings.external_url}/groups/{path}",
        }
    user = world.users[row.facts["owner_id"]]
    return {
        "id": user.facts["namespace_id"],
        "name": user.facts["name"],
        "path": user.facts["username"],
        "kind": "user",
        "full_path": user.facts["username"],
        "parent_id": None,
        "avatar_url": user.facts.get("avatar_url"),
        "web_url": f"{world.settings.external_url}/{user.facts['username']}",
    }


def project_simple(world: World, row: Row) -> Json:
    """A project as ``simple=true`` lists it."""
    facts = row.facts
    url, path = world.project_url(row.id), world.project_path(row.id)
    host = world.settings.external_url.split("://")[-1]
    namespace_name = (
        world.group_name(row.group_id)
        if row.group_id is not None
        else world.users[facts["owner_id"]].facts["name"]
    )
    branch = None if facts.get("empty_repo") else world.repository(row.id).default_branch
    return {
        "id": row.id,
        "description": facts.get("description"),
        "name": facts["name"],
        "name_with_namespace": f"{namespace_name} / {facts['name']}",
        "path": facts["path"],
        "path_with_namespace": path,
        "created_at": stamp(row.created),
        "default_branch": branch,
        "tag_list": facts.get("topics", []),
        "topics": facts.get("topics", []),
        "ssh_url_to_repo": f"git@{host}:{path}.git",
        "http_url_to_repo": f"{url}.git",
        "web_url": url,
        "readme_url": f"{url}/-/blob/{branch}/README.md" if branch else None,
        "forks_count": 0,
        "avatar_url": None,
        "star_count": facts.get("star_count", 0),
        "last_activity_at": stamp(facts.get("last_activity", row.updated or row.created)),
        "visibility": facts["visibility"],
        "namespace": namespace(world, row),
    }


def feature(row: Row, name: str) -> str:
    """The access level of a project's feature: ``enabled``, ``private`` or ``disabled``."""
    return str(row.facts.get("features", {}).get(name, "enabled"))


def _enabled(row: Row, name: str) -> bool:
    return feature(row, name) != "disabled"


def shares(world: World, row: Row) -> list[Json]:
    """The groups that a group or project is shared with."""
    return [
        {
            "group_id": group_id,
            "group_name": world.groups[group_id].facts["name"],
            "group_full_path": world.group_path(group_id),
            "group_access_level": level,
            "expires_at": None,
        }
        for group_id, level in row.facts.get("shares", [])
    ]


def project(world: World, row: Row) -> Json:
    """A project, without what depends on who asks, and where (see `viewed`)."""
    facts = row.facts
    own = world.api_url(f"projects/{row.id}")
    shown = {
        **project_simple(world, row),
        "container_registry_image_prefix": f"registry.example.com/{world.project_path(row.id)}",
        "_links": {
            "self": own,
            "issues": f"{own}/issues",
            "merge_requests": f"{own}/merge_requests",
            "repo_branches": f"{own}/repository/branches",
            "labels": f"{own}/labels",
            "events": f"{own}/events",
            "members": f"{own}/members",
            "cluster_agents": f"{own}/cluster_agents",
        },
        "updated_at": optional_stamp(row.updated),
        "marked_for_deletion_at": facts.get("marked_for_deletion_on"),
        "marked_for_deletion_on": facts.get("marked_for_deletion_on"),
        "packages_enabled": True,
        "empty_repo": facts.get("empty_repo", False),
        "archived": facts.get("archived", False),
        "resolve_outdated_diff_discussions": False,
        "container_expiration_policy": {
            "cadence": "1d",
            "enabled": False,
            "keep_n": 10,
            "older_than": "90d",
            "name_regex": ".*",
            "name_regex_keep": None,
            "next_run_at": stamp(row.created),
        },
        "repository_object_format": "sha1",
        "issues_enabled": _enabled(row, "issues"),
        "merge_requests_enabled": _enabled(row, "merge_requests"),
        "wiki_enabled": True,
        "jobs_enabled": _enabled(row, "builds"),
        "snippets_enabled": True,
        "container_registry_enabled": True,
        "service_desk_enabled": False,
        "service_desk_address": None,
        "can_create_merge_request_in": True,
        **{f"{name}_access_level": feature(row, name) for name in FEATURES},
        "emails_disabled": False,
        "emails_enabled": True,
        "show_diff_preview_in_email": True,
        "shared_runners_enabled": True,
        "group_runners_enabled": True,
        "lfs_enabled": True,
        "creator_id": facts.get("creator_id", 1),
        "import_url": None,
        "import_type": None,
        "import_status": "none",
        "open_issues_count": sum(
            one.facts.get("state", "opened") == "opened" for one in world.issues.of_project(row.id)
        )
        if len(world.issues) < SMALL
        else 0,
        "description_html": f"<p>{facts.get('description') or ''}</p>",
        "shared_with_groups": shares(world, row),
        "requirements_enabled": False,
        "security_and_compliance_enabled": True,
        "secret_push_protection_enabled": False,
        "pre_receive_secret_detection_enabled": False,
        "compliance_frameworks": [],
        "public_jobs": facts.get("public_builds", True),
        **_ci_settings(),
        **_merge_settings(),
        "issues_template": None,
        "issue_branch_template": None,
        "autoclose_referenced_issues": True,
        "approvals_before_merge": 0,
        "mirror": False,
        "mirror_trigger_builds": False,
        "only_mirror_protected_branches": None,
        "mirror_overwrites_diverged_branches": None,
        "external_authorization_classification_label": None,
        "use_custom_template": False,
        "template_name": None,
        "group_with_project_templates_id": None,
        "show_default_award_emojis": True,
        "duo_remote_flows_enabled": True,
        "spp_repository_pipeline_access": True,
        "public": facts["visibility"] == "public",
        "public_builds": facts.get("public_builds", True),
    }
    if row.group_id is None:
        shown["owner"] = {
            **(user_basic(world, facts["owner_id"]) or {}),
            "created_at": stamp(world.users[facts["owner_id"]].created),
        }
    return shown


SMALL = 20_000
"""Above this many issues in the instance the open ones are no longer counted by project."""


def _ci_settings() -> Json:
    return {
        "ci_config_path": "",
        "ci_default_git_depth": 20,
        "ci_delete_pipelines_in_seconds": None,
        "ci_forward_deployment_enabled": True,
        "ci_forward_deployment_rollback_allowed": True,
        "ci_job_token_scope_enabled": False,
        "ci_separated_caches": True,
        "ci_allow_fork_pipelines_to_run_in_parent_project": True,
        "ci_id_token_sub_claim_components": ["project_path", "ref_type", "ref"],
        "ci_pipeline_variables_minimum_override_role": "developer",
        "ci_push_repository_for_job_token_allowed": False,
        "ci_restrict_pipeline_cancellation_role": "developer",
        "ci_display_pipeline_variables": False,
        "protect_merge_request_pipelines": True,
        "build_git_strategy": "fetch",
        "build_timeout": 3600,
        "auto_cancel_pending_pipelines": "enabled",
        "auto_devops_enabled": False,
        "auto_devops_deploy_strategy": "continuous",
        "keep_latest_artifact": True,
        "restrict_user_defined_variables": False,
        "runner_token_expiration_interval": None,
        "resource_group_default_process_mode": "unordered",
        "max_artifacts_size": None,
    }


def _merge_settings() -> Json:
    return {
        "only_allow_merge_if_pipeline_succeeds": False,
        "only_allow_merge_if_all_status_checks_passed": False,
        "only_allow_merge_if_all_discussions_are_resolved": False,
        "allow_merge_on_skipped_pipeline": None,
        "allow_pipeline_trigger_approve_deployment": False,
        "request_access_enabled": True,
        "remove_source_branch_after_merge": True,
        "printing_merge_request_link_enabled": True,
        "merge_method": "merge",
        "merge_request_title_regex": None,
        "merge_request_title_regex_description": None,
        "squash_option": "default_off",
        "enforce_auth_checks_on_uploads": True,
        "suggestion_commit_message": None,
        "merge_commit_template": None,
        "squash_commit_template": None,
        "merge_requests_template": None,
        "merge_pipelines_enabled": False,
        "merge_trains_enabled": False,
        "warn_about_potentially_unwanted_characters": True,
    }
