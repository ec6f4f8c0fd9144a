"""A row of a list has the columns that the same row has when it is asked for by itself."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.support.reading import config_for, read
from source_gitlab.streams import Stream, streams

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator
    from integration_tests.support.reading import Reading

DOCUMENT = Path(__file__).resolve().parents[3] / "shared" / "reference" / "openapi-17.10.json"
pytestmark = pytest.mark.skipif(not DOCUMENT.is_file(), reason="../shared is not here")

# Sent in other tiers, to administrators who ask for it, or where there is something to say.
UNSENT = {
    "avatar_path",
    "custom_attributes",
    "description_html",
    "forked_from_project",
    "ldap_group_links",
    "license",
    "license_url",
    "merge_trains_skip_train_allowed",
    "mirror_user_id",
    "mr_default_target_self",
    "prevent_merge_without_jira_issue",
    "projects_with_readonly_access",
    "projects_with_write_access",
    "root_storage_statistics",
    "saml_group_links",
    "title_html",
}
# What would take a request for each row; `docs/behaviors.md` says so.
ABSENT = {
    "groups": {"statistics"},
    "projects": {"import_error"},
    "deployments": {"approval_summary", "approvals", "pending_approval_count"},
    "commits": {"last_pipeline", "status"},
    "environments": {"last_deployment"},  # lib/api/entities/environment.rb
    "project_integrations": {"properties"},  # what is set in it, secrets too
    # lib/api/entities/wiki_page.rb
    "project_wikis": {"content", "encoding", "front_matter"},
    "group_wikis": {"content", "encoding", "front_matter"},
    "issue_links": {"source_issue", "target_issue"},
    "merge_request_versions": {"commits", "diffs"},
    "merge_requests": {
        "changes_count",
        "diff_refs",
        "diverged_commits_count",
        "first_contribution",
        "first_deployed_to_production_at",
        "head_pipeline",
        "latest_build_finished_at",
        "latest_build_started_at",
        "merge_error",
        "pipeline",
        "rebase_in_progress",
        "subscribed",
        "user",
    },
    "cluster_agent_tokens": {"last_used_at"},
    # A group's list alone has the path, and a single package its other versions.
    "packages": {"project_path", "versions"},
    # The stream pipeline_schedule_details has them.
    "pipeline_schedules": {"last_pipeline", "variables"},
    # The stream pipelines_extended has them.
    "pipelines": {
        "before_sha",
        "committed_at",
        "coverage",
        "detailed_status",
        "duration",
        "finished_at",
        "queued_duration",
        "started_at",
        "tag",
        "user",
        "yaml_errors",
    },
}


def single_of(stream: Stream) -> str:
    """The address of one row of a stream, without the names of parameters."""
    path = re.sub(r"\{\w+\}", "{}", stream.path)
    if stream.kind == "inventory":
        path = stream.name
    elif stream.kind not in {"child", "instance"}:
        only_groups = stream.kind == "group" or stream.containers == ("group",)
        path = f"{'groups' if only_groups else 'projects'}/{{}}/{path}"
    return f"/{path}" if stream.walk == "object" else f"/{path}/{{}}"


def documented() -> dict[str, set[str]]:
    """The columns of one row of each stream whose address the document knows."""
    if not DOCUMENT.is_file():
        return {}
    document: dict[str, Any] = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    answers = {re.sub(r"\{\w+\}", "{}", path): one for path, one in document["endpoints"].items()}
    # Some answers are lists, and of some the document does not know the entity.
    entities = {
        path: one["answer"].removeprefix("@")
        for path, one in answers.items()
        if isinstance(one["answer"], str)
    }
    return {
        name: set(document["entities"][entities[single_of(stream)]])
        for name, stream in streams().items()
        # Others have rows inside, or are read by administrators only.
        if single_of(stream) in entities and stream.rows is None and stream.role != "admin"
    }


DOCUMENTED = documented()


@pytest.fixture(scope="module")
def first(gitlab: Emulator) -> Reading:
    """One read of every stream in everything that the token sees."""
    return read(config_for(gitlab, commit_refs="all"))


@pytest.mark.parametrize("name", DOCUMENTED)
def test_no_column_is_missing(name: str, first: Reading) -> None:
    """But for those that are documented as absent, and they are absent."""
    columns = set().union(*first.rows[name])
    missing = DOCUMENTED[name] - columns - set(streams()[name].drop) - UNSENT
    assert missing == ABSENT.get(name, set())


@pytest.mark.parametrize("name", DOCUMENTED)
def test_no_column_is_undescribed(name: str) -> None:
    """What GitLab's document names, the schema describes; or that of another stream does."""
    described = streams()[name].schema["properties"].keys()
    if name == "pipelines":
        described |= streams()["pipelines_extended"].schema["properties"].keys()
    assert DOCUMENTED[name] - set(streams()[name].drop) <= described | ABSENT.get(name, set())


def test_what_is_documented_as_absent_is_compared(capsys: pytest.CaptureFixture[str]) -> None:
    """The document knows an address of one row of each of these streams."""
    with capsys.disabled():
        sys.stdout.write(f"\n{len(DOCUMENTED)} of {len(streams())} streams compared\n")
    assert ABSENT.keys() <= DOCUMENTED.keys()
