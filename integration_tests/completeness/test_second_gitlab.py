"""Completeness against the second GitLab, which shares no code and no assumption with the first."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.second_gitlab.server import TOKEN, SecondGitlab
from integration_tests.second_gitlab.world import (
    DEVELOPER,
    GUEST,
    MINUTE,
    REPORTER,
    SECOND,
    START,
)
from integration_tests.support import process
from integration_tests.support.second_copying import SecondCopy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOP, SUB, ELSE = 10, 11, 20
WEB, API, SITE, OUTSIDE, OLD = 101, 102, 103, 104, 105
TABLES = ("issues", "merge_requests")
STREAMS = (*TABLES, "projects", "groups", "project_members", "group_members")
HOUR = 3_600
# Later than what a read goes over again, so that an idle read shows what is read for nothing.
LONG = 2 * HOUR


@pytest.fixture
def gitlab() -> Iterator[SecondGitlab]:
    """Two trees of groups and five projects, of which the reader is in the first tree."""
    with SecondGitlab() as made:
        fill(made)
        yield made
    assert made.unknown == [], "the connector asked for what this GitLab does not have"


def fill(gitlab: SecondGitlab) -> None:
    """Make groups, projects, members and some rows."""
    world = gitlab.world
    world.user(2, "ben")
    for number, path, parent in ((TOP, "top", None), (SUB, "sub", TOP), (ELSE, "else", None)):
        world.group(number, path, parent)
    world.project(WEB, "web", TOP)
    world.project(API, "api", SUB)
    world.project(SITE, "site", TOP, "public")
    world.project(OUTSIDE, "outside", ELSE)
    world.project(OLD, "old.one", SUB, archived=1)
    world.member("group", TOP, 1, DEVELOPER)
    world.member("group", ELSE, 1, DEVELOPER)
    world.member("project", WEB, 2, REPORTER)
    for table in TABLES:
        for number in range(30):
            place = (WEB, API, SITE, OUTSIDE, OLD)[number % 5]
            row(gitlab, table, place, START - (40 - number) * HOUR * SECOND)


def row(gitlab: SecondGitlab, table: str, project: int, when: int, **more: Any) -> int:
    """A row that was written at a moment."""
    return gitlab.world.create(table, project, created_at=when, updated_at=when, **more)


def ids(rows: list[dict[str, Any]]) -> list[int]:
    """The ids of rows."""
    return [one["id"] for one in rows]


@pytest.mark.parametrize("workers", [1, 6])
def test_a_first_read_and_an_idle_one(gitlab: SecondGitlab, workers: int) -> None:
    """Every row once, of archived projects too; later nothing."""
    it = SecondCopy(gitlab, num_workers=workers)
    found = it.sync(*STREAMS)
    assert it.lacks(*STREAMS) == []
    for name in TABLES:
        assert len(ids(found[name])) == len(set(ids(found[name]))) == 24
    gitlab.world.advance(LONG)
    assert all(rows == [] for rows in it.sync(*TABLES).values())


@pytest.mark.parametrize("workers", [1, 6])
@pytest.mark.parametrize("table", TABLES)
def test_a_long_list_with_changes_while_it_is_read(
    gitlab: SecondGitlab, table: str, workers: int
) -> None:
    """Rows that change, come and go between any two pages push no other row out."""
    made = [
        row(gitlab, table, (WEB, API)[number % 2], START - (3_000 - number) * SECOND - number % 7)
        for number in range(1_300)
    ]
    for step in range(12):

        def change(step: int = step) -> None:
            gitlab.world.advance(1)
            for number in made[step * 3 : 900 : 97]:
                gitlab.world.update(table, number, title=f"Changed in step {step}")
            gitlab.world.delete(table, made[950 + step])
            row(gitlab, table, WEB, gitlab.world.now)

        gitlab.before(f"/{table}?", change)
        if step % 2:
            gitlab.before(f"/{table}?", lambda: None)
    it = SecondCopy(gitlab, num_workers=workers)
    it.sync(table)
    gitlab.catch_up()
    gitlab.world.advance(60)
    it.sync(table)
    assert it.lacks(table) == []
    gitlab.world.advance(LONG)
    it.sync(table)
    assert it.sync(table)[table] == []


@pytest.mark.parametrize("limit", [10_000, 150])
@pytest.mark.parametrize("table", TABLES)
def test_many_rows_of_one_instant(gitlab: SecondGitlab, table: str, limit: int) -> None:
    """More than a page shares a microsecond, or a millisecond; with totals and without."""
    gitlab.count_limit = limit
    for number in range(330):
        row(gitlab, table, WEB, START - HOUR * SECOND + (number % 3) * 250)
    it = SecondCopy(gitlab)
    found = it.sync(table)[table]
    assert it.lacks(table) == []
    assert len(ids(found)) == len(set(ids(found)))


@pytest.mark.parametrize("table", TABLES)
def test_changes_between_reads(gitlab: SecondGitlab, table: str) -> None:
    """New rows, changed ones, and touches of which GitLab leaves out the second in a minute."""
    it = SecondCopy(gitlab)
    it.sync(table)
    gitlab.world.advance(LONG)
    made = gitlab.world.create(table, API)
    gitlab.world.update(table, 1, title="Another title")
    gitlab.world.advance(70)
    gitlab.world.label(table, made, "first")
    it.sync(table)
    assert it.lacks(table) == []
    gitlab.world.advance(20)
    gitlab.world.label(table, made, "first", "second")
    gitlab.world.comment(table, made)
    assert gitlab.world.one(table, made)["updated_at"] < gitlab.world.now
    it.sync(table)
    assert it.lacks(table) == []


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("seconds", [5, 100, 500])
def test_a_transaction_that_is_committed_late(
    gitlab: SecondGitlab, table: str, seconds: int
) -> None:
    """Its row shows up with a time before that of rows that were read."""
    late = gitlab.world.create(table, WEB, after=seconds)
    changed = 1
    gitlab.world.update(table, changed, title="Late", after=seconds)
    gitlab.world.advance(1)
    gitlab.world.create(table, WEB)
    it = SecondCopy(gitlab)
    assert late not in ids(it.sync(table)[table])
    gitlab.world.advance(seconds)
    assert {late, changed} <= set(ids(it.sync(table)[table]))
    assert it.lacks(table) == []


def test_a_newcomer_brings_its_whole_history(gitlab: SecondGitlab) -> None:
    """A project that is moved into the group, and one that is made anew with old rows."""
    it = SecondCopy(gitlab)
    it.sync(*STREAMS)
    gitlab.world.advance(LONG)
    gitlab.world.transfer(OUTSIDE, SUB)
    gitlab.world.project(106, "imported", TOP)
    for table in TABLES:
        row(gitlab, table, 106, START - 90 * HOUR * SECOND)
    found = it.sync(*STREAMS)
    assert it.lacks(*STREAMS) == []
    assert {one["project_id"] for one in found["issues"]} == {OUTSIDE, 106}
    gitlab.world.advance(LONG)
    assert it.sync(*TABLES) == {name: [] for name in TABLES}


def test_an_issue_that_is_moved(gitlab: SecondGitlab) -> None:
    """It is closed where it was, and a new one where it is."""
    it = SecondCopy(gitlab)
    it.sync("issues")
    gitlab.world.advance(LONG)
    made = gitlab.world.move_issue(1, API)
    assert {1, made} == set(ids(it.sync("issues")["issues"]))
    assert it.lacks("issues") == []


@pytest.mark.parametrize("pages", [1, 3, 6, 9])
@pytest.mark.parametrize("workers", [1, 6])
def test_a_read_that_is_killed_goes_on(gitlab: SecondGitlab, pages: int, workers: int) -> None:
    """Between two pages, with the rows behind the last state lost, and changes meanwhile."""
    made = [row(gitlab, "issues", WEB, START - (900 - number) * SECOND) for number in range(900)]
    it = SecondCopy(gitlab, num_workers=workers)
    it.sync("issues", most_pages=pages)
    for number in made[100:800:50]:
        gitlab.world.advance(1)
        gitlab.world.update("issues", number, title="Meanwhile")
    it.sync("issues")
    assert it.lacks("issues") == []


def test_what_a_role_hides_is_not_expected_and_hides_nothing_else(gitlab: SecondGitlab) -> None:
    """A guest's list leaves out confidential issues and merge requests of private projects."""
    for number in range(6):
        row(gitlab, "issues", WEB, START - 60 * MINUTE, confidential=number % 2, author_id=2)
    gitlab.world.member("group", TOP, 1, GUEST)
    it = SecondCopy(gitlab)
    found = it.sync(*TABLES)
    assert it.lacks(*TABLES) == []
    assert {one["project_id"] for one in found["merge_requests"]} == {SITE}
    assert not any(one["confidential"] for one in found["issues"])


