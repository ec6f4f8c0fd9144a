"""A Flow capture that is killed at any moment: what follows it ends like one that was not."""

from __future__ import annotations

import signal
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.launch import Emulator
from integration_tests.support.flow_process import capture, discover, fresh, read_once

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration_tests.support.flow_runtime import Collection, Runtime

# Of every kind of walk: by time, by branch, by id, pages, children, whole lists, no state at all.
NAMES = (
    "projects",
    "issues",
    "commits",
    "jobs",
    "branches",
    "merge_request_notes",
    "project_labels",
    "timelogs",
)
MOST = 400  # requests, or lines


@pytest.fixture(scope="module")
def lab() -> Iterator[Emulator]:
    """A GitLab with lists long enough to be killed in."""
    with Emulator() as emulator:
        ops = [
            {"op": "create", "args": {"table": "issues", "project_id": 101, "count": 25}}
            for _ in range(40)
        ]
        pushes = {"project_id": 101, "branch": "main", "count": 300}
        emulator.post("mutate", {"ops": [*ops, {"op": "push_commits", "args": pushes}]})
        yield emulator


@pytest.fixture(scope="module")
def config(lab: Emulator) -> dict[str, Any]:
    """Small pages of work, so that states are many."""
    credentials = {"auth_type": "access_token", "access_token": lab.token}
    return {"credentials": credentials, "api_url": lab.url, "groups": "acme", "num_workers": 4}


@pytest.fixture(scope="module")
def collections(config: dict[str, Any]) -> dict[str, Collection]:
    """What discovery gives."""
    return discover(config)


@pytest.fixture(scope="module")
def whole(config: dict[str, Any], collections: dict[str, Collection]) -> Any:
    """What a capture brings that nobody disturbs."""
    runtime = fresh(collections, NAMES)
    assert read_once(runtime, config).process.returncode == 0
    return told(runtime)


def told(runtime: Runtime) -> Any:
    """The documents, but for when they were read."""
    return {
        name: {
            key: {column: value for column, value in row.items() if column != "read_at"}
            for key, row in table.items()
        }
        for name, table in runtime.tables().items()
    }


def ended(runtime: Runtime) -> set[str]:
    """The bindings of which a read came to its end."""
    states = runtime.state.get("bindingStateV1", {})
    return {name for name, one in states.items() if "read" in one}


def killed(runtime: Runtime, config: dict[str, Any], lines: int, number: signal.Signals) -> None:
    """Let a capture end by a signal after so many lines of its output."""
    with capture() as one:
        one.send(runtime.open({**config, "interval": "PT0S"}))
        for _ in range(lines):
            line = one.line()
            if not line:
                break
            runtime.take(line)
        one.process.send_signal(number)
        if number == signal.SIGTERM:
            # What comes until its end is whole, and the runtime takes it.
            while line := one.line():
                runtime.take(line)
            assert one.ended() == 0
            runtime.commit()
    runtime.kill()


@pytest.mark.parametrize("seed", range(4))
def test_killed_again_and_again_it_ends_like_one_that_was_not(
    config: dict[str, Any], collections: dict[str, Collection], whole: Any, seed: int
) -> None:
    """SIGKILL after any line, also while checkpoints wait for their commit."""
    draw = Random(seed)
    runtime = fresh(collections, NAMES)
    runtime.commits = partial(draw.choice, [True, False])
    for _ in range(4):
        killed(runtime, config, draw.randrange(5, MOST * 3), signal.SIGKILL)
    assert read_once(runtime, config).process.returncode == 0
    runtime.commit()
    assert told(runtime) == whole


def test_ended_by_sigterm_it_goes_on_where_it_was(
    config: dict[str, Any], collections: dict[str, Collection], whole: Any
) -> None:
    """Its last messages are whole, with a state for what came."""
    runtime = fresh(collections, NAMES)
    killed(runtime, config, MOST, signal.SIGTERM)
    brought = runtime.documents
    rows = sum(len(table) for table in whole.values())
    assert 0 < brought < rows
    assert read_once(runtime, config).process.returncode == 0
    assert told(runtime) == whole
    assert runtime.documents < rows + brought


def test_killed_in_a_long_list_of_requests(
    lab: Emulator, config: dict[str, Any], collections: dict[str, Collection], whole: Any
) -> None:
    """GitLab falls silent in the middle of commits, and the process is killed there."""
    runtime = fresh(collections, NAMES)
    for skip in (1, 3, 5):
        stall = {"kind": "stall", "seconds": 3600, "path": "/repository/commits", "skip": skip}
        lab.faults([stall])
        with capture() as one:
            # More workers than projects, so that the other streams come to their ends.
            one.send(runtime.open({**config, "interval": "PT0S", "num_workers": 20}))
            while len(ended(runtime)) < len(NAMES) - 1:
                runtime.take(one.line())
            assert "commits.v0" not in ended(runtime)
            one.process.send_signal(signal.SIGKILL)
        runtime.kill()
    lab.faults([])
    assert read_once(runtime, config).process.returncode == 0
    assert told(runtime) == whole
