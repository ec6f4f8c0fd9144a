"""Timelogs and vulnerabilities as GraphQL shows them, and who sees them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from integration_tests.gitlab.clock import MINUTE, stamp
from integration_tests.gitlab.present.structure import feature
from integration_tests.gitlab.world import DEVELOPER

if TYPE_CHECKING:
    from integration_tests.gitlab.emulator import Emulator
    from integration_tests.gitlab.rows import Json, Row
    from integration_tests.gitlab.world import World


class Many(NamedTuple):
    """The rows of a connection inside a row."""

    rows: list[Json]


def gid(kind: str, number: int) -> str:
    """A global id."""
    return f"gid://gitlab/{kind}/{number}"


def group(world: World, row: Row) -> Json:
    """A group."""
    return {
        "id": gid("Group", row.id),
        "fullPath": world.group_path(row.id),
        "name": row.facts["name"],
    }


def project(world: World, row: Row) -> Json:
    """A project."""
    return {
        "id": gid("Project", row.id),
        "fullPath": world.project_path(row.id),
        "name": row.facts["name"],
    }


def user(world: World, number: int | None) -> Json | None:
    """An account."""
    if number is None:
        return None
    row = world.users[number]
    return {
        "id": gid("User", number),
        "name": row.facts["name"],
        "username": row.facts["username"],
        "webUrl": f"{world.settings.external_url}/{row.facts['username']}",
    }


def _subject(world: World, row: Row) -> tuple[Row | None, Row | None]:
    """The issue or the merge request that time was spent on."""
    issue_id, merge_request_id = row.facts.get("issue_id"), row.facts.get("merge_request_id")
    return (
        world.issues.rows.get(issue_id or 0),
        world.merge_requests.rows.get(merge_request_id or 0),
    )


def timelog(world: World, row: Row) -> Json:
    """Time that somebody spent."""
    issue, merge_request = _subject(world, row)
    return row.overridden(
        {
            "id": gid("Timelog", row.id),
            "issue": _named("Issue", issue),
            "mergeRequest": _named("MergeRequest", merge_request),
            "note": None,
            "project": project(world, world.projects[row.project_id or 0]),
            "spentAt": stamp(row.facts["spent_at"])[:19] + "Z",
            "summary": row.facts.get("summary"),
            "timeSpent": row.facts["time_spent"],
            "user": user(world, row.facts["user_id"]),
        }
    )


def merge_request(world: World, row: Row) -> Json:
    """A merge request with its figures."""
    commits = len(row.facts.get("commit_shas", []))
    added, removed = row.id % 90, row.id % 7
    return {
        "id": gid("MergeRequest", row.id),
        "iid": str(row.iid),
        "title": row.facts["title"],
        "project": project(world, world.projects[row.project_id or 0]),
        "updatedAt": stamp(row.updated or row.created)[:19] + "Z",
        "preparedAt": stamp(row.created)[:19] + "Z",
        "mergedAt": None,
        "commitCount": commits,
        "diffStatsSummary": {
            "additions": added,
            "changes": added + removed,
            "deletions": removed,
            "fileCount": 1 + commits,
        },
        "userNotesCount": row.id % 5,
        "userDiscussionsCount": row.id % 3,
        "approved": row.id % 2 == 0,
        "totalTimeSpent": 0,
        "timeEstimate": 0,
        "headPipeline": None if row.id % 3 else {"id": gid("Ci::Pipeline", row.id)},
    }


def _named(kind: str, row: Row | None) -> Json | None:
    if row is None:
        return None
    return {"id": gid(kind, row.id), "iid": str(row.iid), "title": row.facts["title"]}


def shows_timelog(emulator: Emulator, viewer: int | None, row: Row) -> bool:
    """Whoever may read the issue or merge request sees it (app/graphql/types/timelog_type.rb)."""
    world, access = emulator.world, emulator.access
    issue, merge_request = _subject(world, row)
    home = world.projects[row.project_id or 0]
    if issue is not None:
        return access.shows(viewer, home, "issues") and access.shows_issue(viewer, issue)
    return merge_request is not None and access.shows(viewer, home, "merge_requests")


def may_read_security(emulator: Emulator, viewer: int | None, home: Row) -> bool:
    """Developers see the vulnerabilities of a group or project, with Ultimate."""
    if emulator.world.settings.tier != "ultimate":
        return False
    access = emulator.access
    if access.is_admin(viewer):
        return True
    is_project = emulator.world.projects.rows.get(home.id) is home
    level = access.project_level(viewer, home) if is_project else access.group_level(viewer, home)
    return level >= DEVELOPER


def shows_vulnerability(emulator: Emulator, viewer: int | None, row: Row) -> bool:
    """Whether the viewer sees one."""
    home = emulator.world.projects[row.project_id or 0]
    return (
        may_read_security(emulator, viewer, home)
        and emulator.access.sees_project(viewer, home)
        and feature(home, "repository") != "disabled"
    )


MOST_TRANSITIONS = 23
"""Changes of state of one vulnerability: more than a page of them holds."""


def transitions(world: World, row: Row) -> list[Json]:
    """The changes of a vulnerability's state, a minute apart; the last one made it what it is."""
    state, number = row.facts["state"], row.facts["number"]
    states = ["DETECTED"] * (state != "DETECTED") + [state]
    if number % len(TYPES) == 1:
        states = [("DETECTED", "CONFIRMED")[one % 2] for one in range(MOST_TRANSITIONS)] + [state]
    return [
        {
            "author": user(world, 1 + place % 2) if place % 3 else None,
            "comment": "Not worth it" if after == "DISMISSED" else None,
            "createdAt": stamp(row.created + (place + 1) * MINUTE)[:19] + "Z",
            "dismissalReason": "ACCEPTABLE_RISK" if after == "DISMISSED" else None,
            "fromState": before,
            "toState": after,
        }
        for place, (before, after) in enumerate(pairwise(states))
    ]


