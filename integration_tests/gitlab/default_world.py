"""The default world: small, always the same, and made of the cases that go wrong elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integration_tests.gitlab.clock import DAY, HOUR, MINUTE, SECOND, moment, plus_days
from integration_tests.gitlab.default_ci import add_ci
from integration_tests.gitlab.default_code import add_merge_requests, add_releases, add_repositories
from integration_tests.gitlab.default_graphql import add_timelogs, add_vulnerabilities
from integration_tests.gitlab.rows import Row
from integration_tests.gitlab.world import DEVELOPER, GUEST, MAINTAINER, OWNER, REPORTER, World

if TYPE_CHECKING:
    from integration_tests.gitlab.settings import Settings

READER, NUMERIC, GRACE, BLOCKED, TRUE_NAME, STRANGER, GUEST_USER, BOT = range(1, 9)
"""Users: the default token's, one named like a number, one named like a boolean, and so on."""

START = moment("2024-01-01T08:00:00.123456Z")

ACME, PLATFORM, TOOLS, BARE, PUBLIC, LABS, HIDDEN = 10, 11, 12, 13, 20, 21, 30
WEB, API, CLI, LEGACY, NO_CI, NO_REPOSITORY, EMPTY = 101, 102, 103, 104, 105, 106, 107
SITE, PROBE, DOTFILES, SECRET, NO_TRACKER = 108, 109, 110, 111, 112

ISSUES = {WEB: 45, API: 25, CLI: 8, LEGACY: 6, NO_CI: 2, SITE: 5, PROBE: 4, DOTFILES: 3, SECRET: 3}


def default_world(settings: Settings | None = None) -> World:
    """Build the default world. Two calls give equal worlds."""
    world = World() if settings is None else World(settings)
    _people(world)
    _structure(world)
    _members(world)
    _labels_and_milestones(world)
    _epics(world)
    _issues(world)
    _epic_issues(world)
    add_repositories(world)
    add_merge_requests(world)
    add_releases(world)
    add_ci(world)
    add_timelogs(world)
    add_vulnerabilities(world)
    world.restructured()
    return world


def _people(world: World) -> None:
    people: list[tuple[int, str, str, dict[str, Any]]] = [
        (READER, "ada", "Ada Reader", {"organization": "Acme", "location": "London"}),
        (NUMERIC, "12345", "0x1F", {}),
        (GRACE, "grace", "Grace Müller 😀", {"job_title": "Engineer"}),
        (BLOCKED, "linus", "Linus Gone", {"state": "blocked"}),
        (TRUE_NAME, "true", "True", {}),
        (STRANGER, "stranger", "Stranger", {}),
        (GUEST_USER, "visitor", "Visitor", {}),
        (BOT, "project_110_bot_7f3a", "project bot", {"bot": True}),
    ]
    for user_id, username, name, more in people:
        facts = {
            "username": username,
            "name": name,
            "namespace_id": 500 + user_id,
            "avatar_url": f"https://secure.gravatar.com/avatar/{user_id:032x}?s=80&d=identicon",
            **more,
        }
        world.users.add(Row(user_id, facts, created=START + user_id * DAY))


def _structure(world: World) -> None:
    groups = [
        (ACME, "acme", "Acme", None, "private"),
        (PLATFORM, "platform", "Platform", ACME, "private"),
        (TOOLS, "tools", "Tools", PLATFORM, "private"),
        (BARE, "bare", "Bare", ACME, "private"),
        (PUBLIC, "public-works", "Public Works", None, "public"),
        (LABS, "labs", "Labs", PUBLIC, "public"),
        (HIDDEN, "hidden", "Hidden", None, "private"),
    ]
    for group_id, path, name, parent, visibility in groups:
        shown: dict[str, Any] = {
            "path": path,
            "name": name,
            "parent_id": parent,
            "visibility": visibility,
        }
        if group_id == BARE:
            shown["shares"] = [(PUBLIC, DEVELOPER)]
        world.groups.add(Row(group_id, shown, created=START + group_id * HOUR))
    projects: list[tuple[int, str, int | None, dict[str, Any]]] = [
        (WEB, "web", ACME, {"topics": ["frontend", "1.10"]}),
        (API, "api", PLATFORM, {}),
        (CLI, "cli", TOOLS, {}),
        (LEGACY, "legacy", ACME, {"archived": True}),
        (NO_CI, "no-ci", PLATFORM, {"features": {"builds": "disabled"}}),
        (
            NO_REPOSITORY,
            "no-repository",
            PLATFORM,
            {
                "features": {
                    "repository": "disabled",
                    "merge_requests": "disabled",
                    "builds": "disabled",
                }
            },
        ),
        (EMPTY, "empty", TOOLS, {"empty_repo": True}),
        (SITE, "site", PUBLIC, {"visibility": "public"}),
        (PROBE, "probe", LABS, {"shares": [(PLATFORM, DEVELOPER)]}),
        (DOTFILES, "dotfiles", None, {"owner_id": READER}),
        (SECRET, "secret", HIDDEN, {}),
        (
            NO_TRACKER,
            "no-tracker",
            TOOLS,
            {
                "features": {
                    "issues": "disabled",
                    "merge_requests": "disabled",
                }
            },
        ),
    ]
    for project_id, path, owner, more in projects:
        facts: dict[str, Any] = {
            "path": path,
            "name": path.replace("-", " ").title(),
            "description": f"The {path} project",
            "visibility": "private",
            "creator_id": READER,
            **more,
        }
        created = START + project_id * HOUR
        row = Row(project_id, facts, created=created, updated=created + 30 * DAY)
        row.group_id = owner
        world.projects.add(row)


