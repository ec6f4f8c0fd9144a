"""What GitLab does not show is told, and is no deletion."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from integration_tests.gitlab.faults import Fault
from integration_tests.gitlab.mutations import mutate
from integration_tests.support.history_changes import micros
from integration_tests.support.history_world import READER, START, TOP, WEB, small_world
from integration_tests.verify.files import DAY, SyncedFile, found
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from pathlib import Path

HOUR = 3_600
GUEST, OWNER = 10, 50
COUNTED = [name for name, stream in streams().items() if stream.counted is not None]
MINE = {
    "issues": f"/projects/{WEB}/issues",
    "merge_requests": f"/projects/{WEB}/merge_requests",
    "pipelines": f"/projects/{WEB}/pipelines",
    "deployments": f"/projects/{WEB}/deployments",
}
KEPT = "SELECT stream, key::VARCHAR FROM _source_gitlab.deleted_rows"


def synced(path: Path, *names: str, **settings: Any) -> SyncedFile:
    """A file of the small GitLab's group, with some rows more in one project."""
    emulator = small_world(Random(1), 100)
    it = SyncedFile(
        emulator, path, names or COUNTED, **{"groups_list": ["top"], "num_workers": 1, **settings}
    )
    for table in ("issues", "merge_requests"):
        for number in range(3):
            when = micros(START - (20 + number) * DAY * 1_000_000)
            more = {"created_at": when, "updated_at": when}
            mutate(emulator, "create", {"table": table, "project_id": WEB, **more})
    assert it.sync().complete
    it.later(HOUR)
    return it


@pytest.fixture
def file(tmp_path: Path) -> SyncedFile:
    """Such a file, of all streams that are counted."""
    return synced(tmp_path / "gitlab.duckdb")


def rows(file: SyncedFile) -> dict[str, int]:
    """How many rows each table has."""
    return {name: file.query(f"SELECT count(*) FROM {name}")[0][0] for name in file.names}  # noqa: S608


def test_a_whole_file_is_whole(file: SyncedFile) -> None:
    """Each stream has rows that are compared."""
    result = file.verify()
    assert not result.differs
    assert result.left == []
    compared = {one.stream for one in result.counted if one.mine}
    assert compared == set(COUNTED)
    assert sum(one.mine for one in result.counted) == sum(rows(file).values())


@pytest.mark.parametrize("stream", MINE)
@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_list_that_is_refused_loses_nothing(file: SyncedFile, stream: str, status: int) -> None:
    """The others are compared, and the refusal is told."""
    before = rows(file)
    file.emulator.faults.rules.append(Fault("status", status=status, path=MINE[stream]))
    result = file.verify(repair=True)
    assert rows(file) == before
    assert file.query(KEPT) == []
    assert not result.differs
    (left,) = [one for one in result.left if one.stream == stream]
    assert left.failed == (status == 500)
    assert str(status) in left.why or "failed" in left.why


@pytest.mark.parametrize("status", [403, 500])
def test_a_row_that_is_refused_is_not_gone(file: SyncedFile, status: int) -> None:
    """The list lacks it, and GitLab does not say why."""
    gone = min(file.ids("issues", f"project_id = {WEB}"))
    file.delete("issues", [gone])
    rule = Fault("status", status=status, path=f"/projects/{WEB}/issues/")
    file.emulator.faults.rules.append(rule)
    result = file.verify(repair=True)
    assert found(result, "gone", "issues") == set()
    assert [text for one in result.found for text in one.unsure]
    assert result.failed == (status == 500)
    assert result.is_unsure
    assert gone in file.ids("issues")
    file.emulator.faults.rules.clear()
    assert found(file.verify(repair=True), "gone", "issues") == {gone}


def test_a_row_that_the_list_lacks_and_that_is_there_stays(file: SyncedFile) -> None:
    """Lists of GitLab leave rows out now and then."""
    before = file.ids("issues")
    fault = Fault("status", status=200, path=f"/projects/{WEB}/issues", body="[]")
    file.emulator.faults.rules.append(fault)
    file.emulator.faults.rules[-1].query = {"per_page": "100"}
    result = file.verify(repair=True)
    assert found(result, "gone", "issues") == set()
    assert file.ids("issues") == before


