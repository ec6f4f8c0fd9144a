"""Rows that leave the tables of a file are kept in it, or marked where they are."""

# The only texts put into SQL here are names of columns and tables.
# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.interfaces.test_sync import WEB, expected_keys, keys, query, sync

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

ISSUES = ("--select", "issues,issue_notes,branches")
KEPT = "SELECT stream, CAST(key->>'id' AS BIGINT) FROM _source_gitlab.deleted_rows ORDER BY ALL"


def delete_issue(gitlab: Emulator) -> tuple[int, set[int]]:
    """Delete an issue that has notes; it, and they."""
    notes: dict[int, set[int]] = {}
    for one in gitlab.world(streams="issue_notes")["issue_notes"]:
        notes.setdefault(one["parent"]["issue_id"], set()).add(one["row"]["id"])
    gone, below = next(iter(notes.items()))
    gitlab.mutate("delete", table="issues", id=gone)
    return gone, below


def test_a_deleted_issue_is_kept_with_its_notes(changing_gitlab: Emulator, tmp_path: Path) -> None:
    """From the read on that missed it."""
    gitlab, path = changing_gitlab, tmp_path / "gitlab.duckdb"
    sync(gitlab, path, *ISSUES)
    before = dict(query(path, "SELECT id, to_json(i)::VARCHAR FROM issues i"))
    gone, notes = delete_issue(gitlab)
    done = sync(gitlab, path, *ISSUES, "--full-refresh")
    assert done.table["issues"]["removed"] == 1
    assert done.table["issue_notes"]["removed"] == len(notes)
    assert query(path, KEPT) == sorted([*(("issue_notes", one) for one in notes), ("issues", gone)])
    (row,) = query(
        path,
        "SELECT row::VARCHAR FROM _source_gitlab.deleted_rows WHERE stream = 'issues' "
        f"AND missed_at IS NOT NULL AND CAST(key->>'id' AS BIGINT) = {gone}",
    )
    assert row == (before[gone],)
    assert keys(path, "issues") == expected_keys(gitlab, "issues")


def test_with_keep_it_stays_where_it_is(changing_gitlab: Emulator, tmp_path: Path) -> None:
    """The file remembers that, and says so in the numbers of the sync."""
    gitlab, path = changing_gitlab, tmp_path / "gitlab.duckdb"
    sync(gitlab, path, *ISSUES, "--deleted", "keep")
    before = keys(path, "issues")
    gone, _ = delete_issue(gitlab)
    done = sync(gitlab, path, *ISSUES, "--full-refresh")
    assert keys(path, "issues") == before
    assert done.table["issues"]["removed"] == 1
    assert done.table["issues"]["total"] == len(before)
    assert query(path, "SELECT id FROM issues WHERE _deleted_at IS NOT NULL") == [(gone,)]
    assert query(path, KEPT) == []
    again = sync(gitlab, path, *ISSUES)
    assert again.table["issues"] == {**done.table["issues"], "read": 0, "removed": 0}
    moved = sync(gitlab, path, *ISSUES, "--deleted", "move")
    assert moved.code == 0
    assert ("issues", gone) in query(path, KEPT)
    assert keys(path, "issues") == expected_keys(gitlab, "issues")


@pytest.mark.parametrize("fault", [403, 404])
def test_a_refusal_is_no_deletion(changing_gitlab: Emulator, tmp_path: Path, fault: int) -> None:
    """Also when everything is read again."""
    gitlab, path = changing_gitlab, tmp_path / "gitlab.duckdb"
    sync(gitlab, path, *ISSUES)
    before = {stream: keys(path, stream) for stream in ("issues", "issue_notes", "branches")}
    gitlab.faults([{"kind": "status", "status": fault, "path": "/(issues|branches|notes)"}])
    sync(gitlab, path, *ISSUES, "--full-refresh")
    assert {stream: keys(path, stream) for stream in before} == before
    assert query(path, KEPT) == []


def test_what_was_chosen_and_is_no_more_is_kept(changing_gitlab: Emulator, tmp_path: Path) -> None:
    """And leaves what is kept when it is chosen again."""
    gitlab, path = changing_gitlab, tmp_path / "gitlab.duckdb"
    both, one = ("--group", "acme", "public-works"), ("--group", "acme")
    sync(gitlab, path, *ISSUES, *both)
    before = keys(path, "issues")
    sync(gitlab, path, *ISSUES, *one)
    left = query(path, "SELECT count(*) FROM issues")[0][0]
    kept = [stream for stream, _ in query(path, KEPT)]
    assert kept.count("issues") == len(before) - left > 0
    sync(gitlab, path, *ISSUES, *both)
    assert keys(path, "issues") == before
    assert "issues" not in {stream for stream, _ in query(path, KEPT)}


def test_a_branch_that_comes_back_is_no_longer_kept(
    changing_gitlab: Emulator, tmp_path: Path
) -> None:
    """A table that is replaced by each sync."""
    gitlab, path = changing_gitlab, tmp_path / "gitlab.duckdb"
    sync(gitlab, path, *ISSUES)
    name = query(path, f"SELECT name FROM branches WHERE project_id = {WEB} AND NOT protected")[0]
    asked = "SELECT row->>'name' FROM _source_gitlab.deleted_rows"
    gitlab.mutate("delete_branch", project_id=WEB, branch=name[0])
    sync(gitlab, path, *ISSUES)
    assert query(path, asked) == [name]
    gitlab.mutate("create_branch", project_id=WEB, branch=name[0])
    back: Any = sync(gitlab, path, *ISSUES)
    assert back.table["branches"]["new"] == 1
    assert query(path, asked) == []