def _members(world: World) -> None:
    of_groups = [
        (ACME, READER, OWNER),
        (ACME, NUMERIC, DEVELOPER),
        (ACME, BLOCKED, REPORTER),
        (ACME, GUEST_USER, GUEST),
        (PLATFORM, GRACE, MAINTAINER),
        (PLATFORM, NUMERIC, MAINTAINER),
        (TOOLS, TRUE_NAME, DEVELOPER),
        (PUBLIC, READER, MAINTAINER),
        (PUBLIC, GRACE, OWNER),
        (HIDDEN, STRANGER, OWNER),
    ]
    of_projects = [
        (WEB, GRACE, MAINTAINER),
        (WEB, TRUE_NAME, REPORTER),
        (API, TRUE_NAME, DEVELOPER),
        (CLI, GRACE, DEVELOPER),
        (DOTFILES, READER, OWNER),
        (DOTFILES, BOT, MAINTAINER),
        (SITE, NUMERIC, DEVELOPER),
        (LEGACY, GRACE, DEVELOPER),
        (SECRET, STRANGER, OWNER),
    ]
    for number, (group_id, user_id, level) in enumerate(of_groups, 1):
        facts: dict[str, Any] = {"user_id": user_id, "access_level": level, "created_by": READER}
        if user_id == GUEST_USER:
            facts["expires_at"] = "2030-01-31"
        world.group_members.add(
            Row(number, facts, group_id=group_id, created=START + number * HOUR),
        )
    for number, (project_id, user_id, level) in enumerate(of_projects, 1):
        facts = {"user_id": user_id, "access_level": level, "created_by": READER}
        world.project_members.add(
            Row(number, facts, project_id=project_id, created=START + number * HOUR),
        )


def _labels_and_milestones(world: World) -> None:
    label_id = 900
    for owner_id in (ACME, PLATFORM, PUBLIC, HIDDEN):
        for name in ("bug", "team::platform", "1.10"):
            label_id += 1
            facts = {"name": name, "color": "#d9534f", "description": f"{name} work"}
            world.labels.add(Row(label_id, facts, group_id=owner_id))
    for project_id in (WEB, API, CLI, SITE, DOTFILES):
        for name in ("regression", "ux"):
            label_id += 1
            shown: dict[str, Any] = {
                "name": name,
                "color": "#428BCA",
                "priority": 1 if name == "ux" else None,
            }
            world.labels.add(Row(label_id, shown, project_id=project_id))
    for board_id, group_id, labels in (
        (70, ACME, [901, 902]),
        (71, PLATFORM, [904]),
        (72, PUBLIC, []),
        (73, HIDDEN, []),
    ):
        lists: dict[str, Any] = {"name": "Development", "label_ids": labels}
        if group_id == ACME:
            lists |= {
                "scope_label_ids": [903],
                "assignee_id": GRACE,
                "milestone_id": 301,
                "weight": 3,
            }
        world.boards.add(Row(board_id, lists, group_id=group_id))
    number = 0
    for group_id in (ACME, PLATFORM, TOOLS, PUBLIC, HIDDEN):
        for iid in (1, 2):
            number += 1
            _milestone(world, 300 + number, iid, group_id=group_id)
    for project_id in (WEB, API, CLI, SITE, DOTFILES, LEGACY, SECRET):
        number += 1
        _milestone(world, 300 + number, 1, project_id=project_id)


