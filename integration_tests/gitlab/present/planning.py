"""Labels, milestones, boards, epics and issues in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integration_tests.gitlab.clock import optional_stamp, stamp
from integration_tests.gitlab.present.people import user_basic

if TYPE_CHECKING:
    from integration_tests.gitlab.rows import Json, Row
    from integration_tests.gitlab.world import World

EPICS_APART = 700_000
"""So much higher is the number of the work item behind an epic."""


def times(row: Row) -> Json:
    """created_at and updated_at."""
    return {"created_at": stamp(row.created), "updated_at": optional_stamp(row.updated)}


def time_stats(facts: dict[str, Any]) -> Json:
    """Estimates and time spent, in seconds and in words."""
    estimate, spent = facts.get("time_estimate", 0), facts.get("time_spent", 0)
    return {
        "time_estimate": estimate,
        "total_time_spent": spent,
        "human_time_estimate": f"{estimate // 3600}h" if estimate else None,
        "human_total_time_spent": f"{spent // 3600}h" if spent else None,
    }


def label(_world: World, row: Row) -> Json:
    """A label, as its group or project lists it."""
    facts = row.facts
    shown = {
        "id": row.id,
        "name": facts["name"],
        "description": facts.get("description"),
        "description_html": facts.get("description") or "",
        "text_color": "#FFFFFF",
        "color": facts["color"],
        "archived": False,
        "subscribed": False,
    }
    if row.project_id is not None:
        shown |= {"priority": facts.get("priority"), "is_project_label": True}
    return shown


def milestone(world: World, row: Row) -> Json:
    """A milestone of a group or of a project."""
    facts = row.facts
    if row.group_id is not None:
        owner = {"group_id": row.group_id}
        base = f"{world.settings.external_url}/groups/{world.group_path(row.group_id)}"
    else:
        owner = {"project_id": row.project_id or 0}
        base = world.project_url(row.project_id or 0)
    return {
        "id": row.id,
        "iid": row.iid,
        **owner,
        "title": facts["title"],
        "description": facts.get("description", ""),
        "state": facts.get("state", "active"),
        **times(row),
        "due_date": facts.get("due_date"),
        "start_date": facts.get("start_date"),
        "expired": facts.get("expired", False),
        "web_url": f"{base}/-/milestones/{row.iid}",
    }


LIMITS: Json = {"max_issue_count": 0, "max_issue_weight": 0, "limit_metric": None}


def board(world: World, row: Row) -> Json:
    """An issue board of a group, with its lists."""
    group = world.groups[row.group_id or 0]
    path = world.group_path(group.id)
    lists = [
        {
            "id": row.id * 100 + position,
            "label": label(world, world.labels[label_id]),
            "position": position,
            **LIMITS,
        }
        for position, label_id in enumerate(row.facts.get("label_ids", []))
        if label_id in world.labels
    ]
    facts, milestone_id = row.facts, row.facts.get("milestone_id")
    assignee = user_basic(world, facts.get("assignee_id"))
    if assignee is not None:
        lists.append({**LIMITS, "id": row.id * 100 + 99, "assignee": assignee, "position": 99})
    return {
        "id": row.id,
        "name": row.facts["name"],
        "hide_backlog_list": False,
        "hide_closed_list": False,
        "project": None,
        "group": {
            "id": group.id,
            "web_url": f"{world.settings.external_url}/groups/{path}",
            "name": group.facts["name"],
        },
        "milestone": milestone(world, world.milestones[milestone_id]) if milestone_id else None,
        "assignee": assignee,
        "labels": [
            label(world, world.labels[one])
            for one in facts.get("scope_label_ids", [])
            if one in world.labels
        ],
        "weight": facts.get("weight"),
        "lists": lists,
    }


def epic(world: World, row: Row) -> Json:
    """An epic."""
    facts, group_id = row.facts, row.group_id or 0
    path = world.group_path(group_id)
    parent_id = facts.get("parent_id")
    parent = world.epics[parent_id] if parent_id else None
    own = world.api_url(f"groups/{group_id}/epics/{row.iid}")
    return {
        "id": row.id,
        "work_item_id": row.id + EPICS_APART,
        "iid": row.iid,
        "color": facts.get("color", "#1068bf"),
        "text_color": "#FFFFFF",
        "group_id": group_id,
        "parent_id": parent_id,
        "parent_iid": parent.iid if parent else None,
        "imported": False,
        "imported_from": "none",
        "title": facts["title"],
        "description": facts.get("description", ""),
        "confidential": facts.get("confidential", False),
        "author": user_basic(world, facts["author_id"]),
        "start_date": facts.get("start_date"),
        "start_date_is_fixed": False,
        "start_date_fixed": None,
        "start_date_from_inherited_source": facts.get("start_date"),
        "start_date_from_milestones": None,
        "end_date": facts.get("due_date"),
        "due_date": facts.get("due_date"),
        "due_date_is_fixed": False,
        "due_date_fixed": None,
        "due_date_from_inherited_source": facts.get("due_date"),
        "due_date_from_milestones": None,
        "state": facts.get("state", "opened"),
        "web_edit_url": f"/groups/{path}/-/epics/{row.iid}",
        "web_url": f"{world.settings.external_url}/groups/{path}/-/epics/{row.iid}",
        "references": {
            "short": f"&{row.iid}",
            "relative": f"&{row.iid}",
            "full": f"{path}&{row.iid}",
        },
        "reference": f"&{row.iid}",
        **times(row),
        "closed_at": optional_stamp(facts.get("closed")),
        "labels": facts.get("labels", []),
        "upvotes": facts.get("upvotes", 0),
        "downvotes": 0,
        "subscribed": True,
        "_links": {
            "self": own,
            "epic_issues": f"{own}/issues",
            "group": world.api_url(f"groups/{group_id}"),
            "parent": world.api_url(f"groups/{parent.group_id}/epics/{parent.iid}")
            if parent
            else None,
        },
    }


def _epic_of_issue(world: World, row: Row) -> Json | None:
    epic_id = row.facts.get("epic_id")
    if epic_id is None or epic_id not in world.epics:
        return None
    found = world.epics[epic_id]
    return {
        "id": found.id,
        "iid": found.iid,
        "title": found.facts["title"],
        "url": f"/groups/{world.group_path(found.group_id or 0)}/-/epics/{found.iid}",
        "group_id": found.group_id,
        "human_readable_end_date": None,
        "human_readable_timestamp": None,
    }


def issue(world: World, row: Row) -> Json:
    """An issue, as the lists of issues show it."""
    facts, project_id = row.facts, row.project_id or 0
    assignees = [user_basic(world, one) for one in facts.get("assignee_ids", [])]
    kind = facts.get("issue_type", "issue")
    own = world.api_url(f"projects/{project_id}/issues/{row.iid}")
    embedded_epic = _epic_of_issue(world, row)
    milestone_id = facts.get("milestone_id")
    tasks = facts.get("tasks", (0, 0))
    shown = {
        "id": row.id,
        "iid": row.iid,
        "project_id": project_id,
        "title": facts["title"],
        "description": facts.get("description", ""),
        "state": facts.get("state", "opened"),
        **times(row),
        "closed_at": optional_stamp(facts.get("closed")),
        "closed_by": user_basic(world, facts.get("closed_by_id")),
        "labels": facts.get("labels", []),
        "milestone": milestone(world, world.milestones[milestone_id]) if milestone_id else None,
        "assignees": assignees,
        "author": user_basic(world, facts["author_id"]),
        "type": kind.upper(),
        "assignee": assignees[0] if assignees else None,
        "user_notes_count": facts.get("user_notes_count", 0),
        "merge_requests_count": facts.get("merge_requests_count", 0),
        "upvotes": facts.get("upvotes", 0),
        "downvotes": facts.get("downvotes", 0),
        "start_date": facts.get("start_date"),
        "due_date": facts.get("due_date"),
        "confidential": facts.get("confidential", False),
        "discussion_locked": facts.get("discussion_locked"),
        "issue_type": kind,
        "web_url": f"{world.project_url(project_id)}/-/issues/{row.iid}",
        "time_stats": time_stats(facts),
        "task_completion_status": {"count": tasks[1], "completed_count": tasks[0]},
        "weight": facts.get("weight"),
        "blocking_issues_count": 0,
        "has_tasks": tasks[1] > 0,
        "_links": {
            "self": own,
            "notes": f"{own}/notes",
            "award_emoji": f"{own}/award_emoji",
            "project": world.api_url(f"projects/{project_id}"),
            "closed_as_duplicate_of": None,
        },
        "references": {
            "short": f"#{row.iid}",
            "relative": f"#{row.iid}",
            "full": f"{world.project_path(project_id)}#{row.iid}",
        },
        "severity": facts.get("severity", "UNKNOWN"),
        "moved_to_id": facts.get("moved_to_id"),
        "imported": False,
        "imported_from": "none",
        "service_desk_reply_to": None,
        "epic_iid": embedded_epic["iid"] if embedded_epic else None,
        "epic": embedded_epic,
        "iteration": facts.get("iteration"),
        "health_status": facts.get("health_status"),
    }
    if tasks[1]:
        shown["task_status"] = f"{tasks[0]} of {tasks[1]} checklist items completed"
    return shown


def epic_issue(world: World, row: Row) -> Json:
    """An issue as its epic lists it, with the link's own id and position."""
    return {
        **world.issues[row.facts["issue_id"]].overridden(
            issue(world, world.issues[row.facts["issue_id"]]),
        ),
        "subscribed": False,
        "epic_issue_id": row.id,
        "relative_position": row.facts.get("relative_position", row.id * 500),
    }
