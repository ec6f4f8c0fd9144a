"""What leaves a file because its list has it no more, or stays because nobody looked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from integration_tests.interfaces.test_sync import WEB, expected_keys, keys, sync

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

CHILDREN = ("merge_request_approvals", "merge_request_notes", "merge_request_reviewers")
OF_COMMITS = ("commit_diffs", "commit_discussions", "commit_statuses")
WEEK = 7 * 86_400
WEEKLY = "freeze_periods"


def remove(gitlab: Emulator, stream: str) -> dict[str, Any]:
    """Take the first row of a stream away; what it was, and what it stood below."""
    entry = gitlab.world(streams=stream)[stream][0]
    gitlab.mutate("delete", table=stream, id=entry["row"]["id"])
    found: dict[str, Any] = {**entry["row"], **entry["parent"]}
    return found


def test_children_leave_with_a_change_of_their_parent(
    changing_gitlab: Emulator, tmp_path: Path
) -> None:
    """Also the last one, and those of other parents stay."""
    path, gitlab = tmp_path / "gitlab.duckdb", changing_gitlab
    gitlab.in_its_own_time()
    streams = ("--select", ",".join(CHILDREN))
    sync(gitlab, path, *streams)
    gitlab.clock(advance=600)
    before = keys(path, "merge_request_notes")
    gone = remove(gitlab, "merge_request_notes")
    mine = [
        one["row"]["id"]
        for one in gitlab.world(streams="merge_request_notes")["merge_request_notes"]
        if one["parent"]["merge_request_id"] == gone["merge_request_id"]
    ]
    unmoved = sync(gitlab, path, *streams)
    assert keys(path, "merge_request_notes") == before
    assert unmoved.table["merge_request_notes"]["removed"] == 0
    for note in mine:
        gitlab.mutate("delete", table="merge_request_notes", id=note)
    gitlab.mutate(
        "update", table="merge_requests", id=gone["merge_request_id"], set={"title": "Other"}
    )
    moved = sync(gitlab, path, *streams)
    assert moved.table["merge_request_notes"]["removed"] == 1 + len(mine) > 1
    for stream in CHILDREN:
        assert keys(path, stream) == expected_keys(gitlab, stream)


@pytest.mark.parametrize("fault", [403, 500])
def test_children_that_are_refused_stay(
    changing_gitlab: Emulator, tmp_path: Path, fault: int
) -> None:
    """Whatever their parent does."""
    path, gitlab = tmp_path / "gitlab.duckdb", changing_gitlab
    gitlab.in_its_own_time()
    sync(gitlab, path, "--select", "merge_request_notes")
    gitlab.clock(advance=600)
    gone = remove(gitlab, "merge_request_notes")
    gitlab.mutate(
        "update", table="merge_requests", id=gone["merge_request_id"], set={"title": "Other"}
    )
    before = keys(path, "merge_request_notes")
    gitlab.faults([{"kind": "status", "status": fault, "path": "/notes$"}])
    sync(gitlab, path, "--select", "merge_request_notes")
    assert keys(path, "merge_request_notes") == before
    gitlab.faults([])
    sync(gitlab, path, "--select", "merge_request_notes")
    assert keys(path, "merge_request_notes") == expected_keys(gitlab, "merge_request_notes")


@pytest.mark.parametrize("wait", [600, WEEK])
def test_children_of_commits_that_a_read_passes_over_stay(
    changing_gitlab: Emulator, tmp_path: Path, wait: int
) -> None:
    """A commit is read once: what is below it stays beside what is below those of a later push."""
    path, gitlab = tmp_path / "gitlab.duckdb", changing_gitlab
    gitlab.in_its_own_time()
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"commit_refs": "all"}))
    streams = ("--config", str(config), "--select", ",".join(OF_COMMITS))
    sync(gitlab, path, *streams)
    before = {stream: keys(path, stream) for stream in OF_COMMITS}
    gitlab.clock(advance=wait)
    idle = sync(gitlab, path, *streams)
    assert {stream: keys(path, stream) for stream in OF_COMMITS} == before
    gitlab.clock(advance=wait)
    gitlab.mutate("push_commits", project_id=WEB, branch="main", count=2)
    pushed = sync(gitlab, path, *streams)
    for stream in OF_COMMITS:
        assert idle.table[stream]["removed"] == pushed.table[stream]["removed"] == 0
        assert keys(path, stream) == expected_keys(gitlab, stream)
        assert set(before[stream]) < set(keys(path, stream))


def test_what_is_read_once_a_week(changing_gitlab: Emulator, tmp_path: Path) -> None:
    """Between, no list is asked for, and rows stay; after it, what is gone leaves."""
    path, gitlab = tmp_path / "gitlab.duckdb", changing_gitlab
    gitlab.in_its_own_time()
    streams = ("--select", WEEKLY)
    sync(gitlab, path, *streams)
    before = keys(path, WEEKLY)
    assert before == expected_keys(gitlab, WEEKLY)
    remove(gitlab, WEEKLY)
    gitlab.clock(advance=2 * 86_400)
    gitlab.reset_requests()
    assert sync(gitlab, path, *streams).table[WEEKLY]["read"] == 0
    assert not [one for one in gitlab.requests()["counts"] if WEEKLY in one]
    assert keys(path, WEEKLY) == before
    with duckdb.connect(str(path)) as connection:
        connection.execute("SELECT 1")
    gitlab.clock(advance=WEEK)
    done = sync(gitlab, path, *streams)
    assert done.table[WEEKLY]["removed"] == 1
    assert keys(path, WEEKLY) == expected_keys(gitlab, WEEKLY)


@pytest.mark.parametrize("stream", ["project_fetch_statistics", "instance_metadata"])
def test_figures_of_earlier_days_stay(
    changing_gitlab: Emulator, tmp_path: Path, stream: str
) -> None:
    """GitLab cannot give them again: neither a full refresh nor another selection takes them."""
    path, gitlab = tmp_path / "gitlab.duckdb", changing_gitlab
    gitlab.in_its_own_time()
    both = ("--select", stream, "--group", "acme", "public-works")
    sync(gitlab, path, *both)
    before = keys(path, stream)
    gitlab.clock(advance=3 * 86_400)
    for more in (both, (*both, "--full-refresh"), (*both[:3], "acme")):
        done = sync(gitlab, path, *more)
        assert done.code == 0
        assert done.table[stream]["removed"] == 0
        assert set(before) < set(keys(path, stream))


def test_approvals_that_a_push_takes_back_leave(changing_gitlab: Emulator, tmp_path: Path) -> None:
    """They have no id and no time; nothing but the empty list says that they are gone."""
    path, gitlab = tmp_path / "gitlab.duckdb", changing_gitlab
    gitlab.in_its_own_time()
    (stream, *_) = CHILDREN
    sync(gitlab, path, "--select", stream)
    before = keys(path, stream)
    gitlab.clock(advance=600)
    entry = gitlab.world(streams=stream)[stream][0]
    mine = entry["parent"]["merge_request_id"]
    # The emulator's object below the merge request, which moves with it.
    gitlab.mutate("update", table=stream, id=mine * 10 + 1, set={"approved_by": []})
    second = sync(gitlab, path, "--select", stream)
    gone = [one for one in before if one[0] == str(mine)]
    assert second.table[stream]["removed"] == len(gone) > 0
    assert keys(path, stream) == expected_keys(gitlab, stream)
