"""Slices of one plan read in a pool of processes: the rows and the states of one process."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from integration_tests.support.distributed import (
    Full,
    Killing,
    Tables,
    by_one_process,
    in_folder,
)
from integration_tests.support.progress import in_seconds
from integration_tests.support.reading import config_for, differences, expected
from source_gitlab.distributed import JsonLines, process_pool, read
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator
    from source_gitlab.distributed import Outcome, Plan, Result

PROCESSES = 2
SOME = ["projects", "issues", "issue_notes", "project_labels", "branches", "commits", "jobs"]


class Pool:
    """Reads over pools of their own, and what they kept."""

    def __init__(self, gitlab: Emulator, folder: Path) -> None:
        self.config = config_for(gitlab, commit_refs="all")
        self.folder = folder
        self.plans: list[Plan] = []
        self.results: list[Result] = []

    def read(self, names: list[str], states: Any = None, writer: Any = None) -> Outcome:
        """Read streams; what is kept goes through JSON."""
        self.results = []
        with process_pool(PROCESSES) as executor:
            return read(
                executor,
                self.config,
                names,
                states,
                processes=PROCESSES,
                writer=writer or JsonLines(str(self.folder)),
                kept=self._keep,
            )

    def _keep(self, plan: Plan, result: Result) -> None:
        self.plans.append(plan)
        self.results.append(orjson.loads(orjson.dumps(result)))


@pytest.fixture
def pool(changing_gitlab: Emulator, tmp_path: Path) -> Pool:
    """A pool, and a GitLab that tests change."""
    return Pool(changing_gitlab, tmp_path / "rows")


def same(outcome: Outcome, tables: Tables, pool: Pool) -> None:
    """What a pool brought is what one process makes of the same slices."""
    wanted, states = by_one_process(pool.config, pool.plans[-1])
    assert tables == wanted
    assert outcome.states.keys() == states.keys()
    for name, state in states.items():
        assert in_seconds(name, outcome.states[name]) == in_seconds(name, state), name


def change(gitlab: Emulator) -> None:
    """Let rows come and change.

    The clocks of GitLab and of this machine must agree: where they do not, how far a read certainly
    came depends on which answers its process got first.
    """
    issues = gitlab.world(streams="issues")["issues"]
    for entry in issues[:3]:
        gitlab.mutate("touch", table="issues", id=entry["row"]["id"])
    project_id = issues[0]["row"]["project_id"]
    gitlab.mutate("create", table="issues", project_id=project_id)
    gitlab.mutate("push_commits", project_id=project_id, count=3)
    gitlab.mutate("create_pipeline", project_id=project_id)


def test_a_pool_brings_what_one_process_does(pool: Pool, changing_gitlab: Emulator) -> None:
    """All default streams: a first read, and one from its states after changes."""
    first = pool.read([])
    assert first.is_complete
    assert first.ended is None
    same(first, in_folder(pool.folder), pool)
    assert {one["plan"] for one in pool.results} == {pool.plans[-1].id}
    change(changing_gitlab)
    pool.folder = pool.folder.with_name("more")
    more = pool.read([], orjson.loads(orjson.dumps(first.states)))
    assert more.is_complete
    same(more, in_folder(pool.folder), pool)
    assert 0 < more.counts["issues"] < first.counts["issues"]


@pytest.mark.parametrize("page", [1, 2])
def test_a_killed_worker_loses_nothing(
    pool: Pool, changing_gitlab: Emulator, tmp_path: Path, page: int
) -> None:
    """Its slices are told, their states stay, and the next read brings the rest."""
    killing = Killing(str(pool.folder), str(tmp_path / "marks"), "issue_notes", page)
    first = pool.read(SOME, writer=killing)
    assert (tmp_path / "marks" / "0").exists()
    assert not first.is_complete
    assert "issue_notes" in {one.stream for one in first.unread}
    # What a worker had, and what the pool did not take any more.
    told = ("The worker failed", "The executor takes no more work")
    assert all(one.problem.startswith(told) for one in first.unread)
    assert first.states.keys() == set(SOME)
    second = pool.read(SOME, first.states)
    assert second.is_complete
    held, wanted = in_folder(pool.folder), expected(changing_gitlab, *SOME)
    for name in SOME:
        assert differences(held[name], wanted[name]) == []


def test_a_failing_slice_and_a_refused_one(pool: Pool, changing_gitlab: Emulator) -> None:
    """The others are read; what failed is told with its project, and comes with the next read."""
    labels = changing_gitlab.world(streams="project_labels")["project_labels"]
    project_id, other = sorted({entry["parent"]["project_id"] for entry in labels})[:2]
    changing_gitlab.faults(
        [
            {"kind": "status", "status": 500, "path": rf"/projects/{project_id}/labels"},
            {"kind": "status", "status": 403, "path": rf"/projects/{other}/labels"},
        ]
    )
    first = pool.read(SOME)
    assert [(one.stream, one.container, one.id) for one in first.unread] == [
        ("project_labels", "project", project_id)
    ]
    assert "500" in first.unread[0].problem
    assert first.ended is None
    assert {(one["stream"], one["id"]) for one in first.report["failed"]} == {
        ("project_labels", project_id)
    }
    assert ("project_labels", other) in {
        (one["stream"], one["id"]) for one in first.report["skipped"]
    }
    changing_gitlab.faults([])
    second = pool.read(SOME, first.states)
    assert second.is_complete
    held, wanted = in_folder(pool.folder), expected(changing_gitlab, *SOME)
    for name in SOME:
        assert differences(held[name], wanted[name]) == []


def test_a_writer_that_fails(pool: Pool, changing_gitlab: Emulator) -> None:
    """What it was given does not count as read, and its error is told with the slices."""
    first = pool.read(SOME, writer=Full(str(pool.folder), "project_labels"))
    assert {one.stream for one in first.unread} >= {"project_labels"}
    assert all("No space left on device" in one.problem for one in first.unread)
    second = pool.read(SOME, first.states)
    assert second.is_complete
    held, wanted = in_folder(pool.folder), expected(changing_gitlab, *SOME)
    for name in SOME:
        assert differences(held[name], wanted[name]) == []


def test_rows_come_back_without_a_writer(gitlab: Emulator) -> None:
    """In threads of this process, too."""
    with ThreadPoolExecutor(2) as executor:
        found = read(executor, lambda: config_for(gitlab), ["project_labels"], processes=1)
    assert found.is_complete
    held = {
        tuple(row[one] for one in streams()["project_labels"].key): row
        for row in found.rows["project_labels"]
    }
    assert differences(held, expected(gitlab, "project_labels")["project_labels"]) == []


def test_a_refused_token_is_told_once(gitlab: Emulator) -> None:
    """And nothing more is sent to the executor."""
    settings = config_for(gitlab)
    wrong = {**settings, "credentials": {"auth_type": "access_token", "access_token": "x" * 20}}

    def fields() -> Iterator[dict[str, Any]]:
        yield settings
        while True:
            yield wrong

    given = fields()
    with ThreadPoolExecutor(1) as executor:
        found = read(executor, lambda: next(given), SOME, processes=1)
    assert found.ended is not None
    assert "token" in found.ended
    assert {one.stream for one in found.unread} == set(SOME)
    assert {one.problem for one in found.unread} == {found.ended}
    assert not Counter(found.counts).total()
