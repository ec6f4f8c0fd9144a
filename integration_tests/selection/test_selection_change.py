"""A DuckDB file of which other groups or projects are chosen than before.

The names of these tests stand in docs/behaviors.md beside the promises that they hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration_tests.interfaces.test_sync import query, sync

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

SELECT = ("--select", "issues", "commits", "project_milestones", "pipelines", "project_members")


def owners(path: Path) -> set[int]:
    """The projects that rows of the file belong to."""
    tables = SELECT[1:]
    union = " UNION ".join(f"SELECT project_id FROM {name}" for name in tables)  # noqa: S608
    return {number for (number,) in query(path, union)}


def inside(gitlab: Emulator, group: str) -> set[int]:
    """The projects of a group and the groups below it."""
    rows = gitlab.get(f"groups/{group}/projects", include_subgroups=True, with_shared=False).json()
    return {row["id"] for row in rows}


def groups_of(gitlab: Emulator) -> list[str]:
    """Two groups that lie beside each other and have projects of their own."""
    tops = [row for row in gitlab.get("groups").json() if row["parent_id"] is None]
    return [row["full_path"] for row in tops if inside(gitlab, row["full_path"])][:2]


@pytest.mark.parametrize("flag", ["--group", "--project"])
def test_what_is_chosen_no_more_leaves_the_file(
    gitlab: Emulator, tmp_path: Path, flag: str
) -> None:
    path = tmp_path / "gitlab.duckdb"
    one, other = groups_of(gitlab)
    left, kept = inside(gitlab, one), inside(gitlab, other)
    assert sync(gitlab, path, "--group", one, other, *SELECT).code == 0
    assert owners(path) & left
    number = max(kept & owners(path))
    chosen = (flag, other) if flag == "--group" else (flag, str(number))
    done = sync(gitlab, path, *chosen, *SELECT)
    assert done.code == 0
    assert "Other groups or projects are chosen" in done.err
    assert owners(path) <= (kept if flag == "--group" else {number})
    again = sync(gitlab, path, *chosen, *SELECT)
    assert "chosen" not in again.err
    assert sync(gitlab, path, "--group", one, other, *SELECT).code == 0
    assert owners(path) & left


def test_one_more_group_takes_nothing_away(gitlab: Emulator, tmp_path: Path) -> None:
    path = tmp_path / "gitlab.duckdb"
    one, other = groups_of(gitlab)
    assert sync(gitlab, path, "--group", one, *SELECT).code == 0
    before = owners(path)
    done = sync(gitlab, path, "--group", one, other, *SELECT)
    assert "chosen" not in done.err
    assert before < owners(path)


def test_the_same_group_by_another_name_is_no_change(gitlab: Emulator, tmp_path: Path) -> None:
    """Its id, another letter case, or both."""
    path = tmp_path / "gitlab.duckdb"
    one, _ = groups_of(gitlab)
    number = str(gitlab.get(f"groups/{one}").json()["id"])
    assert sync(gitlab, path, "--group", one, *SELECT[:2]).code == 0
    for names in ([number], [one.upper()], [one, number]):
        done = sync(gitlab, path, "--group", *names, *SELECT[:2])
        assert done.code == 0
        assert "chosen" not in done.err
        assert "Nothing has changed" in done.out


def test_a_full_refresh_from_a_date_keeps_what_is_older(gitlab: Emulator, tmp_path: Path) -> None:
    """Rows before the start date were not asked for, so nothing says that they are gone."""
    path = tmp_path / "gitlab.duckdb"
    (one, _) = groups_of(gitlab)
    select = ("--select", "issues", "commits", "releases", "project_milestones", "pipelines")
    assert sync(gitlab, path, "--group", one, *select).code == 0
    counts = {name: query(path, f"SELECT count(*) FROM {name}") for name in select[1:]}  # noqa: S608
    (middle,) = query(path, "SELECT strftime(median(updated_at), '%Y-%m-%d') FROM issues")[0]
    done = sync(gitlab, path, "--group", one, *select, "--since", middle, "--full-refresh")
    assert done.code == 0, done.err
    assert {name: query(path, f"SELECT count(*) FROM {name}") for name in counts} == counts  # noqa: S608
