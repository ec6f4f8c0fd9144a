"""Slices that are read elsewhere, without a state, bring the rows and the state of one process."""

from __future__ import annotations

import multiprocessing
import time
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from integration_tests.gitlab.faults import Fault
from integration_tests.support.copying import Copy
from integration_tests.support.histories import EACH_WAY, comes_again
from integration_tests.support.history_reading import taken
from integration_tests.support.history_world import API, OUTSIDE, SUB, WEB, small_world
from integration_tests.support.inprocess import session
from integration_tests.support.merge_patch import nulls
from integration_tests.support.progress import comparable
from source_gitlab.core.state import StreamState
from source_gitlab.gitlab.errors import GitlabError
from source_gitlab.streams import root_of, streams

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from source_gitlab.core.slices import Slice

HOUR = 3_600
# Of the slices of a read, this one is killed after so many pages.
KILLED, PAGES = 1, 2
SMALL_PAGES = 3

Table = dict[tuple[Any, ...], dict[str, Any]]


def copy(seed: int) -> Copy:
    """A copy of a small world that is served in small pages."""
    return Copy(small_world(Random(seed), SMALL_PAGES), groups_list=["top", "open"])


@pytest.fixture(autouse=True)
def _standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this machine's clock stand, so that only GitLab's moves: no read is a second late."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)


def through_json(value: Any) -> Any:
    """The same, after a trip."""
    return orjson.loads(orjson.dumps(value))


def killed(number: int, *, kills: bool) -> int:
    """After how many pages the reading of a slice is killed; 0: never."""
    return PAGES if kills and number == KILLED else 0


def here(it: Copy, name: str, *, kills: bool, meanwhile: Callable[[], None]) -> Planned:
    """Plan a read, and read its slices in the same process."""
    stream, state = streams()[name], StreamState.load(it.states.get(name))
    table: Table = {}
    with session(it.wire, **it.settings) as opened:
        slices: list[Slice] = []
        planned = opened.plan(stream, state)
        with suppress(GitlabError):
            slices.extend(planned)
        before = through_json(state.to_json())
        # Whoever reads later has a later clock.
        it.later(2)
        meanwhile()
        for number, slice_ in enumerate(slices):
            last = killed(number, kills=kills)
            pages = opened.read(stream, slice_, state)
            with suppress(GitlabError):
                for count, page in enumerate(pages, 1):
                    for row in taken(page):
                        table[tuple(row[column] for column in stream.key)] = row
                    if count == last:
                        break
    return Planned(through_json(slices), before, table, through_json(state.to_json()))


class Planned:
    """The slices of a read, the state before they were read, and what reading them here brought."""

    def __init__(self, slices: list[Any], before: Any, table: Table, after: Any) -> None:
        self.slices = slices
        self.before = before
        self.table = table
        self.after = after


def read_alone(it: Copy, text: bytes, last: int, answer: Connection) -> None:
    """Read one slice in a process of its own, and send its pages as JSON."""
    found: list[tuple[Any, Any]] = []
    with session(it.wire, **it.settings) as opened, suppress(GitlabError):
        pages = 0
        for page in opened.read_slice(orjson.loads(text)):
            pages += not page.is_end
            # The last page before a kill is on its way, and so not delivered.
            is_killed = pages == last and not page.is_end
            found.append((page.rows, None if is_killed else page.progress))
            if is_killed:
                break
    answer.send_bytes(orjson.dumps(found))
    answer.close()


def in_process(it: Copy, slice_: Any, last: int) -> list[tuple[Any, Any]]:
    """The pages of a slice that another process read."""
    forks = multiprocessing.get_context("fork")
    mine, other = forks.Pipe()
    text = orjson.dumps(slice_)
    process = forks.Process(target=read_alone, args=(it, text, last, other))
    process.start()
    other.close()
    found: list[tuple[Any, Any]] = orjson.loads(mine.recv_bytes())
    process.join()
    return found


def elsewhere(it: Copy, name: str, plan: Planned, *, kills: bool) -> tuple[Table, Any]:
    """Read the slices in processes of their own; the rows, and the state in the end."""
    stream, state, choices = streams()[name], StreamState.load(plan.before), Random(1)
    table: Table = {}
    waiting: list[list[Any]] = []
    for number, slice_ in enumerate(plan.slices):
        pages = in_process(it, slice_, killed(number, kills=kills))
        for rows, _ in pages:
            for row in rows:
                table[tuple(row[column] for column in stream.key)] = row
        waiting.append([progress for _, progress in pages if progress])
    while any(waiting):
        progress = choices.choice([one for one in waiting if one]).pop(0)
        assert nulls(progress) == []
        state.apply(through_json(progress))
        if choices.random() < 0.3:
            # It may come twice, and the state may be written in between.
            state.apply(progress)
            state = StreamState.load(through_json(state.to_json()))
    return table, through_json(state.to_json())


def same(it: Copy, name: str, *, kills: bool, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Read a stream here and elsewhere, and compare."""
    plan = here(it, name, kills=kills, meanwhile=meanwhile)
    table, state = elsewhere(it, name, plan, kills=kills)
    assert table == plan.table
    assert comparable(state) == comparable(plan.after)
    it.states[name] = plan.after


@pytest.mark.parametrize("name", EACH_WAY)
def test_slices_read_elsewhere_give_the_state_of_one_process(name: str) -> None:
    """A first read, one of which a part was killed, and one with a newcomer and a refusal."""
    it = copy(7)
    same(it, name, kills=True)
    it.later(2 * HOUR)
    same(it, name, kills=False)
    it.later(26 * HOUR)
    it.change("move_project", id=OUTSIDE, group_id=SUB)
    for table in ("issues", "merge_requests", "milestones", "releases"):
        it.change("create", table=table, project_id=OUTSIDE)
    for project_id in (API, OUTSIDE):
        it.change("create_pipeline", project_id=project_id)
        it.change("push_commits", project_id=project_id, count=4)
        it.change("create", table="issues", project_id=project_id)

    def refuse() -> None:
        path = rf"^/api/v4/projects/{WEB}(/|$)"
        it.emulator.faults.rules.append(Fault("status", status=403, path=path))

    for issue in list(it.emulator.world.issues.of_project(WEB)):
        it.change("touch", table="issues", id=issue.id)
    for request in list(it.emulator.world.merge_requests.of_project(WEB)):
        it.change("touch", table="merge_requests", id=request.id)
    same(it, name, kills=True, meanwhile=refuse)
    it.emulator.faults.rules.clear()
    it.later(HOUR)
    same(it, name, kills=False)
    is_known = root_of(streams()[name]).walk in {"seek", "commits", "jobs"}
    if is_known and not comes_again(streams()[name]):
        # What the slices know keeps what was read from coming again.
        it.later(HOUR)
        assert here(it, name, kills=False, meanwhile=lambda: None).table == {}


def test_a_slice_holds_what_reading_needs_and_no_more() -> None:
    """A slice of a project has the heads of that project only, and slices stay small."""
    it = copy(7)
    it.sync("commits")
    it.later(HOUR)
    for project_id in (WEB, API):
        it.change("push_commits", project_id=project_id, count=1)
    stream, state = streams()["commits"], StreamState.load(it.states["commits"])
    with session(it.wire, **it.settings) as opened:
        slices = list(opened.plan(stream, state))
    assert len(slices) > 2
    for slice_ in slices:
        known = StreamState.load(slice_["known"])
        assert known.heads.of(slice_["id"]) == state.heads.of(slice_["id"])
        assert [one for one in state.projects if known.heads.of(one)] in ([slice_["id"]], [])
        assert len(orjson.dumps(slice_)) < 600
