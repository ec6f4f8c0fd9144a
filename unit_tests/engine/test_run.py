"""The engine: what a face may rely on, with one thread or many, and however short its queue is."""

from __future__ import annotations

import threading
from functools import partial
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

import orjson
import pytest

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.history_world import small_world
from integration_tests.support.inprocess import Wire, session
from integration_tests.support.json_lines import Destination, as_lines, lines
from integration_tests.support.long_waits import LongWaits
from source_gitlab.core.state import StreamState
from source_gitlab.engine.checkpoints import Checkpoint
from source_gitlab.engine.events import Begun, Ended, Failed, Idle, Rows, State
from source_gitlab.engine.run import Job, Run
from source_gitlab.gitlab.errors import ReadError, Unauthorized
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from integration_tests.support.inprocess import HttpAnswer
    from source_gitlab.core.session import Session
    from source_gitlab.engine.events import Event

PER_PAGE = 5
WORKERS = (1, 2, 7)
WAITING = (1, 20)
SOME = ("projects", "issues", "branches", "commits", "jobs", "merge_request_commits")
EACH_PAGE = partial(Checkpoint, seconds=0.0)


@pytest.fixture(scope="module")
def wire() -> Wire:
    """A small GitLab whose lists have several pages, which nobody changes."""
    return Wire(small_world(Random(1), PER_PAGE))


@pytest.fixture(scope="module")
def fresh(wire: Wire) -> Destination:
    """What one read of everything brings."""
    destination = Destination()
    with opened(wire) as one:
        destination.take(lines(Run(one, destination.jobs(*streams()), shape=as_lines)))
    assert all(destination.complete.values())
    return destination


def opened(wire: Wire, workers: int = 4) -> AbstractContextManager[Session]:
    """A session with this GitLab."""
    return session(wire, groups_list=["top"], commit_refs="all", num_workers=workers)


def named(*names: str) -> list[Job]:
    """First reads of these streams."""
    return [Job(streams()[name]) for name in names]


@pytest.mark.parametrize("waiting", WAITING)
@pytest.mark.parametrize("workers", WORKERS)
def test_events_are_in_order(wire: Wire, workers: int, waiting: int) -> None:
    """Of each stream: it begins, rows and states come, and a state and its end are the last."""
    with opened(wire, workers) as one:
        events = list(Run(one, named(*SOME), most_waiting=waiting, every=EACH_PAGE))
    for name in SOME:
        own = [event for event in events if event.stream.name == name]  # type: ignore[union-attr]
        assert isinstance(own[0], Begun)
        assert isinstance(own[-2], State)
        assert isinstance(own[-1], Ended)
        assert own[-1].is_complete
        assert {type(event) for event in own[1:-2]} <= {Rows, State}
        assert sum(event.count for event in own if isinstance(event, Rows))
        assert sum(isinstance(event, State) for event in own) > streams()[name].incremental


@pytest.mark.parametrize("waiting", WAITING)
@pytest.mark.parametrize("workers", WORKERS)
def test_a_killed_read_and_another_one_bring_what_a_fresh_one_does(
    wire: Wire, fresh: Destination, workers: int, waiting: int
) -> None:
    """Wherever it is killed, though a destination keeps no row that no state covers."""
    with opened(wire, workers) as one:
        run = Run(one, named(*SOME), most_waiting=waiting, every=EACH_PAGE, shape=as_lines)
        written = list(lines(run))
    wanted = {name: fresh.rows()[name] for name in SOME}
    random = Random(f"{workers} {waiting}")
    for count in (0, len(written), *sorted(random.sample(range(len(written)), 6))):
        destination = Destination()
        destination.take(written[:count])
        with opened(wire, workers) as one:
            destination.take(lines(Run(one, destination.jobs(*SOME), shape=as_lines)))
        assert destination.complete == dict.fromkeys(SOME, True)
        assert destination.rows() == wanted, f"killed after {count} of {len(written)} lines"


@pytest.mark.parametrize("workers", WORKERS)
def test_a_read_whose_writer_leaves_is_gone_on_with(
    wire: Wire, fresh: Destination, workers: int
) -> None:
    """Threads that hold a page in their hands then do not count it as delivered."""
    destination = Destination()
    for count in (3, 40, 7, 90, 25):
        with opened(wire, workers) as one:
            jobs = destination.jobs(*SOME)
            run = Run(one, jobs, most_waiting=1, every=EACH_PAGE, shape=as_lines)
            destination.take(islice(lines(run), count))
    with opened(wire, workers) as one:
        destination.take(lines(Run(one, destination.jobs(*SOME), shape=as_lines)))
    assert destination.rows() == {name: fresh.rows()[name] for name in SOME}


