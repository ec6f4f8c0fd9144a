"""`tap-gitlab` that ends in the middle: what its target has, and where the next run goes on."""

from __future__ import annotations

import os
import signal
from random import Random
from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.launch import Emulator
from integration_tests.gitlab.patience import PATIENCE
from integration_tests.interfaces.test_killed_sync import silent, wait_until_asked
from integration_tests.support.reading import differences, expected
from integration_tests.support.singer_tap import (
    configured,
    run,
    selecting,
    started,
    written,
)
from integration_tests.support.singer_target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WEB = 101
ISSUES = 6_000
READ = ("projects", "branches", "issues", "project_labels", "commits")


@pytest.fixture(scope="module")
def long_lists() -> Iterator[Emulator]:
    """A GitLab with so many issues of past days that states come while they are read."""
    ops = [
        {
            "op": "create",
            "args": {
                "table": "issues",
                "project_id": WEB,
                "count": 20,
                "created_at": "2025-01-01T00:00:00Z",
                "updated_at": f"2025-01-{1 + number // 24:02d}T{number % 24:02d}:00:00Z",
            },
        }
        for number in range(ISSUES // 20)
    ]
    with Emulator() as emulator:
        emulator.post("mutate", {"ops": ops})
        yield emulator


@pytest.fixture
def gitlab(long_lists: Emulator) -> Emulator:
    """The same, answering everything."""
    long_lists.faults([])
    return long_lists


def ready(folder: Path, gitlab: Emulator, *names: str) -> tuple[object, ...]:
    """Arguments of a run that makes one request after the other."""
    config = configured(folder, gitlab, groups="acme", num_workers=1, commit_refs="all")
    return "--config", config, "--catalog", selecting(folder / "catalog.json", *names)


def signalled(
    gitlab: Emulator,
    folder: Path,
    given: tuple[object, ...],
    requests: int,
    number: signal.Signals,
) -> tuple[bytes, bytes, int]:
    """The output, the log and the exit code of a run that gets a signal after so many requests.

    The output goes to a file: nobody would empty a pipe meanwhile.
    """
    path = folder / "out"
    with path.open("wb") as file, started(*given, stdout=file) as process:
        wait_until_asked(gitlab, requests + 1, process)
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE)
    return path.read_bytes(), err, process.returncode


def complete(gitlab: Emulator, target: Target, *names: str) -> None:
    """Nothing is missing in a target, and nothing is too much."""
    wanted = expected(gitlab, *names, groups="acme")
    for name in names:
        assert not differences(target.tables[name], wanted[name]), name


def test_killed_at_any_moment_a_second_run_ends_as_a_fresh_one(
    gitlab: Emulator, tmp_path: Path
) -> None:
    """SIGKILL while it plans, in short lists and in a long one; what no STATE covers is lost."""
    given = ready(tmp_path, gitlab, *READ)
    target = Target()
    for requests in (0, 4, *sorted(Random(11).sample(range(5, 70), 4))):
        silent(gitlab, skip=requests)
        if target.state is not None:
            given = (*given[:4], "--state", written(tmp_path / "state.json", target.state))
        out, _, _ = signalled(gitlab, tmp_path, given, requests, signal.SIGKILL)
        target.take(out.splitlines(keepends=True))
    gitlab.faults([])
    fresh = Target()
    assert run(tmp_path, target, *given[2:4]).code == 0
    assert run(tmp_path, fresh, *given[2:4]).code == 0
    complete(gitlab, target, *READ)
    for name in READ:
        assert target.tables[name].keys() == fresh.tables[name].keys(), name


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_ends_it_with_a_state(
    gitlab: Emulator, tmp_path: Path, number: signal.Signals
) -> None:
    """All records that came out are covered as far as they can be; the exit code is 130."""
    given = ready(tmp_path, gitlab, "issues")
    silent(gitlab, skip=40)
    out, err, code = signalled(gitlab, tmp_path, given, 40, number)
    assert code == 130
    assert b"Traceback" not in err
    target = Target()
    target.take(out.splitlines(keepends=True))
    assert target.last == "STATE"
    held = len(target.tables["issues"])
    assert 2_000 < held < ISSUES
    gitlab.faults([])
    assert run(tmp_path, target, *given[2:]).code == 0
    complete(gitlab, target, "issues")
    assert target.records["issues"] < ISSUES - held + 2_500


def test_a_token_that_is_refused_amid_the_run(gitlab: Emulator, tmp_path: Path) -> None:
    """Nothing more can be read; what came is covered by a last STATE, and the exit code says it."""
    given = ready(tmp_path, gitlab, "issues")
    gitlab.faults([{"kind": "status", "status": 401, "skip": 45}])
    target = Target()
    done = run(tmp_path, target, *given[2:])
    assert done.code == 2
    assert "token" in done.err
    assert target.last == "STATE"
    assert 2_000 < len(target.tables["issues"]) < ISSUES
    gitlab.faults([])
    assert run(tmp_path, target, *given[2:]).code == 0
    complete(gitlab, target, "issues")


def test_an_outage_amid_the_run(gitlab: Emulator, tmp_path: Path) -> None:
    """The same; running it again helps, so the exit code is 1."""
    given = ready(tmp_path, gitlab, "issues", "branches")
    gitlab.faults([{"kind": "status", "status": 500, "path": "/groups/10/issues$", "skip": 40}])
    target = Target()
    done = run(tmp_path, target, *given[2:])
    assert done.code == 1
    assert "1 of 2 streams are incomplete: issues" in done.err
    assert target.last == "STATE"
    complete(gitlab, target, "branches")
    gitlab.faults([])
    assert run(tmp_path, target, *given[2:]).code == 0
    complete(gitlab, target, "issues")


def test_nobody_reads_the_output(gitlab: Emulator, tmp_path: Path) -> None:
    """A target that has ended: one sentence, and the exit code of what helps when it runs again."""
    given = ready(tmp_path, gitlab, *READ)
    with started(*given) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
        code = process.wait(PATIENCE)
    assert code == 1
    assert b"Traceback" not in err
    assert b"The output cannot be written: Broken pipe." in err
    assert b"goes on from the last state that came out" in err


def test_no_room_for_the_output(gitlab: Emulator, tmp_path: Path) -> None:
    """A full disk is told as well, also when only the last lines had no room."""
    given = ready(tmp_path, gitlab, "groups")
    with (
        os.fdopen(os.open("/dev/full", os.O_WRONLY), "wb") as full,
        started(*given, stdout=full) as process,
    ):
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert b"The output cannot be written: No space left on device." in err
