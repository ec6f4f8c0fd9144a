"""A world of rows that a real GitLab returned once, served unchanged.

The folder holds a file for each resource, a line ``{"url": ..., "data": ...}`` for each row. Which
project a row belongs to follows from its project_id, else from the address that it was read from.
All projects stand in one group, which the references of rows name. Where a row can only be read
through a parent that no file holds, the parent is made up; :func:`expected_counts` says how many
rows of each stream were recorded and how many made up:

* merge requests 2 and 7 have recorded commits but no recorded row;
* no pipeline with a recorded detail is in the recorded list, and the other way round, so each is
  listed and has a detail, made up from the other one;
* the pipeline of the recorded trigger job is in neither file;
* of a deployment's parents and of those of the jobs no list is needed: their rows are complete.

No file holds a row twice (ids are unique within each).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import orjson

from integration_tests.gitlab.clock import moment
from integration_tests.gitlab.rows import Row
from integration_tests.gitlab.world import OWNER, World

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping
    from pathlib import Path

    from integration_tests.gitlab.rows import Facts, Json, Table
    from integration_tests.gitlab.settings import Settings

GROUP, READER = 1, 1
_PROJECT = re.compile(r"/projects/(\d+)/")
_REQUEST = re.compile(r"/merge_requests/(\d+)/commits")


class RecordedRow(Row):
    """A row with the JSON that it had in one or more of its forms."""

    __slots__ = ("recorded",)

    def __init__(self, given: Json, facts: Facts, project_id: int, forms: set[str]) -> None:
        updated = given.get("updated_at")
        super().__init__(
            given["id"],
            facts,
            iid=given.get("iid", 0),
            project_id=project_id,
            created=moment(given["created_at"]),
            updated=None if updated is None else moment(updated),
        )
        self.recorded = dict.fromkeys(forms, orjson.dumps(given))

    def body(self, stamp: int, key: Hashable, make: Callable[[], Mapping[str, Any]]) -> bytes:
        """The row as it was recorded, or presented in a form that it was not recorded in."""
        found = self.recorded.get(str(key))
        if found is not None and self.overrides is None:
            return found
        return super().body(stamp, key, make)


class RecordedWorld(World):
    """A world of recorded rows; ``recorded`` and ``made_up`` count them by stream."""

    def __init__(self, settings: Settings | None = None) -> None:
        if settings is None:
            super().__init__()
        else:
            super().__init__(settings)
        self.recorded: Counter[str] = Counter()
        self.made_up: Counter[str] = Counter()


def expected_counts(world: RecordedWorld) -> dict[str, int]:
    """Rows that a reader gets of each stream that has a recorded file: recorded and made up."""
    return {stream: world.recorded[stream] + world.made_up[stream] for stream in world.recorded}


def _lines(folder: Path, name: str) -> list[tuple[str, Json]]:
    file = folder / f"{name}.jsonl"
    lines = [orjson.loads(line) for line in file.read_bytes().splitlines() if line.strip()]
    return [(line["url"], line["data"]) for line in lines]


def _project_of(url: str, row: Json) -> int:
    if isinstance(row.get("project_id"), int):
        return int(row["project_id"])
    found = _PROJECT.search(url)
    if found is None:
        message = f"no project in {url}"
        raise ValueError(message)
    return int(found[1])


def recorded_world(folder: Path, settings: Settings | None = None) -> RecordedWorld:
    """Build a world of the rows in a folder; OSError when a file is missing."""
    world = RecordedWorld(settings)
    world.groups.add(
        Row(
            GROUP,
            {
                "path": "gitlab-data",
                "name": "GitLab Data",
                "parent_id": None,
                "visibility": "private",
            },
            created=moment("2017-01-01"),
        )
    )
    _user(world, {"id": READER, "username": "reader", "name": "Reader"})
    world.group_members.add(
        Row(
            1,
            {"user_id": READER, "access_level": OWNER},
            group_id=GROUP,
            created=moment("2017-01-01"),
        )
    )
    _simple(world, folder)
    _requests(world, folder)
    _pipelines(world, folder)
    _members(world, folder)
    world.restructured()
    return world


def _user(world: World, given: Json) -> int:
    user_id = int(given["id"])
    if user_id not in world.users:
        facts = {
            "username": given["username"],
            "name": given["name"],
            "namespace_id": 500 + user_id,
            "avatar_url": given.get("avatar_url"),
            "state": given.get("state", "active"),
        }
        world.users.add(Row(user_id, facts, created=moment("2017-01-01")))
    return user_id


def _project(world: World, project_id: int, row: Json) -> int:
    if project_id not in world.projects:
        address = str(row.get("web_url", "")).split("/-/")[0]
        path = address.rsplit("/", 1)[-1] or f"project-{project_id}"
        facts = {"path": path, "name": path, "description": None, "visibility": "private"}
        created = moment("2017-01-01")
        made = Row(project_id, facts, created=created, updated=created)
        made.group_id = GROUP
        world.projects.add(made)
    return project_id


def _add(  # noqa: PLR0913, PLR0917 - a row, and where it belongs
    world: RecordedWorld,
    table: Table,
    stream: str,
    project_id: int,
    row: Json,
    facts: Facts,
    *forms: str,
) -> Row:
    _project(world, project_id, row)
    world.recorded[stream] += 1
    return table.add(RecordedRow(row, facts, project_id, set(forms)))


def _labels(row: Json) -> Facts:
    return {
        "state": row["state"],
        "title": row["title"],
        "labels": row["labels"],
        "author_id": row["author"]["id"],
        "assignee_ids": [one["id"] for one in row["assignees"]],
    }


def _simple(world: RecordedWorld, folder: Path) -> None:
    for url, row in _lines(folder, "issues"):
        facts = _labels(row) | {"issue_type": row["issue_type"]}
        _add(world, world.issues, "issues", _project_of(url, row), row, facts, "issue")
    for url, row in _lines(folder, "deployments"):
        place = row["environment"]
        if place["id"] not in world.environments:
            world.environments.add(Row(place["id"], {"name": place["name"], "slug": place["name"]}))
        facts = {"status": row["status"], "environment_id": place["id"], "ref": row["ref"]}
        _add(
            world,
            world.deployments,
            "deployments",
            _project_of(url, row),
            row,
            facts,
            "deployment",
        )
    for name, table, stream in (
        ("job", world.jobs, "jobs"),
        ("trigger_job", world.bridges, "pipeline_trigger_jobs"),
    ):
        for url, row in _lines(folder, name):
            facts = {
                "pipeline_id": row["pipeline"]["id"],
                "status": row["status"],
                "stage": row["stage"],
                "name": row["name"],
                "retried": False,
                "user_id": _user(world, row["user"]),
            }
            form = "job" if stream == "jobs" else "bridge"
            _add(world, table, stream, _project_of(url, row), row, facts, form)


def _requests(world: RecordedWorld, folder: Path) -> None:
    for url, row in _lines(folder, "merge_requests"):
        facts = _labels(row) | {"sha": row["sha"], "source_branch": row["source_branch"]}
        _add(
            world,
            world.merge_requests,
            "merge_requests",
            _project_of(url, row),
            row,
            facts,
            "merge_request",
        )
    commits: dict[tuple[int, int], list[bytes]] = defaultdict(list)
    for url, row in _lines(folder, "merge_request_commits"):
        iid = _REQUEST.search(url)
        if iid is None:
            message = f"no merge request in {url}"
            raise ValueError(message)
        commits[_project_of(url, row), int(iid[1])].append(orjson.dumps(row))
        world.recorded["merge_request_commits"] += 1
    for row_ in world.merge_requests:
        world.recorded_commits[row_.id] = []
    for (project_id, number), bodies in commits.items():
        found = world.merge_requests.find_iid(project_id, number)
        if found is None:
            head = orjson.loads(bodies[0])
            created = moment(head["created_at"])
            found = world.merge_requests.add(
                Row(
                    world.merge_requests.next_id(),
                    {
                        "title": head["title"],
                        "author_id": READER,
                        "sha": head["id"],
                        "source_branch": f"branch-{number}",
                        "state": "opened",
                    },
                    iid=number,
                    project_id=project_id,
                    created=created,
                    updated=created,
                )
            )
            world.made_up["merge_requests"] += 1
        world.recorded_commits[found.id] = bodies


def _pipelines(world: RecordedWorld, folder: Path) -> None:
    shown = ("sha", "ref", "status")
    for name, form, stream, other in (
        ("pipeline", "pipeline", "pipelines", "pipelines_extended"),
        ("pipeline_details", "pipeline_detail", "pipelines_extended", "pipelines"),
    ):
        for url, row in _lines(folder, name):
            facts = {one: row[one] for one in shown} | {
                "source": row["source"],
                "user_id": _user(world, row["user"]) if row.get("user") else READER,
            }
            _add(world, world.pipelines, stream, _project_of(url, row), row, facts, form)
            world.made_up[other] += 1
    for row_ in list(world.bridges):
        owner = orjson.loads(row_.body(0, "bridge", dict))["pipeline"]
        if owner["id"] not in world.pipelines:
            facts = {one: owner[one] for one in shown} | {"source": "push", "user_id": READER}
            world.pipelines.add(
                Row(
                    owner["id"],
                    facts,
                    project_id=row_.project_id,
                    created=moment(owner["created_at"]),
                    updated=moment(owner["updated_at"]),
                )
            )
            world.made_up["pipelines"] += 1
            world.made_up["pipelines_extended"] += 1


def _members(world: RecordedWorld, folder: Path) -> None:
    for number, (url, row) in enumerate(_lines(folder, "users"), 1):
        facts = {
            "user_id": _user(world, row),
            "access_level": row["access_level"],
            "created_by": row["created_by"]["id"] if row.get("created_by") else None,
        }
        made = _add(
            world,
            world.project_members,
            "project_members",
            _project_of(url, row),
            row | {"id": number},
            facts,
            "member",
        )
        if isinstance(made, RecordedRow):
            made.recorded["member"] = orjson.dumps(row)
