"""Lists without a filter of time: read where something moved, and everywhere once a day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.interfaces.test_sync import API, WEB, expected_keys, keys, query, sync

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

NAMES = ("projects", "branches", "tags", "project_members", "environments", "people")
SELECT = ("--select", *NAMES)
DAY = 86_400
REFUSED = {"kind": "status", "status": 403, "body": {"message": "403 Forbidden"}}


class Copy:
    """A file that was synced at noon; it is two hours later."""

    def __init__(self, gitlab: Emulator, path: Path) -> None:
        self.gitlab, self.path = gitlab, path
        # Behind this machine, whose clock stands still beside hours that pass there.
        gitlab.clock(advance=-10 * 86_400)
        gitlab.clock(set=f"{gitlab.clock()[:10]}T12:00:00Z")
        self.sync()
        gitlab.clock(advance=7200)

    def sync(self, *arguments: str, code: int = 0) -> dict[str, int]:
        """Sync again; how many rows of each stream were removed."""
        self.gitlab.reset_requests()
        done = sync(self.gitlab, self.path, *SELECT, *arguments)
        assert done.code == code, done.out + done.err
        return {name: row["removed"] for name, row in done.table.items()}

    def asked(self) -> list[str]:
        """The lists of projects that the last sync asked for."""
        counts = self.gitlab.requests(limit=1)["counts"]
        return sorted(one for one in counts if one.startswith("GET /projects/:id/"))

    def differing(self) -> list[str]:
        """The streams whose keys are not those that GitLab has."""
        return [name for name in NAMES if keys(self.path, name) != expected_keys(self.gitlab, name)]

    def branch(self, project: int) -> str:
        """A branch of a project that may be deleted."""
        return next(
            str(one["row"]["name"])
            for one in self.gitlab.world(streams="branches")["branches"]
            if one["parent"]["project_id"] == project
            and not one["row"]["default"]
            and not one["row"]["protected"]
        )

    def delete_branch(self, project: int) -> None:
        """Delete one, which touches the project."""
        branch = self.branch(project)
        self.gitlab.mutate("delete_branch", project_id=project, branch=branch)

    def remove_member(self) -> None:
        """Let somebody out of a project, which touches nothing."""
        member = self.gitlab.world(streams="project_members")["project_members"][0]
        user, project = member["row"]["id"], member["parent"]["project_id"]
        self.gitlab.mutate("remove_member", user_id=user, project_id=project)


@pytest.fixture
def copy(changing_gitlab: Emulator, tmp_path: Path) -> Copy:
    """The file."""
    return Copy(changing_gitlab, tmp_path / "gitlab.duckdb")


def rows(copy: Copy, stream: str) -> list[tuple[Any, ...]]:
    """All that a table has, but for when it was read."""
    return query(copy.path, f"SELECT * EXCLUDE (read_at) FROM {stream} ORDER BY ALL")  # noqa: S608 -- a name of ours


def test_nothing_is_asked_of_quiet_projects(copy: Copy) -> None:
    """And nothing leaves a table."""
    before = {name: rows(copy, name) for name in NAMES[1:]}
    assert set(copy.sync().values()) == {0}
    assert copy.asked() == []
    assert {name: rows(copy, name) for name in NAMES[1:]} == before
    assert copy.differing() == []


def test_a_row_leaves_where_its_list_was_read(copy: Copy) -> None:
    """Rows of other projects stay, and what is new there comes."""
    copy.delete_branch(WEB)
    assert copy.sync()["branches"] == 1
    # Both go by the activity of their project.
    lists = ["GET /projects/:id/repository/branches", "GET /projects/:id/repository/tags"]
    assert copy.asked() == lists
    assert copy.differing() == []


def test_rows_of_a_project_that_is_deleted_leave_at_once(copy: Copy) -> None:
    """With the project; those of the others, of which nothing is asked, stay."""
    before = keys(copy.path, "branches")
    gone = [key for key in before if key[0] == str(API)]
    copy.gitlab.mutate("hide_project", id=API)
    assert copy.sync()["branches"] == len(gone) > 0
    assert copy.asked() == []
    assert keys(copy.path, "branches") == [key for key in before if key not in gone]
    assert copy.differing() in ([], ["people"])


def test_after_a_day_every_list_is_read(copy: Copy) -> None:
    """What no signal tells of leaves then, at the same hour of the next day at the latest."""
    copy.remove_member()
    assert copy.sync()["project_members"] == 0
    assert "project_members" in copy.differing()
    copy.gitlab.clock(advance=DAY - 7200 - 60)
    assert copy.sync()["project_members"] == 1
    assert copy.differing() == []


def test_within_an_hour_every_list_is_read(copy: Copy) -> None:
    """Of the last one that did so first, so that not each of many is."""
    copy.sync("--full-refresh")
    copy.gitlab.clock(advance=2400)
    copy.sync()
    assert copy.asked() != []
    copy.gitlab.clock(advance=1500)
    copy.sync()
    assert copy.asked() == []


def test_a_full_refresh_reads_every_list(copy: Copy) -> None:
    """At once."""
    copy.remove_member()
    assert copy.sync("--full-refresh")["project_members"] == 1
    assert copy.differing() == []


@pytest.mark.parametrize("fault", [REFUSED, {"kind": "status", "status": 404}])
def test_a_list_that_is_refused_loses_nothing(copy: Copy, fault: dict[str, Any]) -> None:
    """It is read by the next sync, with those that did not move since."""
    copy.delete_branch(WEB)
    copy.delete_branch(API)
    copy.gitlab.faults([{**fault, "path": f"/projects/{WEB}/repository/branches"}])
    assert copy.sync()["branches"] == 1
    copy.gitlab.faults([])
    copy.gitlab.clock(advance=7200)
    assert copy.sync()["branches"] == 1
    assert copy.differing() == []
