"""What a sync could not read keeps its rows, and what it read beside is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from integration_tests.support.process import run
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator
    from integration_tests.support.process import Ended

WEB, API, GUIDE = 101, 102, 103
REFUSED = {"kind": "status", "status": 403, "body": {"message": "403 Forbidden"}}
BROKEN = {"kind": "html"}
# Push rules and languages are read once a day.
DAY = 86_400
SELECT = ("--select", "branches", "project_labels", "projects")
BRANCHES = f"/projects/{WEB}/repository/branches"
FAILING = [{**REFUSED, "path": BRANCHES}, {**BROKEN, "path": BRANCHES}]


def sync(gitlab: Emulator, path: Path, *more: str) -> Ended:
    """A sync of everything that the token is a member of."""
    return run("sync", "--to", path, "--url", gitlab.url, *more, GITLAB_TOKEN=gitlab.token)


def branches(path: Path) -> dict[int, set[str]]:
    """The names of branches in the file, by project."""
    found: dict[int, set[str]] = {}
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute("SELECT project_id, name FROM branches").fetchall()
    for project, name in rows:
        found.setdefault(project, set()).add(name)
    return found


def push_rules(path: Path) -> set[int]:
    """The projects that have push rules in the file."""
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute("SELECT project_id FROM project_push_rules").fetchall()
    return {project for (project,) in rows}


@pytest.mark.parametrize("fault", FAILING, ids=["refused", "failed"])
@pytest.mark.parametrize("full", [(), ("--full-refresh",)], ids=["replaced", "full refresh"])
def test_one_project_that_cannot_be_read(
    changing_gitlab: Emulator, tmp_path: Path, fault: dict[str, Any], full: tuple[str, ...]
) -> None:
    """Its rows stay, although they are gone; what is gone elsewhere goes, and what is new comes."""
    gitlab, path = changing_gitlab, tmp_path / "gitlab.duckdb"
    assert sync(gitlab, path, *SELECT).code == 0
    before = branches(path)
    for project in (WEB, API):
        gone = min(before[project] - {"main", "master"})
        gitlab.mutate("delete_branch", project_id=project, branch=gone)
    gone = min(before[API] - {"main", "master"})
    gitlab.mutate("create_branch", project_id=API, branch="brand-new")
    gitlab.faults([fault])
    done = sync(gitlab, path, *SELECT, *full)
    assert done.code == (0 if fault["kind"] == "status" else 1), done.stdout
    after = branches(path)
    assert after[WEB] == before[WEB]
    assert after[API] == (before[API] | {"brand-new"}) - {gone}


def test_a_first_sync_that_fails_in_part_has_the_rest(
    changing_gitlab: Emulator, tmp_path: Path
) -> None:
    """Not "12 read, 0 in file"."""
    gitlab, path = changing_gitlab, tmp_path / "gitlab.duckdb"
    gitlab.faults([{**BROKEN, "path": BRANCHES}])
    assert sync(gitlab, path, "--select", "branches").code == 1
    found = branches(path)
    assert WEB not in found
    assert found[API]


@pytest.mark.parametrize("full", [(), ("--full-refresh",)], ids=["replaced", "full refresh"])
def test_a_licence_that_ends_removes_nothing(
    changing_gitlab: Emulator, tmp_path: Path, full: tuple[str, ...]
) -> None:
    """404 is what GitLab answers then, and `null` of a project whose push rules were deleted."""
    gitlab, path = changing_gitlab, tmp_path / "gitlab.duckdb"
    select = ("--select", "project_push_rules")
    gitlab.in_its_own_time()
    assert sync(gitlab, path, *select).code == 0
    before = push_rules(path)
    assert {WEB, GUIDE} <= before
    gitlab.settings(tier="free")
    gitlab.clock(advance=DAY)
    done = sync(gitlab, path, *select, *full)
    assert done.code == 0, done.stdout
    assert "takes GitLab Premium" in done.stdout
    assert push_rules(path) == before
    gitlab.settings(tier="ultimate")
    gitlab.clock(advance=DAY)
    gitlab.faults([{"kind": "null_body", "path": f"/projects/{WEB}/push_rule"}])
    assert sync(gitlab, path, *select, *full).code == 0
    assert push_rules(path) == before - {WEB}


@pytest.mark.parametrize("full", [(), ("--full-refresh",)], ids=["replaced", "full refresh"])
def test_the_object_of_another_project_removes_nothing(
    changing_gitlab: Emulator, tmp_path: Path, full: tuple[str, ...]
) -> None:
    """Neither does what is no map of languages."""
    gitlab, path = changing_gitlab, tmp_path / "gitlab.duckdb"
    select = ("--select", "project_push_rules", "project_languages")
    gitlab.in_its_own_time()
    assert sync(gitlab, path, *select).code == 0
    gitlab.clock(advance=DAY)
    before = push_rules(path)
    body = {"id": 999_999, "project_id": GUIDE}
    said = {"kind": "status", "status": 200, "body": {"message": "This is fine."}}
    gitlab.faults(
        [
            {"kind": "changed_row", "path": f"/projects/{WEB}/push_rule", "body": body},
            {**said, "path": f"/projects/{WEB}/languages"},
        ]
    )
    assert sync(gitlab, path, *select, *full).code == 1
    assert push_rules(path) == before
    with duckdb.connect(str(path), read_only=True) as connection:
        query = "SELECT language FROM project_languages WHERE project_id = ?"
        languages = {row[0] for row in connection.execute(query, [WEB]).fetchall()}
    assert languages == {"Python", "C++", "1.10"}


def test_a_name_that_is_wrong_removes_nothing(changing_gitlab: Emulator, tmp_path: Path) -> None:
    """Not even of a group that another sync of the same file had chosen."""
    gitlab, path = changing_gitlab, tmp_path / "gitlab.duckdb"
    assert sync(gitlab, path, *SELECT, "--group", "acme").code == 0
    before = branches(path)
    done = sync(gitlab, path, *SELECT, "--group", "public-works", "acme/nope")
    assert done.code == 2
    after = branches(path)
    assert {number: after[number] for number in before} == before
    assert set(after) > set(before)


def test_a_token_that_is_revoked_removes_nothing(changing_gitlab: Emulator, tmp_path: Path) -> None:
    """Of any table, also when everything was to be read again."""
    gitlab, path = changing_gitlab, tmp_path / "gitlab.duckdb"
    assert sync(gitlab, path).code == 0

    def counts() -> dict[str, int]:
        with duckdb.connect(str(path), read_only=True) as connection:
            return {
                name: (connection.execute(f'SELECT count(*) FROM "{name}"').fetchone() or (0,))[0]  # noqa: S608
                for name, stream in streams().items()
                if stream.selected
            }

    before = counts()
    gitlab.faults([{"kind": "status", "status": 401, "skip": 25}])
    assert sync(gitlab, path, "--full-refresh").code == 2
    assert counts() == before
