"""One row a person, from the lists of all projects, which are asked for once for both streams."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from integration_tests.gitlab.clock import HOUR
from integration_tests.gitlab.mutations import mutate
from integration_tests.gitlab.rows import Row
from integration_tests.support.history_world import OWN, SITE, WEB, small_world
from integration_tests.support.inprocess import Wire, session
from integration_tests.support.process import file, run
from integration_tests.support.reading import config_for, differences, expected, read
from source_gitlab.core.state import StreamState
from source_gitlab.core.walks.shared_lists import SharedLists
from source_gitlab.gitlab.errors import GitlabError
from source_gitlab.gitlab.lists import Lists
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator
    from integration_tests.support.inprocess import HttpAnswer
    from source_gitlab.core.session import Session

STRANGER = 900
USERS = re.compile(r"/api/v4/projects/(\d+)/users$")
NAMED: dict[str, Any] = {"projects_list": [str(WEB), str(SITE), str(OWN)], "num_workers": 1}
DAY = 25 * HOUR


class Asked:
    """A small GitLab without sockets, and how often the users of each project were asked for."""

    def __init__(self) -> None:
        self.emulator = small_world(Random(1), 100)
        self.wire = Wire(self.emulator)
        self.wire.before = self._count
        self.counts: Counter[int] = Counter()

    def _count(self, path: str, _query: str) -> None:
        found = USERS.search(path)
        if found:
            self.counts[int(found[1])] += 1

    def refuse(self, project_id: int, status: int) -> None:
        """Answer nothing but a status where the users of a project are asked for."""

        def tamper(path: str, _query: str, answer: HttpAnswer) -> HttpAnswer:
            found = USERS.search(path)
            if not found or int(found[1]) != project_id:
                return answer
            kind = {"content-type": "application/json"}
            return status, kind, b'{"message": "%d Refused"}' % status

        self.wire.tamper = tamper

    def let_in(self, *numbers: int, project_id: int) -> None:
        """Make accounts that have a part in this project."""
        world = self.emulator.world
        for number in numbers:
            if number not in world.users:
                facts = {"username": f"new{number}", "name": "New", "namespace_id": 5000 + number}
                world.users.add(Row(number, facts, created=world.clock.now()))
            member = {"user_id": number, "project_id": project_id, "level": 30}
            mutate(self.emulator, "add_member", member)


def rows_of(opened: Session, name: str, state: StreamState) -> list[dict[str, Any]]:
    """What a read of one stream brings; slices that fail are left out."""
    rows: list[dict[str, Any]] = []
    for slice_ in opened.plan(streams()[name], state):
        with suppress(GitlabError):
            for page in opened.read(streams()[name], slice_, state):
                rows += page.rows
    return rows


def test_a_person_comes_once_however_many_projects(gitlab: Emulator) -> None:
    """As GitLab shows them, and everybody who has a part in any of the projects."""
    reading = read(config_for(gitlab), ["users", "people"])
    assert reading.failure is None
    held = {(row["id"],): row for row in reading.rows["people"]}
    assert len(held) == len(reading.rows["people"])
    assert not differences(held, expected(gitlab, "people")["people"])
    assert {key for (key,) in held} == {row["id"] for row in reading.rows["users"]}
    assert len(reading.rows["users"]) > 2 * len(held)
    assert "project_id" not in reading.rows["people"][0]


@pytest.mark.parametrize("names", [("users", "people"), ("people", "users")])
@pytest.mark.parametrize("count", [0, 99, 250])
def test_two_streams_ask_for_a_list_once(names: tuple[str, str], count: int) -> None:
    """In any order, also for lists of several pages; each has all its rows."""
    gitlab = Asked()
    gitlab.let_in(*range(STRANGER, STRANGER + count), project_id=WEB)
    with session(gitlab.wire, **NAMED) as opened:
        found = {names[0]: rows_of(opened, names[0], StreamState())}
        once = dict(gitlab.counts)
        found[names[1]] = rows_of(opened, names[1], StreamState())
    assert set(once) == {WEB, SITE, OWN}
    assert gitlab.counts == once
    whole = Asked()
    whole.let_in(*range(STRANGER, STRANGER + count), project_id=WEB)
    for name, rows in found.items():
        with session(whole.wire, **NAMED) as opened:
            alone = rows_of(opened, name, StreamState())
        unmarked = [{**row, "read_at": None} for row in rows]
        assert unmarked == [{**row, "read_at": None} for row in alone]
        assert len(rows) > count


def test_what_was_refused_to_one_stream_is_asked_for_again() -> None:
    """Nothing is kept of a list that did not come."""
    gitlab = Asked()
    gitlab.let_in(STRANGER, project_id=WEB)
    gitlab.refuse(WEB, 500)
    with session(gitlab.wire, tries=1, **NAMED) as opened:
        before = rows_of(opened, "users", StreamState())
        gitlab.wire.tamper = lambda _path, _query, answer: answer
        people = rows_of(opened, "people", StreamState())
    assert WEB not in {row["project_id"] for row in before}
    assert STRANGER in {row["id"] for row in people}


def texts_of(first: int) -> list[dict[str, Any]]:
    """A hundred people."""
    return [{"id": number, "name": "x" * 100} for number in range(first, first + 100)]


@pytest.mark.parametrize(
    ("distinct", "kept"), [(1, 40), (40, 3)], ids=["the same people", "others in each"]
)
def test_lists_are_kept_up_to_a_size(distinct: int, kept: int) -> None:
    """Both streams ask for those that there is no room for; a person takes room once."""
    gitlab = Asked()
    alike = SharedLists(100_000)
    asked: Counter[str] = Counter()
    with session(gitlab.wire, **NAMED) as opened:
        lists = Lists(opened.client)
    for name in ("users", "people"):
        for number in range(40):
            path, rows = f"projects/{number}/users", texts_of(100 * (number % distinct))

            def ask(path: str = path, rows: list[dict[str, Any]] = rows) -> Any:
                asked[path] += 1
                yield [dict(row) for row in rows]

            assert list(alike.pages(streams()[name], lists, path, ask)) == [rows]
    assert sum(times == 1 for times in asked.values()) == kept


@pytest.mark.parametrize("status", [403, 404, 500])
def test_nobody_is_gone_while_a_list_did_not_come(status: int) -> None:
    """A person may be in it, whoever else showed that person before."""
    gitlab = Asked()
    with session(gitlab.wire, tries=1, **NAMED) as opened:
        rows_of(opened, "people", StreamState())
        extent = opened.extent(streams()["people"])
    assert extent.whole
    gitlab.refuse(SITE, status)
    with session(gitlab.wire, tries=1, **NAMED) as opened:
        rows_of(opened, "people", StreamState())
        extent = opened.extent(streams()["people"])
    assert not extent.whole
    assert not any(map(extent.is_gone, (WEB, SITE, OWN, 1)))


def test_a_person_whose_last_list_is_behind_has_no_earlier_time() -> None:
    """Destinations keep the row with the latest `read_at`."""
    gitlab = Asked()
    gitlab.let_in(STRANGER, project_id=WEB)
    state = StreamState()
    with session(gitlab.wire, **NAMED) as opened:
        rows_of(opened, "people", state)
    # What the first project was read up to stands behind the next read's start, as a clock that
    # was put back leaves it.
    ahead = "2026-03-03T00:00:00.000Z"
    state.projects[WEB] = ahead
    mutate(gitlab.emulator, "remove_member", {"user_id": STRANGER, "project_id": WEB})
    gitlab.let_in(STRANGER, project_id=SITE)
    gitlab.emulator.world.clock.advance(DAY)
    with session(gitlab.wire, **NAMED) as opened:
        found = rows_of(opened, "people", StreamState.load(state.to_json()))
    (row,) = [row for row in found if row["id"] == STRANGER]
    assert row["read_at"] >= ahead


def test_who_came_of_a_slice_that_was_not_finished_comes_again() -> None:
    """A list that showed the same person counts as read, but not the one that brought the row."""
    gitlab = Asked()
    gitlab.let_in(STRANGER, project_id=WEB)
    gitlab.let_in(STRANGER, project_id=SITE)
    stream, state = streams()["people"], StreamState()
    with session(gitlab.wire, **NAMED) as opened:
        first, *others = opened.plan(stream, state)
        pages = opened.read(stream, first, state)
        assert STRANGER in {row["id"] for row in next(pages).rows}
        for other in others:
            for page in opened.read(stream, other, state):
                assert STRANGER not in {row["id"] for row in page.rows}
        del pages
    gitlab.emulator.world.clock.advance(HOUR)
    with session(gitlab.wire, **NAMED) as opened:
        found = rows_of(opened, "people", StreamState.load(state.to_json()))
    assert STRANGER in {row["id"] for row in found}


def test_who_has_a_part_in_no_project_leaves_the_file(
    changing_gitlab: Emulator, tmp_path: Path
) -> None:
    """Once every list was read, which is each day; a list that is refused keeps everybody."""
    gitlab, path = changing_gitlab, tmp_path / "gitlab.duckdb"
    config = file(tmp_path, "config.json", config_for(gitlab, groups_list=["acme"]))
    stranger = {"user_id": 6, "project_id": 101}
    # Behind this machine, whose clock stands still beside days that pass there.
    gitlab.clock(advance=-10 * 86_400)

    def people() -> set[int]:
        gitlab.clock(advance=86_400)
        done = run("sync", "--to", path, "--config", config, "--select", "users,people")
        assert done.code == 0, done.stderr
        with duckdb.connect(str(path), read_only=True) as connection:
            return {number for (number,) in connection.execute("FROM people SELECT id").fetchall()}

    before = people()
    assert 6 not in before
    gitlab.mutate("add_member", **stranger, level=30)
    assert people() == before | {6}
    gitlab.mutate("remove_member", **stranger)
    refused = {"kind": "status", "status": 403, "body": {"message": "403 Forbidden"}}
    gitlab.faults([{**refused, "path": r"/projects/102/users$"}])
    assert people() == before | {6}
    gitlab.faults([])
    assert people() == before
