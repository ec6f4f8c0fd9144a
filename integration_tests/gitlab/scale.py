"""A world of any size, for load and benchmarks: always the same for the same arguments."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import orjson

from integration_tests.gitlab.clock import DAY, HOUR, SECOND, moment
from integration_tests.gitlab.default_code import new_commit
from integration_tests.gitlab.present.planning import issue
from integration_tests.gitlab.repository import Branch, Repository, Tag, make_sha
from integration_tests.gitlab.rows import Row
from integration_tests.gitlab.scaled_rows import VARIANTS, ScaledRow, ScaledWorld, Size
from integration_tests.gitlab.world import OWNER

if TYPE_CHECKING:
    from integration_tests.gitlab.settings import Settings

START = moment("2023-01-01T00:00:00Z")
YEAR = 365 * DAY
TOP = 1
FIRST_PROJECT = 1_000
# With 111 groups, a group below the top holds a tenth of the projects, and one below that a
# hundredth.
_GROUPS_BELOW = 10

WORDS = [
    "merge",
    "deploy",
    "review",
    "runner",
    "cache",
    "index",
    "query",
    "token",
    "scope",
    "page",
    "cursor",
    "branch",
    "commit",
    "graph",
    "build",
    "artifact",
    "pipeline",
    "schema",
    "column",
    "window",
    "state",
    "latency",
    "retry",
    "backoff",
    "export",
    "import",
]


def scaled_world(size: Size, settings: Settings | None = None) -> ScaledWorld:
    """Build a world of this size."""
    world = ScaledWorld(size, settings)
    _frame(world)
    for number, project_id in enumerate(_project_ids(size)):
        _project(world, project_id, TOP + number % size.groups)
    _pad(world)
    rows = Random(7)
    for project_id in world.projects.rows:
        _fill(world, project_id, rows)
    world.restructured()
    return world


def _project_ids(size: Size) -> list[int]:
    """Ascending ids: one after the other, or with gaps as on an instance that others use too."""
    numbers = range(FIRST_PROJECT, FIRST_PROJECT + size.projects * size.id_spread)
    drawn = Random(11).sample(numbers, size.projects)
    return sorted(drawn)


def _frame(world: ScaledWorld) -> None:
    for user_id in range(1, VARIANTS + 3):
        world.users.add(
            Row(
                user_id,
                {
                    "username": f"user{user_id}",
                    "name": f"User {user_id}",
                    "namespace_id": 500 + user_id,
                    "avatar_url": None,
                },
                created=START,
            )
        )
    for number in range(world.size.groups):
        group_id = TOP + number
        facts = {
            "path": "scaled" if number == 0 else f"group-{group_id}",
            "name": "Scaled" if number == 0 else f"Group {group_id}",
            "parent_id": None if number == 0 else TOP + (number - 1) // _GROUPS_BELOW,
            "visibility": "private",
        }
        world.groups.add(Row(group_id, facts, created=START))
        world.labels.add(
            Row(
                10_000 + group_id,
                {"name": "bug", "color": "#d9534f"},
                group_id=group_id,
            )
        )
        world.milestones.add(
            Row(
                20_000 + group_id,
                {"title": "1.0"},
                iid=1,
                group_id=group_id,
                created=START,
                updated=START + number * HOUR,
            )
        )
        world.boards.add(Row(30_000 + group_id, {"name": "Development"}, group_id=group_id))
        world.epics.add(
            Row(
                40_000 + group_id,
                {"title": f"Epic {group_id}", "author_id": 1},
                iid=1,
                group_id=group_id,
                created=START,
                updated=START + number * HOUR,
            )
        )
    world.group_members.add(
        Row(
            1,
            {"user_id": 1, "access_level": OWNER, "created_by": 1},
            group_id=TOP,
            created=START,
        )
    )


def _project(world: ScaledWorld, project_id: int, group_id: int) -> None:
    facts = {
        "path": f"project-{project_id}",
        "name": f"Project {project_id}",
        "visibility": "private",
        "description": "One of many",
    }
    row = Row(project_id, facts, created=START, updated=START + project_id * SECOND)
    row.group_id = group_id
    world.projects.add(row)
    repository = world.repositories[project_id] = Repository()
    parents: tuple[str, ...] = ()
    shas = []
    for number in range(world.size.commits):
        made = new_commit(
            repository,
            parents,
            f"Change {number}\n",
            START + number * HOUR,
            salt=project_id,
            author=number,
        )
        parents = (made.sha,)
        shas.append(made.sha)
    repository.branches["main"] = Branch("main", shas[-1], protected=True)
    for number in range(world.size.branches - 1):
        name = f"branch-{number:05d}"
        repository.branches[name] = Branch(name, shas[number % len(shas)])
    for number in range(world.size.tags):
        name = f"v{number}"
        repository.tags[name] = Tag(name, shas[number % len(shas)])
    world.environments.add(
        Row(
            project_id,
            {"name": "production", "slug": "production"},
            project_id=project_id,
            created=START,
            updated=START,
        )
    )
    world.labels.add(
        Row(
            50_000 + project_id,
            {"name": "regression", "color": "#428BCA"},
            project_id=project_id,
        )
    )
    world.project_members.add(
        Row(
            project_id,
            {"user_id": 2, "access_level": 30, "created_by": 1},
            project_id=project_id,
            created=START,
        )
    )
    if world.size.tags:
        world.releases.add(
            Row(
                project_id,
                {
                    "tag_name": "v0",
                    "name": "v0",
                    "author_id": 1,
                    "evidence_sha": make_sha(project_id),
                },
                project_id=project_id,
                created=START,
                updated=START,
            )
        )


def _pad(world: ScaledWorld) -> None:
    """Find the description that makes an issue about as large as was asked for."""
    if not world.size.issue_bytes or not world.projects.rows:
        return
    first = next(iter(world.projects.rows))
    row = ScaledRow(world.kinds["issues"], 10**6, 1000, first, START, START)
    missing = world.size.issue_bytes - len(orjson.dumps(issue(world, row)))
    words = Random(1)
    text = ""
    while len(text) < missing:
        text += words.choice(WORDS) + " "
    world.text = text[: max(missing, 0)]


def _fill(world: ScaledWorld, project_id: int, draw: Random) -> None:
    size = world.size
    for name, count in (
        ("issues", size.issues),
        ("merge_requests", size.merge_requests),
        ("deployments", size.deployments),
    ):
        table, kind = world.table(name), world.kinds[name]
        for iid in range(1, count + 1):
            created, updated = _times(draw)
            row = ScaledRow(kind, table.next_id(), iid, project_id, created, updated)
            # Worked out now, so that the first who asks for a row is answered like all others.
            row.slots()
            table.add(row)
    for iid in range(1, size.pipelines + 1):
        created, updated = _times(draw)
        row_id = world.pipelines.next_id()
        kind = world.kinds["pipelines"]
        world.pipelines.add(ScaledRow(kind, row_id, iid, project_id, created, updated))
        for number in range(size.jobs_per_pipeline):
            world.jobs.add(
                ScaledRow(
                    world.kinds["jobs"],
                    world.jobs.next_id(),
                    0,
                    project_id,
                    created + number * SECOND,
                    updated,
                    row_id,
                )
            )


def _times(draw: Random) -> tuple[int, int]:
    created = START + draw.randrange(YEAR)
    return created, created + draw.randrange(YEAR)