@pytest.mark.parametrize("count", [1, 7, 14, 20])
@pytest.mark.parametrize("workers", WORKERS)
def test_a_run_that_is_stopped_ends_with_states(
    wire: Wire, fresh: Destination, workers: int, count: int
) -> None:
    """All rows that came are covered then; each stream that began has an end, which is no end."""
    stop = threading.Event()
    destination = Destination()
    with opened(wire, workers) as one:
        # Planned before, for what is planned when it is stopped has no state.
        pairs = [(streams()[name], StreamState()) for name in SOME]
        jobs = [Job(stream, state, list(one.plan(stream, state))) for stream, state in pairs]
        run = Run(one, reversed(jobs), most_waiting=3, shape=as_lines, stop=stop)

        def stopping() -> Iterator[bytes]:
            for number, line in enumerate(lines(run)):
                if number == count:
                    stop.set()
                yield line

        written = list(stopping())
    destination.take(written)
    begun = {orjson.loads(line)["stream"] for line in written}
    assert set(destination.complete) == begun
    # A stream may have ended in what was waiting to be written.
    for name, is_complete in destination.complete.items():
        assert not is_complete or destination.rows()[name] == fresh.rows()[name]
    assert {name for name, is_complete in destination.complete.items() if is_complete} < set(SOME)
    assert one.report.to_json()["ended"] == "The sync was stopped."
    came: dict[str, set[tuple[object, ...]]] = {name: set() for name in begun}
    for message in map(orjson.loads, written):
        if "row" in message:
            key = streams()[message["stream"]].key
            came[message["stream"]].add(tuple(message["row"][column] for column in key))
    for name in begun:
        if streams()[name].incremental:
            assert destination.tables.get(name, {}).keys() == came[name]
    with opened(wire, workers) as one:
        destination.take(lines(Run(one, destination.jobs(*SOME), shape=as_lines)))
    assert destination.rows() == {name: fresh.rows()[name] for name in SOME}


def test_the_end_of_a_run_stops_nobody_else(wire: Wire) -> None:
    """Two share a session: what ends one, by leaving or by its stop, is not felt by the other."""
    stop = threading.Event()
    stop.set()
    with opened(wire) as one:
        other = iter(Run(one, named("issues"), most_waiting=1))
        first = next(other)
        list(islice(Run(one, named("branches"), most_waiting=1), 2))
        list(Run(one, named("commits"), stop=stop))
        rest = list(other)
        assert isinstance(first, Begun)
        assert isinstance(rest[-1], Ended)
        assert rest[-1].is_complete
        last = list(Run(one, named("branches")))[-1]
    assert isinstance(last, Ended)
    assert last.is_complete


def test_threads_that_wait_for_a_limit_are_let_go(wire: Wire) -> None:
    """GitLab asks to wait for an hour; a run that is stopped meanwhile does not."""
    stop = threading.Event()
    before = set(threading.enumerate())

    def refused(path: str, _query: str, answer: HttpAnswer) -> HttpAnswer:
        return (429, {"retry-after": "3600"}, b"") if "/branches" in path else answer

    own = Wire(wire.emulator)
    own.tamper = refused
    with session(own, timer=LongWaits(), groups_list=["top"], num_workers=3) as one:
        run = Run(one, named("branches"), stop=stop, is_told_more=True)
        events: list[Event] = []
        for event in run:
            events.append(event)
            if isinstance(event, Idle):
                stop.set()
        left = [one for one in set(threading.enumerate()) - before if one.name.startswith("slices")]
        for thread in left:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in left)
        assert isinstance(events[-1], Ended)
        assert not events[-1].is_finished
        # The client is as good as before.
        assert one.client.one("version")


