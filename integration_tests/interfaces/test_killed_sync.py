"""`source-gitlab sync` that ends in the middle: what it leaves, and where the next one goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from integration_tests.gitlab.launch import ROOT, Emulator
from integration_tests.gitlab.patience import PATIENCE
from integration_tests.interfaces.test_sync import (
    WEB,
    expected_keys,
    keys,
    query,
    started,
    sync,
)
from source_gitlab.config import parse
from source_gitlab.core.session import Session
from source_gitlab.interfaces.duckdb.store import Store
from source_gitlab.interfaces.duckdb_types import table_of
from source_gitlab.interfaces.syncing import Sync
from source_gitlab.streams import streams
from source_gitlab.timestamps import instant, plus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from source_gitlab.interfaces.sync_progress import Standing


ISSUES = 10_000
ACME = "10"
FOR_EVER = 3600
# Rows: the state moves with every twentieth page of a hundred, at most ten pages later.
REPEATED = 3_000


@pytest.fixture(scope="module")
def long_lists() -> Iterator[Emulator]:
    """A GitLab with so many issues of past days that a watermark moves while they are read.

    25 have one time, so that no page of a hundred is all of one.
    """
    ops = [
        {
            "op": "create",
            "args": {
                "table": "issues",
                "project_id": WEB,
                "count": 25,
                "created_at": "2025-01-01T00:00:00Z",
                "updated_at": f"2025-01-{1 + number // 24:02d}T{number % 24:02d}:00:00Z",
            },
        }
        for number in range(ISSUES // 25)
    ]
    with Emulator() as emulator:
        emulator.post("mutate", {"ops": ops})
        yield emulator


@pytest.fixture
def gitlab(long_lists: Emulator) -> Emulator:
    """The same, answering everything."""
    long_lists.faults([])
    return long_lists


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a test's DuckDB file goes."""
    return tmp_path / "gitlab.duckdb"


@pytest.fixture(scope="module")
def moments(long_lists: Emulator) -> list[str]:
    """When the issues of the long list were changed, in order."""
    rows = long_lists.world(streams="issues", groups="acme")["issues"]
    return sorted(instant(row["row"]["updated_at"]) for row in rows)


def silent(gitlab: Emulator, **which: object) -> None:
    """Let the GitLab answer nothing of what this fault strikes, and count requests anew."""
    gitlab.faults([{"kind": "stall", "seconds": FOR_EVER, **which}])
    gitlab.reset_requests()


def wait_until_asked(gitlab: Emulator, requests: int, process: subprocess.Popen[Any]) -> None:
    """Wait until the emulated GitLab has had so many requests of a running sync."""
    deadline = time.monotonic() + PATIENCE
    while gitlab.requests(limit=0)["total"] < requests:
        assert process.poll() is None, "the sync ended too early"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def one_at_a_time(path: Path) -> tuple[str, str]:
    """Arguments for a sync that makes one request after the other."""
    config = path.with_suffix(".json")
    config.write_text(json.dumps({"num_workers": 1, "request_timeout": FOR_EVER}))
    return "--config", str(config)