def _milestone(
    world: World,
    row_id: int,
    iid: int,
    *,
    group_id: int | None = None,
    project_id: int | None = None,
) -> None:
    created = START + (row_id - 300) * DAY
    facts = {
        "title": f"1.{iid}0",
        "description": f"Milestone {row_id}",
        "state": "closed" if row_id % 4 == 0 else "active",
        "start_date": plus_days(created, 0),
        "due_date": plus_days(created, 28),
        "expired": True,
    }
    world.milestones.add(
        Row(
            row_id,
            facts,
            iid=iid,
            group_id=group_id,
            project_id=project_id,
            created=created,
            updated=created + 3 * DAY + row_id,
        )
    )


def _epics(world: World) -> None:
    number = 0
    for group_id, count in ((ACME, 3), (PLATFORM, 2), (TOOLS, 1), (PUBLIC, 1), (HIDDEN, 1)):
        for iid in range(1, count + 1):
            number += 1
            created = START + number * 5 * DAY
            facts = {
                "title": f"Epic {number} of {world.group_path(group_id)}",
                "description": "A large thing.",
                "author_id": (READER, GRACE)[number % 2],
                "state": "closed" if number == 2 else "opened",
                "closed": created + 10 * DAY if number == 2 else None,
                "parent_id": 401 if number in (3, 4) else None,
                "start_date": plus_days(created, 0),
                "due_date": plus_days(created, 60),
                "labels": ["team::platform"] if group_id == ACME else [],
                "upvotes": number,
            }
            world.epics.add(
                Row(
                    400 + number,
                    facts,
                    iid=iid,
                    group_id=group_id,
                    created=created,
                    updated=created + 12 * DAY + number * 7,
                )
            )


def _issue_facts(number: int, project_id: int, created: int) -> dict[str, Any]:
    closed = number % 3 == 0
    return {
        "title": f"Issue {number}: <b>quotes \" and 'apostrophes'</b>, ünïcode",
        "description": None if number % 17 == 0 else f"Steps to reproduce number {number}.\r\n",
        "state": "closed" if closed else "opened",
        "closed": created + 2 * DAY if closed else None,
        "closed_by_id": GRACE if closed else None,
        "author_id": (READER, NUMERIC, GRACE, TRUE_NAME)[number % 4],
        "assignee_ids": [[], [NUMERIC], [GRACE, READER]][number % 3],
        "labels": [["bug"], ["1.10", "bug"], []][number % 3],
        "milestone_id": (301, 311)[number % 2] if project_id == WEB and number % 5 < 2 else None,
        "issue_type": ("issue", "incident", "task", "issue")[number % 4],
        "severity": "HIGH" if number % 4 == 1 else "UNKNOWN",
        "weight": number % 9 if number % 2 else None,
        "tasks": (1, 4) if number % 6 == 0 else (0, 0),
        "due_date": plus_days(created, 14) if number % 4 == 0 else None,
        "confidential": number % 10 == 7,
        "upvotes": number % 5,
        "user_notes_count": number % 4,
        "time_estimate": 7200 if number % 8 == 0 else 0,
        "iteration": {
            "id": 158,
            "iid": 34,
            "sequence": 9,
            "group_id": ACME,
            "title": None,
            "description": None,
            "state": 3,
            "created_at": "2024-01-01T00:05:06.739Z",
            "updated_at": "2024-02-04T00:05:06.612Z",
            "start_date": "2024-01-22",
            "due_date": "2024-02-04",
            "web_url": "https://gitlab.example.com/groups/acme/-/iterations/158",
        }
        if number % 11 == 0
        else None,
        "health_status": "on_track" if number % 7 == 0 else None,
    }


def _issues(world: World) -> None:
    number = 0
    for project_id, count in ISSUES.items():
        for iid in range(1, count + 1):
            number += 1
            created = START + number * 7 * HOUR + number * 1111
            updated = created + 3 * DAY + (number * 37 % 11) * MINUTE
            if project_id == WEB and 10 <= iid < 14:
                # One millisecond, three of them one microsecond too: truncation and ties.
                updated = START + 40 * DAY + min(iid, 12) * 100
            facts = _issue_facts(number, project_id, created)
            world.issues.add(
                Row(
                    5000 + number,
                    facts,
                    iid=iid,
                    project_id=project_id,
                    created=created,
                    updated=updated + SECOND,
                )
            )


def _epic_issues(world: World) -> None:
    link = 0
    for epic_id, project_id, iids in (
        (401, WEB, (1, 2, 3)),
        (402, WEB, (4, 11)),
        (404, API, (1, 2)),
        (406, CLI, (1,)),
        (407, SITE, (1, 2)),
    ):
        for iid in iids:
            link += 1
            row = next(one for one in world.issues.of_project(project_id) if one.iid == iid)
            row.facts["epic_id"] = epic_id
            facts = {"epic_id": epic_id, "issue_id": row.id, "relative_position": link * 500}
            world.epic_issues.add(Row(link, facts))
