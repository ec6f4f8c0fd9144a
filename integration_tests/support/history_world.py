"""The small world of the histories: three trees of groups, seven projects, rows of all kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integration_tests.gitlab.clock import DAY, HOUR, MINUTE, SECOND, moment
from integration_tests.gitlab.emulator import Emulator
from integration_tests.gitlab.mutations import mutate
from integration_tests.gitlab.present.planning import EPICS_APART
from integration_tests.gitlab.rows import Row
from integration_tests.gitlab.settings import Settings
from integration_tests.gitlab.world import DEVELOPER, OWNER, World

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

READER, ANOTHER = 1, 3
GUEST, PLANNER, REPORTER = 10, 15, 20
TOP, SUB, OPEN, ELSE = 10, 11, 20, 30
WEB, API, GUARDED, SITE, OUTSIDE, EMPTY, OWN = 101, 102, 103, 104, 105, 106, 107
PROJECTS = (WEB, API, GUARDED, SITE, OUTSIDE, EMPTY, OWN)

# The streams that GraphQL has of the same rows, and how far their ids are from those.
IN_GRAPHQL = {
    "issues": ("work_items", 0),
    "merge_requests": ("merge_request_metrics", 0),
    "epics": ("group_work_items", EPICS_APART),
}

# Two fifths of a second: what the connector knows of the server's time is cut to whole seconds.
START = moment("2026-03-01T12:00:00.400000Z")

_GROUPS = (
    (TOP, "top", None, "private"),
    (SUB, "sub", TOP, "private"),
    (OPEN, "open", None, "public"),
    (ELSE, "else", None, "private"),
)
_HOMES: dict[int, tuple[str, int | None, str]] = {
    WEB: ("web", TOP, "private"),
    API: ("api", SUB, "private"),
    GUARDED: ("guarded", OPEN, "private"),
    SITE: ("site", OPEN, "public"),
    OUTSIDE: ("outside", ELSE, "private"),
    EMPTY: ("empty", SUB, "private"),
    OWN: ("own", None, "private"),
}


def small_world(random: Random, most_per_page: int) -> Emulator:
    """An emulator with its clock standing at `START`; `random` decides how much there is of what.

    The reader owns the trees `top` and `else`, sees the public tree `open` without being in it,
    and is a member of the one private project there.
    """
    world = World(Settings(most_per_page=most_per_page))
    emulator = Emulator(lambda: world)
    _structure(world)
    world.restructured()
    for project_id in (WEB, API, GUARDED, SITE, OUTSIDE, OWN):
        _fill(emulator, project_id, random)
    for group_id in (TOP, SUB, OPEN, ELSE):
        for when in _moments(random, random.randrange(6)):
            world.clock.set(when, frozen=True)
            mutate(emulator, "create", {"table": "milestones", "group_id": group_id})
            mutate(emulator, "create", {"table": "epics", "group_id": group_id})
    board = {"table": "boards", "group_id": TOP, "set": {"assignee_id": READER}}
    mutate(emulator, "create", board)
    for project_id in (WEB, API):
        issues = world.issues.of_project(project_id)
        epics = [epic for group_id in (TOP, SUB) for epic in world.epics.of_group(group_id)]
        for issue, epic in zip(issues, epics, strict=False):
            mutate(emulator, "link_epic_issue", {"epic_id": epic.id, "issue_id": issue.id})
    world.clock.set(START, frozen=True)
    return emulator


def _structure(world: World) -> None:
    old = START - 100 * DAY
    for user_id, name in enumerate(("ada", "ben", "cleo"), READER):
        facts: dict[str, Any] = {"username": name, "name": name, "namespace_id": 500 + user_id}
        facts["avatar_url"] = f"https://secure.gravatar.com/avatar/{user_id}"
        world.users.add(Row(user_id, facts, created=old))
    for group_id, path, parent, visibility in _GROUPS:
        facts = {"path": path, "name": path, "parent_id": parent, "visibility": visibility}
        world.groups.add(Row(group_id, facts, created=old))
    for project_id, (path, home, visibility) in _HOMES.items():
        facts = {"path": path, "name": path, "visibility": visibility, "creator_id": READER}
        if home is None:
            facts["owner_id"] = READER
        row = Row(project_id, facts, created=old, updated=old)
        row.group_id = home
        world.projects.add(row)
    for number, group_id in enumerate((TOP, ELSE), 1):
        facts = {"user_id": READER, "access_level": OWNER, "created_by": READER}
        world.group_members.add(Row(number, facts, group_id=group_id, created=old))
    facts = {"user_id": READER, "access_level": DEVELOPER, "created_by": READER}
    world.project_members.add(Row(1, facts, project_id=GUARDED, created=old))


def _moments(random: Random, count: int) -> list[int]:
    """So many moments of the last weeks, in order; some come up again and again."""
    agos = (30 * DAY, 20 * DAY, 5 * DAY, 3 * HOUR, 40 * MINUTE, 5 * MINUTE)
    shifts = (0, 0, 0, 7, 900, random.randrange(3 * SECOND))
    return sorted(START - random.choice(agos) + random.choice(shifts) for _ in range(count))


def _fill(emulator: Emulator, project_id: int, random: Random) -> None:
    def rows(most: int, make: Callable[[], object]) -> None:
        for when in _moments(random, random.randrange(most)):
            emulator.world.clock.set(when, frozen=True)
            make()

    def row(table: str) -> Callable[[], object]:
        return lambda: mutate(emulator, "create", {"table": table, "project_id": project_id})

    emulator.world.clock.set(START - 10 * DAY, frozen=True)
    mutate(emulator, "push_commits", {"project_id": project_id, "count": random.randrange(1, 8)})
    if random.random() < 0.5:
        branch = {"project_id": project_id, "branch": "feature"}
        mutate(emulator, "push_commits", {**branch, "count": random.randrange(1, 4)})
    if random.random() < 0.7:
        mutate(emulator, "create_tag", {"project_id": project_id, "tag": "v1"})
    row("environments")()
    rows(24, row("issues"))
    rows(12, row("merge_requests"))
    rows(9, row("milestones"))
    rows(9, row("releases"))
    rows(12, row("deployments"))
    for merge_request in emulator.world.merge_requests.of_project(project_id):
        mutate(emulator, "push_to_merge_request", {"id": merge_request.id})
    rows(9, lambda: mutate(emulator, "create_pipeline", {"project_id": project_id}))
    emulator.world.clock.set(START - MINUTE, frozen=True)
    for parent in emulator.world.pipelines.of_project(project_id)[1:]:
        if random.random() < 0.4:
            child = {"project_id": project_id, "parent_id": parent.id, "jobs": 1}
            mutate(emulator, "create_pipeline", child)
        elif random.random() < 0.3:
            parent.updated = None
            emulator.world.pipelines.changed(parent)