@contextmanager
def committing(
    gitlab: Emulator, path: Path, workers: int, *names: str
) -> Iterator[subprocess.Popen[str]]:
    """A sync of the long list's group that commits after every page, killed at the block's end."""
    config: dict[str, Any] = {"private_token": gitlab.token, "api_url": gitlab.url}
    config |= {"groups": "acme", "num_workers": workers}
    program = [sys.executable, "-m", "integration_tests.support.committing", json.dumps(config)]
    with subprocess.Popen(
        [*program, str(path), *names], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


def wait_until_committed(process: subprocess.Popen[str], **least: int) -> None:
    """Wait until a sync has committed what it had read when it had come so far.

    A commit may have begun before that was read; the one behind it has not.
    """
    assert process.stdout is not None
    for _ in range(2):
        reached = False
        while not reached:
            line = process.stdout.readline()
            assert line, "the sync ended too early"
            shown = json.loads(line)
            reached = all(shown[name] >= number for name, number in least.items())


def wait_until_idle(process: subprocess.Popen[str], requests: int) -> None:
    """Wait until a sync of one worker has committed all that these requests brought.

    Of one page there are two events, its rows and a state; what is told again after them tells that
    there are no others on their way.
    """
    assert process.stdout is not None
    told: list[dict[str, int]] = []
    while len(told) < 4 or told[-4:] != told[-1:] * 4 or told[-1]["requests"] < requests:
        line = process.stdout.readline()
        assert line, "the sync ended too early"
        told.append(json.loads(line))


def held(path: Path) -> tuple[int, str]:
    """The issues in a file that a killed sync left, and up to where their state covers them."""
    with duckdb.connect(str(path)) as connection:  # not read-only, to replay the log
        count = connection.execute("SELECT count(*) FROM issues").fetchone()
        state = connection.execute(
            "SELECT state FROM _source_gitlab.state WHERE stream = 'issues'"
        ).fetchone()
    assert count is not None
    group = json.loads(state[0]).get("groups", {}).get(ACME, {}) if state else {}
    return count[0], group.get("through", "")


def goes_on(gitlab: Emulator, path: Path, moments: list[str]) -> int:
    """Sync to the end; how many rows of what the killed one left came again.

    Nothing is missing, and what the state covered was not asked for, but for the overlap.
    """
    kept, through = held(path)
    assert through, "the state covers nothing"
    covered = sum(moment < through for moment in moments)
    since = plus(through, minutes=-10)
    gitlab.faults([])
    done = sync(gitlab, path, "--select", "issues", "--group", "acme")
    assert done.code == 0
    assert done.table["issues"]["read"] == sum(moment >= since for moment in moments)
    assert len(query(path, "SELECT id FROM issues")) == len(moments)
    assert kept >= covered
    return kept - covered


DRAWN = sorted(Random(7).sample(range(25, 100), 4))


@pytest.mark.parametrize("pages", DRAWN)
def test_killed_after_any_page_it_repeats_little(
    gitlab: Emulator, path: Path, moments: list[str], pages: int
) -> None:
    """The state is in the file with the rows, from the first read on."""
    silent(gitlab, path=r"/groups/\d+/issues$", skip=pages)
    with committing(gitlab, path, 1, "issues") as process:
        wait_until_asked(gitlab, pages + 1, process)
        wait_until_idle(process, gitlab.requests(limit=0)["total"])
    assert goes_on(gitlab, path, moments) <= REPEATED


@pytest.mark.parametrize("windows", [16, 20])
def test_killed_after_half_of_the_windows_it_repeats_little(
    gitlab: Emulator, path: Path, moments: list[str], windows: int
) -> None:
    """They are read side by side, and what of them is in order is in the file."""
    page = 1 + 3 * windows
    silent(gitlab, path=r"/groups/\d+/issues$", query={"page": str(page), "per_page": "96"})
    with committing(gitlab, path, 20, "issues") as process:
        # The window in front of the one that never starts is not read either.
        rows = 3 * 96 * (windows - 1)
        wait_until_committed(process, rows=rows)
    kept, _ = held(path)
    assert rows <= kept < len(moments)
    assert goes_on(gitlab, path, moments) <= REPEATED


def test_killed_at_any_moment_it_goes_on_and_loses_nothing(gitlab: Emulator, path: Path) -> None:
    """SIGKILL during planning, among the first lists and in a long one; then the rest is read."""
    select = ("--select", "projects,branches,issues")
    for requests in (0, 3, *sorted(Random(5).sample(range(4, 100), 3))):
        silent(gitlab, skip=requests)
        with started(gitlab, path, *select, *one_at_a_time(path)) as process:
            wait_until_asked(gitlab, requests + 1, process)
            assert process.poll() is None, "the sync ended too early"
            process.send_signal(signal.SIGKILL)
    gitlab.faults([])
    done = sync(gitlab, path, *select)
    assert done.code == 0
    for stream in ("projects", "branches", "issues"):
        assert keys(path, stream) == expected_keys(gitlab, stream), stream


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_ends_it_cleanly(
    gitlab: Emulator, path: Path, moments: list[str], number: signal.Signals
) -> None:
    """What is whole is kept, the exit code is 130, and the next sync goes on."""
    silent(gitlab, skip=75)
    select = ("--select", "issues", "--group", "acme")
    with started(gitlab, path, *select, *one_at_a_time(path)) as process:
        wait_until_asked(gitlab, 76, process)
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "Interrupted." in out
    kept, _ = held(path)
    assert 0 < kept < ISSUES
    assert goes_on(gitlab, path, moments) <= REPEATED


class WatchedStore(Store):
    """A store that notes, at each commit, the state of issues and how many rows it has by then."""

    committed: list[tuple[Mapping[str, Any], int]]

    def commit(self, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Commit, and note."""
        super().commit(states)
        if "issues" in states:
            self.committed.append((states["issues"], self.counts()["issues"]))


class Quiet:
    """A progress that shows nothing."""

    def show(self, _standing: Standing) -> None:
        """Show nothing."""

    def note(self, message: str) -> None:
        """Expect no warning."""
        pytest.fail(message)

    def close(self) -> None:
        """Nothing to close."""


def test_a_state_never_covers_a_row_that_is_not_in_the_file(
    gitlab: Emulator, path: Path, moments: list[str]
) -> None:
    """Not for a moment, though pages wait in a queue between those who read and who writes."""
    stream = streams()["issues"]
    table = table_of(stream)
    config = {"private_token": gitlab.token, "api_url": gitlab.url}
    parsed = parse({**config, "groups": "acme", "num_workers": 1})
    with WatchedStore(path, {"issues": table}) as store, Session(parsed) as session:
        store.committed = []
        sync_ = Sync(session, store, [stream], progress=Quiet(), commit_seconds=0.0)
        assert sync_.run().complete
    reached = [
        (state["groups"][ACME]["through"], count)
        for state, count in store.committed
        if "through" in state.get("groups", {}).get(ACME, {})
    ]
    assert len({through for through, _ in reached}) > 2
    # Rows of the last moment itself are read again when it goes on.
    for through, count in reached:
        assert count >= sum(moment < through for moment in moments)
