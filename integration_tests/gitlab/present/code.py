"""Commits, branches, tags, releases and merge requests in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from integration_tests.gitlab.clock import commit_stamp, optional_stamp, stamp
from integration_tests.gitlab.present.people import user_basic
from integration_tests.gitlab.present.planning import milestone, time_stats, times

if TYPE_CHECKING:
    from integration_tests.gitlab.repository import Branch, Commit, Repository, Tag
    from integration_tests.gitlab.rows import Json, Row
    from integration_tests.gitlab.world import World

SHORT = 8


def commit(world: World, project_id: int, one: Commit, *, stats: bool = False) -> Json:
    """A commit; created_at is the committer's date."""
    committed = commit_stamp(one.committed, one.offset)
    shown = {
        "id": one.sha,
        "short_id": one.sha[:SHORT],
        "created_at": committed,
        "parent_ids": list(one.parents),
        "title": one.title,
        "message": one.message,
        "author_name": one.author_name,
        "author_email": one.author_email,
        "authored_date": commit_stamp(one.authored, one.offset),
        "committer_name": one.committer_name,
        "committer_email": one.committer_email,
        "committed_date": committed,
        "trailers": {},
        "extended_trailers": {},
        "web_url": f"{world.project_url(project_id)}/-/commit/{one.sha}",
    }
    if stats:
        shown["stats"] = {
            "additions": one.additions,
            "deletions": one.deletions,
            "total": one.additions + one.deletions,
        }
    return shown


def branch(world: World, project_id: int, repository: Repository, one: Branch) -> Json:
    """A branch with the commit that it points at."""
    merged = one.name != repository.default_branch and repository.merged(one.sha)
    return {
        "name": one.name,
        "commit": commit(world, project_id, repository.commits[one.sha]),
        "merged": merged,
        "protected": one.protected,
        "developers_can_push": not one.protected,
        "developers_can_merge": not one.protected,
        "can_push": True,
        "default": one.name == repository.default_branch,
        "web_url": f"{world.project_url(project_id)}/-/tree/{quote(one.name)}",
    }


def tag(world: World, project_id: int, repository: Repository, one: Tag) -> Json:
    """A tag with its commit, and the release when there is one."""
    found = [
        row for row in world.releases.of_project(project_id) if row.facts["tag_name"] == one.name
    ]
    return {
        "name": one.name,
        "message": one.message,
        "target": one.target,
        "commit": commit(world, project_id, repository.commits[one.sha]),
        "release": {
            "tag_name": one.name,
            "description": found[0].facts.get("description", ""),
        }
        if found
        else None,
        "protected": one.protected,
        "created_at": optional_stamp(one.created),
    }


def release(world: World, row: Row, *, html: bool = False) -> Json:
    """A release of a project."""
    facts, project_id = row.facts, row.project_id or 0
    url, path = world.project_url(project_id), world.project_path(project_id)
    name = facts["tag_name"]
    repository = world.repository(project_id)
    target = repository.tags.get(name)
    archive = f"{url}/-/archive/{name}/{path.rsplit('/', 1)[1]}-{name}"
    sources = [
        {"format": kind, "url": f"{archive}.{kind}"} for kind in ("zip", "tar.gz", "tar.bz2", "tar")
    ]
    links = [
        {
            "id": row.id * 10 + number,
            "name": link,
            "url": f"https://downloads.example.com/{link}",
            "direct_asset_url": f"https://downloads.example.com/{link}",
            "link_type": "other",
            "external": True,
        }
        for number, link in enumerate(facts.get("links", []))
    ]
    listing = f"?release_tag={name}&scope=all&state="
    shown: Json = {
        "name": facts["name"],
        "tag_name": name,
        "description": facts.get("description", ""),
        "created_at": stamp(row.created),
        "released_at": stamp(facts.get("released", row.created)),
        "upcoming_release": False,
        "author": user_basic(world, facts["author_id"]),
        "commit": commit(world, project_id, repository.commits[target.sha]) if target else None,
        "commit_path": f"/{path}/-/commit/{target.sha}" if target else None,
        "tag_path": f"/{path}/-/tags/{name}",
        "assets": {"count": len(sources) + len(links), "sources": sources, "links": links},
        "evidences": [
            {
                "sha": facts["evidence_sha"],
                "filepath": f"{url}/-/releases/{name}/evidences/{row.id}.json",
                "collected_at": stamp(row.created),
            },
        ],
        "_links": {
            "closed_issues_url": f"{url}/-/issues{listing}closed",
            "closed_merge_requests_url": f"{url}/-/merge_requests{listing}closed",
            "edit_url": f"{url}/-/releases/{name}/edit",
            "merged_merge_requests_url": f"{url}/-/merge_requests{listing}merged",
            "opened_issues_url": f"{url}/-/issues{listing}opened",
            "opened_merge_requests_url": f"{url}/-/merge_requests{listing}opened",
            "self": f"{url}/-/releases/{name}",
        },
    }
    milestones = [milestone(world, world.milestones[one]) for one in facts.get("milestone_ids", [])]
    if html:
        shown["description_html"] = f"<p>{facts.get('description', '')}</p>"
    if milestones:
        shown["milestones"] = [
            {**one, "issue_stats": {"total": 3, "closed": 1}} for one in milestones
        ]
    return shown