LOCATIONS: dict[str, Json] = {
    "SAST": {
        "blobPath": "/-/blob/main/app/login.py#L12",
        "endLine": "14",
        "file": "app/login.py",
        "startLine": "12",
        "vulnerableClass": "Login",
        "vulnerableMethod": "check",
    },
    "DEPENDENCY_SCANNING": {
        "blobPath": "/-/blob/main/requirements.txt",
        "dependency": {"package": {"name": "jinja2"}, "version": "2.10"},
        "file": "requirements.txt",
    },
    "CONTAINER_SCANNING": {
        "dependency": {"package": {"name": "openssl"}, "version": "1.1.1"},
        "image": "registry.example.com/web:1.0",
        "operatingSystem": "debian:12",
    },
    "DAST": {
        "hostname": "https://web.example.com",
        "param": "q",
        "path": "/search",
        "requestMethod": "GET",
    },
    "SECRET_DETECTION": {
        "blobPath": "/-/blob/main/.env#L1",
        "endLine": "1",
        "file": ".env",
        "startLine": "1",
        "vulnerableClass": None,
        "vulnerableMethod": None,
    },
}
TYPES = tuple(LOCATIONS)
SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO", "UNKNOWN")
STATES = ("DETECTED", "CONFIRMED", "DISMISSED", "RESOLVED")


def vulnerability(world: World, row: Row) -> Json:
    """A vulnerability."""
    number = row.facts["number"]
    kind, state = TYPES[number % len(TYPES)], row.facts["state"]
    home = world.projects[row.project_id or 0]
    path = f"/{world.project_path(home.id)}/-/security/vulnerabilities/{row.id}"
    changed = stamp(row.updated or row.created)[:19] + "Z"
    identifier = {
        "externalId": f"CVE-2024-{1000 + number}",
        "externalType": "cve",
        "name": f"CVE-2024-{1000 + number}",
        "url": f"https://cve.example.org/CVE-2024-{1000 + number}",
    }
    links = [
        {
            "id": gid("Vulnerabilities::IssueLink", row.id * 1000 + place),
            "issue": _named("Issue", world.issues.rows.get(issue_id)),
            "linkType": "CREATED" if place == 0 else "RELATED",
        }
        for place, issue_id in enumerate(row.facts.get("issue_ids", []))
    ]
    return row.overridden(
        {
            "stateTransitions": Many(transitions(world, row)),
            "id": gid("Vulnerability", row.id),
            "title": f"Vulnerability {number}",
            "description": f"What is wrong in {number}",
            "state": state,
            "severity": SEVERITIES[number % len(SEVERITIES)],
            "reportType": kind,
            "detectedAt": stamp(row.created)[:19] + "Z",
            "confirmedAt": changed if state == "CONFIRMED" else None,
            "confirmedBy": user(world, 1 if state == "CONFIRMED" else None),
            "dismissedAt": changed if state == "DISMISSED" else None,
            "dismissedBy": user(world, 2 if state == "DISMISSED" else None),
            "dismissalReason": "ACCEPTABLE_RISK" if state == "DISMISSED" else None,
            "resolvedAt": changed if state == "RESOLVED" else None,
            "resolvedBy": user(world, 3 if state == "RESOLVED" else None),
            "resolvedOnDefaultBranch": state == "RESOLVED",
            "stateComment": "Not worth it" if state == "DISMISSED" else None,
            "updatedAt": changed,
            "falsePositive": False,
            "hasSolutions": number % 2 == 0,
            "identifiers": [identifier],
            "primaryIdentifier": identifier,
            "links": [{"name": "Advisory", "url": identifier["url"]}],
            "location": {**LOCATIONS[kind], "reportType": kind},
            "mergeRequest": _named(
                "MergeRequest", world.merge_requests.rows.get(row.facts.get("merge_request_id", 0))
            ),
            "project": project(world, home),
            "scanner": {
                "id": gid("Vulnerabilities::Scanner", 1 + number % len(TYPES)),
                "externalId": kind.lower(),
                "name": f"{kind.title()} scanner",
                "reportType": kind,
                "vendor": "GitLab",
            },
            "userNotesCount": 0,
            "vulnerabilityPath": path,
            "webUrl": f"{world.settings.external_url}{path}",
            "issueLinks": Many(links),
        }
    )