@pytest.mark.parametrize("stream", ["issues", "epics"])
def test_a_role_that_is_lowered_hides_rows(tmp_path: Path, stream: str) -> None:
    """Confidential ones: a guest's lists lack them without a word."""
    file = synced(tmp_path / "gitlab.duckdb", stream)
    lost = min(file.ids(stream))
    mutate(file.emulator, "remove_member", {"user_id": READER, "group_id": TOP})
    mutate(file.emulator, "add_member", {"user_id": READER, "group_id": TOP, "level": GUEST})
    file.delete(stream, [lost])
    before = file.ids(stream)
    result = file.verify(repair=True)
    assert file.ids(stream) == before
    told = [text for one in result.found for text in one.unsure]
    assert told
    assert all("only a part" in text or "may be shown only" in text for text in told)
    mutate(file.emulator, "remove_member", {"user_id": READER, "group_id": TOP})
    mutate(file.emulator, "add_member", {"user_id": READER, "group_id": TOP, "level": OWNER})
    assert found(file.verify(repair=True), "gone", stream) == {lost}


def test_a_feature_that_is_switched_off_is_no_deletion(file: SyncedFile) -> None:
    """The list of issues is empty then, and not refused."""
    before = rows(file)
    feature = {"row_id": WEB, "feature": "issues", "level": "disabled"}
    mutate(file.emulator, "set_feature", feature)
    result = file.verify(repair=True)
    assert rows(file) == before
    assert not result.differs
    (left,) = result.left
    assert left.stream == "issues"
    assert left.place.endswith("/web")
    assert "switched off" in left.why


def test_another_user_compares_nothing(file: SyncedFile) -> None:
    """Of lists that hide rows: who may be shown less than the one who has read the file."""
    file.emulator.tokens.create("glpat-other-user-0001", READER + 1, ["read_api"], 3_650)
    token = {"auth_type": "access_token", "access_token": "glpat-other-user-0001"}
    mutate(file.emulator, "add_member", {"user_id": READER + 1, "group_id": TOP, "level": OWNER})
    file.delete("issues", sorted(file.ids("issues"))[:1])
    before = rows(file)
    result = file.verify(repair=True, groups_list=["top"], credentials=token)
    assert rows(file) == before
    refusing = {name for name in COUNTED if streams()[name].kind == "project"}
    assert {one.stream for one in result.counted} == refusing
    assert {one.why for one in result.left} == {
        "Its rows were read by another user, or by this one with more rights."
    }


def test_what_is_not_read_yet_is_not_compared(file: SyncedFile) -> None:
    """Projects that are chosen now, and were not at the last sync."""
    result = file.verify(groups_list=["top", "else"])
    assert not result.differs
    assert {one.why for one in result.left} == {"It has not been read yet."}


def test_what_came_since_the_sync_is_not_missing(file: SyncedFile) -> None:
    """The next sync brings it."""
    mutate(file.emulator, "create", {"table": "issues", "project_id": WEB})
    mutate(file.emulator, "create", {"table": "deployments", "project_id": WEB})
    assert not file.verify().differs


def test_a_file_that_starts_at_a_date(tmp_path: Path) -> None:
    """What was last changed before was not asked for, and is not missing."""
    file = synced(tmp_path / "gitlab.duckdb", start_date=micros(START - 21 * DAY * 1_000_000))
    before = file.ids("issues", f"project_id = {WEB}")
    lost = max(before)
    file.lose("issues", [lost])
    result = file.verify(repair=True)
    assert found(result, "missing", "issues") == {lost}
    assert [one for one in result.found if one.missing or one.gone] == [
        one for one in result.found if one.stream == "issues"
    ]
    assert file.ids("issues", f"project_id = {WEB}") == before
    assert {one.stream for one in result.left} == {"releases"}


def test_rows_of_a_project_that_is_gone_are_told(file: SyncedFile) -> None:
    """And stay: it may only be hidden from this token."""
    before = rows(file)
    mutate(file.emulator, "hide_project", {"row_id": WEB})
    result = file.verify(repair=True)
    assert rows(file) == before
    told = {one.stream for one in result.left if "no longer in what is chosen" in one.why}
    assert {"issues", "pipelines", "releases"} <= told


def test_a_row_without_an_address_is_not_gone(file: SyncedFile) -> None:
    """Nothing stands at `issues/None`."""
    lost = min(file.ids("issues", f"project_id = {WEB}"))
    with duckdb.connect(str(file.path)) as connection:
        connection.execute("UPDATE issues SET iid = NULL WHERE id = ?", [lost])
    file.delete("issues", [lost])
    result = file.verify(repair=True)
    assert found(result, "gone", "issues") == set()
    assert lost in file.ids("issues")