def merge_request(world: World, row: Row) -> Json:
    """A merge request, as the lists of merge requests show it."""
    facts, project_id = row.facts, row.project_id or 0
    merged_by = user_basic(world, facts.get("merged_by_id"))
    assignees = [user_basic(world, one) for one in facts.get("assignee_ids", [])]
    state = facts.get("state", "opened")
    draft = facts.get("draft", False)
    reference = f"!{row.iid}"
    milestone_id = facts.get("milestone_id")
    tasks = facts.get("tasks", (0, 0))
    return {
        "id": row.id,
        "iid": row.iid,
        "project_id": project_id,
        "title": facts["title"],
        "description": facts.get("description", ""),
        "state": state,
        **times(row),
        "merged_by": merged_by,
        "merge_user": merged_by,
        "merged_at": optional_stamp(facts.get("merged")),
        "merge_after": None,
        "prepared_at": stamp(row.created),
        "closed_by": user_basic(world, facts.get("closed_by_id")),
        "closed_at": optional_stamp(facts.get("closed")),
        "target_branch": facts.get("target_branch", "main"),
        "source_branch": facts["source_branch"],
        "user_notes_count": facts.get("user_notes_count", 0),
        "upvotes": facts.get("upvotes", 0),
        "downvotes": facts.get("downvotes", 0),
        "author": user_basic(world, facts["author_id"]),
        "assignees": assignees,
        "assignee": assignees[0] if assignees else None,
        "reviewers": [user_basic(world, one) for one in facts.get("reviewer_ids", [])],
        "source_project_id": facts.get("source_project_id", project_id),
        "target_project_id": project_id,
        "labels": facts.get("labels", []),
        "draft": draft,
        "imported": False,
        "imported_from": "none",
        "work_in_progress": draft,
        "milestone": milestone(world, world.milestones[milestone_id]) if milestone_id else None,
        "merge_when_pipeline_succeeds": False,
        "merge_status": "can_be_merged",
        "detailed_merge_status": "mergeable" if state == "opened" else "not_open",
        "sha": facts["sha"],
        "merge_commit_sha": facts.get("merge_commit_sha"),
        "squash_commit_sha": facts.get("squash_commit_sha"),
        "discussion_locked": facts.get("discussion_locked"),
        "should_remove_source_branch": None,
        "force_remove_source_branch": True,
        "allow_collaboration": False,
        "allow_maintainer_to_push": False,
        "reference": reference,
        "references": {
            "short": reference,
            "relative": reference,
            "full": f"{world.project_path(project_id)}{reference}",
        },
        "web_url": f"{world.project_url(project_id)}/-/merge_requests/{row.iid}",
        "time_stats": time_stats(facts),
        "squash": facts.get("squash", False),
        "squash_on_merge": facts.get("squash", False),
        "task_completion_status": {"count": tasks[1], "completed_count": tasks[0]},
        "has_conflicts": False,
        "blocking_discussions_resolved": True,
        "approvals_before_merge": facts.get("approvals_before_merge"),
    }