@pytest.mark.parametrize("workers", WORKERS)
def test_a_slice_that_fails_stops_no_other(wire: Wire, workers: int) -> None:
    """It is told when it fails, and once more at the end; all else is read."""
    numbers = project_numbers(wire)

    def broken(path: str, _query: str, answer: HttpAnswer) -> HttpAnswer:
        list_of = f"/projects/{numbers[0]}/repository/branches"
        return (500, {}, b"{}") if list_of in path else answer

    own = Wire(wire.emulator)
    own.tamper = broken
    with session(own, tries=1, groups_list=["top"], num_workers=workers) as one:
        events = list(Run(one, named("branches", "issues"), most_waiting=1))
    failures = [event for event in events if isinstance(event, Failed)]
    ends = {event.stream.name: event for event in events if isinstance(event, Ended)}
    assert [type(event.error) for event in failures] == [type(ends["branches"].problem)]
    assert isinstance(ends["branches"].problem, ReadError)
    assert ends["branches"].is_finished
    assert not ends["branches"].is_complete
    assert ends["issues"].is_complete
    read = {row["project_id"] for rows in pages(events, "branches") for row in rows}
    assert read == set(numbers[1:])


@pytest.mark.parametrize("workers", WORKERS)
def test_empty_lists_move_the_state(wire: Wire, workers: int) -> None:
    """A read that is killed goes on behind what it has seen, though nothing came."""

    def empty(path: str, _query: str, answer: HttpAnswer) -> HttpAnswer:
        return (200, answer[1], b"[]") if path.endswith("/repository/tags") else answer

    own = Wire(wire.emulator)
    own.tamper = empty
    with opened(own, workers) as one:
        events = list(Run(one, named("tags"), every=EACH_PAGE))
    assert not any(isinstance(event, Rows) for event in events)
    states = [event.state for event in events if isinstance(event, State)]
    covered = [len(StreamState.load(state).projects) for state in states]
    assert covered == sorted(covered)
    assert covered[0] < covered[-1] == len(project_numbers(wire))


def project_numbers(wire: Wire) -> list[int]:
    """The projects that have branches, by id."""
    with opened(wire) as one:
        found = list(Run(one, named("branches")))
    return sorted({row["project_id"] for rows in pages(found, "branches") for row in rows})


def pages(events: list[Event], name: str) -> Iterator[list[dict[str, int]]]:
    """The pages of a stream."""
    for event in events:
        if isinstance(event, Rows) and event.stream.name == name:
            yield event.rows


@pytest.mark.parametrize("workers", WORKERS)
def test_what_ends_a_read_comes_behind_all_that_was_read(
    wire: Wire, fresh: Destination, workers: int
) -> None:
    """A token that is refused in the middle: states cover what came, and the next read goes on."""
    own = Wire(wire.emulator)
    asked = [0]

    def refused(_path: str, _query: str, answer: HttpAnswer) -> HttpAnswer:
        asked[0] += 1
        return (401, {}, b'{"message":"401 Unauthorized"}') if asked[0] > 40 else answer

    own.tamper = refused
    destination = Destination()
    with session(own, tries=1, groups_list=["top"], commit_refs="all", num_workers=workers) as one:
        run = Run(one, named(*SOME), most_waiting=1, shape=as_lines)
        with pytest.raises(Unauthorized):
            destination.take(lines(run))
    assert destination.complete
    assert False in destination.complete.values()
    with opened(wire, workers) as one:
        destination.take(lines(Run(one, destination.jobs(*SOME), shape=as_lines)))
    assert destination.rows() == {name: fresh.rows()[name] for name in SOME}


@pytest.mark.parametrize("workers", WORKERS)
def test_slices_alone_bring_what_their_plan_would(
    wire: Wire, fresh: Destination, workers: int
) -> None:
    """They are planned in one session, and read in others, each in a part; the state is carried."""
    wanted = Destination()
    for name in streams():
        stream = streams()[name]
        with opened(wire) as driver:
            state = StreamState()
            slices = orjson.loads(orjson.dumps(list(driver.plan(stream, state))))
        carried = orjson.dumps(state.to_json())
        for part in (slices[::2], slices[1::2]):
            with opened(wire, workers) as executor:
                job = Job(stream, StreamState.load(orjson.loads(carried)), part)
                wanted.take(lines(Run(executor, [job], most_waiting=1, shape=as_lines)))
            assert wanted.complete == {name: True}
    assert wanted.rows() == fresh.rows()


def test_a_session_may_be_anybodys(wire: Wire) -> None:
    """A run of no streams ends at once, and makes no request."""
    own = Wire(wire.emulator)
    with opened(own) as one:
        assert list(Run(one, [])) == []
    assert own.requests == 0
