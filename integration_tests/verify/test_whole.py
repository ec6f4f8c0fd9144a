"""Deletions and losses in a GitLab of 100,000 rows: all are found, in few requests, and mended."""

from __future__ import annotations

import math
import shutil
from random import Random
from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.scaled_rows import Size
from integration_tests.verify.files import SyncedFile, found

if TYPE_CHECKING:
    from pathlib import Path

HOUR = 3_600
SIZE = Size(
    projects=20,
    issues=4_000,
    pipelines=1_000,
    merge_requests=0,
    jobs_per_pipeline=0,
    deployments=0,
    branches=1,
    tags=0,
    commits=1,
)
STREAMS = ("issues", "pipelines")
# A window has a thousand rows, and what is left of it when it is read a hundred.
HALVINGS = math.ceil(math.log2(1_000 / 100))


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> SyncedFile:
    """A file that has been synced; what was chosen costs some requests before anything is counted.

    One worker asks one request after the other.
    """
    path = tmp_path_factory.mktemp("scaled") / "gitlab.duckdb"
    it = SyncedFile.scaled(path, SIZE, *STREAMS, num_workers=1)
    assert it.sync().complete
    it.later(HOUR)
    return it


@pytest.fixture
def file(synced: SyncedFile, tmp_path: Path) -> SyncedFile:
    """A copy of it, with the GitLab as it was."""
    path = tmp_path / "gitlab.duckdb"
    shutil.copy(synced.path, path)
    synced.emulator.reset()
    synced.later(HOUR)
    return SyncedFile(synced.emulator, path, STREAMS, **synced.settings)


def chosen(file: SyncedFile, stream: str) -> dict[int, int]:
    """A row of each project that is no row's neighbour."""
    draw = Random(stream)
    rows = file.query(f"SELECT project_id, id FROM {stream} ORDER BY ALL")  # noqa: S608
    by_project: dict[int, list[int]] = {}
    for project, number in rows:
        by_project.setdefault(project, []).append(number)
    return {project: draw.choice(numbers) for project, numbers in by_project.items()}


def test_all_of_them_are_found_and_mended(file: SyncedFile) -> None:
    """In one request for each window, and in a few for each row."""
    whole = file.verify()
    assert not whole.differs
    assert whole.left == []
    assert sum(one.mine for one in whole.counted) == 100_000
    windows = len(whole.counted)
    # Windows hold as many months as have a thousand rows; reading everything takes 1,000 requests.
    assert windows < 150
    assert whole.requests < 200
    gone: dict[str, set[int]] = {}
    missing: dict[str, set[int]] = {}
    for stream in STREAMS:
        rows = list(chosen(file, stream).values())
        gone[stream], missing[stream] = set(rows[::2]), set(rows[1::2])
        file.delete(stream, sorted(gone[stream]))
        file.lose(stream, sorted(missing[stream]))
    planted = 2 * SIZE.projects
    seen = file.verify()
    for stream in STREAMS:
        assert found(seen, "gone", stream) == gone[stream]
        assert found(seen, "missing", stream) == missing[stream]
    # Halving counts two lists of pipelines; a page of each is read; and what is gone is asked for
    # by itself, and its project for what it shows.
    each = 2 * (HALVINGS + 1 + 2) + 2
    assert whole.requests < seen.requests <= whole.requests + planted * each
    mended = file.verify(repair=True)
    assert mended.requests == seen.requests
    again = file.verify()
    assert not again.differs
    assert again.requests == whole.requests
    kept = file.query("SELECT stream, CAST(key->>'id' AS BIGINT) FROM _source_gitlab.deleted_rows")
    assert set(kept) == {(stream, number) for stream in STREAMS for number in gone[stream]}
    assert len(kept) == planted // 2
    assert missing["issues"] <= file.ids("issues")
    assert not gone["issues"] & file.ids("issues")


def test_hundreds_in_one_project_are_read_and_not_looked_for(file: SyncedFile) -> None:
    """Where much differs, reading costs less than halving."""
    whole = file.verify()
    (first,) = file.query("SELECT min(project_id) FROM issues")[0]
    rows = sorted(file.ids("issues", f"project_id = {first}"))
    gone, missing = set(rows[:300]), set(rows[300:700])
    file.delete("issues", sorted(gone))
    file.lose("issues", sorted(missing))
    seen = file.verify(repair=True)
    assert found(seen, "gone", "issues") == gone
    assert found(seen, "missing", "issues") == missing
    # All of its pages twice, and each row that is gone by itself.
    assert seen.requests <= whole.requests + 2 * 40 + len(gone) + 50
    assert not file.verify().differs


def test_one_that_makes_up_for_another_is_found_by_reading(file: SyncedFile) -> None:
    """Numbers cannot tell: that is what `thorough` is for."""
    (first,) = file.query("SELECT min(project_id) FROM issues")[0]
    where = f"project_id = {first} ORDER BY created_at, id LIMIT 2"
    one, other = sorted(file.ids("issues", where))
    file.delete("issues", [one])
    file.lose("issues", [other])
    assert not file.verify().differs
    seen = file.verify(thorough=True, repair=True)
    assert (found(seen, "gone", "issues"), found(seen, "missing", "issues")) == ({one}, {other})
    assert seen.requests > 1_000
    assert not file.verify(thorough=True).differs


def test_only_what_was_created_since_a_day_is_counted(file: SyncedFile) -> None:
    """In fewer requests."""
    times = file.query("SELECT id FROM issues ORDER BY created_at")
    early, late = times[100][0], times[-100][0]
    file.lose("issues", [early, late])
    whole = file.verify()
    seen = file.verify(since="2023-10-01T00:00:00.000Z")
    assert found(seen, "missing", "issues") == {late}
    assert found(whole, "missing", "issues") == {early, late}
    assert seen.requests < whole.requests * 2 / 3