def test_features_that_are_private_or_off(gitlab: SecondGitlab) -> None:
    """One project's list is refused, empty or partly shown, and the others' is whole."""
    gitlab.world.update("projects", WEB, merge_requests_access="disabled")
    gitlab.world.update("projects", API, issues_access="disabled")
    gitlab.world.update("projects", SITE, issues_access="private")
    it = SecondCopy(gitlab)
    it.sync(*TABLES)
    assert it.lacks(*TABLES) == []
    for project, name in ((WEB, "merge_requests"), (API, "issues")):
        gitlab.world.advance(LONG)
        enabled: dict[str, Any] = {f"{name}_access": "enabled"}
        gitlab.world.update("projects", project, **enabled)
        it.sync(*TABLES)
        assert it.lacks(*TABLES) == []


@pytest.mark.parametrize(
    "named",
    [
        {"groups_list": [], "projects_list": ["top/web", str(API), "top/sub/old.one"]},
        {"groups_list": ["top/sub"], "projects_list": []},
        {"groups_list": []},
    ],
    ids=["projects", "subgroup", "membership"],
)
def test_whatever_was_named(gitlab: SecondGitlab, named: dict[str, Any]) -> None:
    """Projects by path and number, a subgroup, and all that the token is a member of."""
    it = SecondCopy(gitlab, **named)
    found = it.sync(*TABLES)
    inside = {
        "projects": {WEB, API, OLD},
        "subgroup": {API, OLD},
        "membership": {WEB, API, OLD, SITE, OUTSIDE},
    }
    name = "projects" if named.get("projects_list") else "subgroup"
    if named == {"groups_list": []}:
        name = "membership"
    for table in TABLES:
        assert {one["project_id"] for one in found[table]} == inside[name]
        there = gitlab.world.query(f"select id, project_id from {table}")  # noqa: S608
        wanted = sorted(one["id"] for one in there if one["project_id"] in inside[name])
        assert sorted(ids(found[table])) == wanted


def test_a_process_that_is_killed_and_started_again(gitlab: SecondGitlab, tmp_path: Path) -> None:
    """As a platform does it: the last state that came out is what the next process is given."""
    for number in range(1_500):
        row(gitlab, "issues", (WEB, API)[number % 2], START - (2_000 - number) * SECOND)
    token = {"auth_type": "access_token", "access_token": TOKEN}
    config = {"api_url": gitlab.url, "credentials": token, "groups_list": ["top"]}
    arguments = [
        *("read", "--config", process.file(tmp_path, "config.json", config)),
        *("--catalog", process.file(tmp_path, "catalog.json", process.catalog("issues"))),
    ]
    held: dict[int, dict[str, Any]] = {}
    states: list[Any] = []
    ended = False
    for kill in (150, 400, 700, 0):
        state = ["--state", process.file(tmp_path, "state.json", states)] if states else []
        with subprocess.Popen(
            [sys.executable, "-m", "source_gitlab", *map(str, [*arguments, *state])],
            cwd=process.ROOT,
            env=process.surroundings(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as running:
            assert running.stdout is not None
            for lines, line in enumerate(running.stdout, 1):
                message = json.loads(line)
                if message["type"] == "RECORD":
                    held[message["record"]["data"]["id"]] = message["record"]["data"]
                elif message["type"] == "STATE":
                    states = [message["state"]]
                if lines == kill:
                    running.kill()
                    break
        ended = running.returncode == 0
        gitlab.world.advance(1)
        gitlab.world.update("issues", 700 + kill // 10, title="Meanwhile")
        if ended:
            break
    assert ended
    it = SecondCopy(gitlab)
    it.tables["issues"] = {(number,): one for number, one in held.items()}
    it.states["issues"] = states[0]["stream"]["stream_state"]
    it.sync("issues")
    assert it.lacks("issues") == []
