"""Lists that GitLab counts in its own ways: too long ones, old versions, rows that were marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pytest

from integration_tests.gitlab.mutations import mutate
from integration_tests.support.history_changes import micros
from integration_tests.support.history_world import START, WEB
from integration_tests.support.inprocess import Wire
from integration_tests.verify.files import DAY, SyncedFile, found
from integration_tests.verify.test_refused import KEPT, synced

if TYPE_CHECKING:
    from pathlib import Path

    from requests import PreparedRequest, Response

MANY = 240
PARTS = 24


class OldGitLab(Wire):
    """A GitLab that does not know the filters of the time of creation, and so ignores them."""

    def send(self, request: PreparedRequest, *more: object, **settings: object) -> Response:
        """Answer one request, as if it had no such filter."""
        parts = urlsplit(request.url or "")
        query = [(name, value) for name, value in parse_qsl(parts.query) if "created_" not in name]
        request.url = urlunsplit(parts._replace(query=urlencode(query)))
        return super().send(request, *more, **settings)


@pytest.fixture
def file(tmp_path: Path) -> SyncedFile:
    """A file with hundreds of issues and pipelines in one project."""
    it = synced(tmp_path / "gitlab.duckdb", "issues", "pipelines")
    for table in ("issues", "pipelines"):
        for number in range(MANY // PARTS):
            when = micros(START - (40 + number) * DAY * 1_000_000)
            times = {"created_at": when, "updated_at": micros(START - number * 1_000_000)}
            many = {"table": table, "project_id": WEB, "count": PARTS}
            mutate(it.emulator, "create", {**many, **times})
    it.sync(full_refresh=True)
    it.later(3_600)
    return it


def planted(file: SyncedFile, stream: str) -> tuple[int, int, int]:
    """A row that is lost, one that is deleted, and another one that is lost."""
    every = sorted(file.ids(stream, f"project_id = {WEB}"))
    lost, gone, other = every[10], every[-10], every[len(every) // 2]
    file.lose(stream, [lost, other])
    file.delete(stream, [gone])
    return lost, gone, other


@pytest.mark.parametrize("stream", ["issues", "pipelines"])
def test_more_rows_than_gitlab_counts(file: SyncedFile, stream: str) -> None:
    """Windows are cut until it does."""
    file.emulator.world.settings.count_limit = 50
    assert not file.verify().differs
    lost, gone, other = planted(file, stream)
    result = file.verify(repair=True)
    assert found(result, "missing", stream) == {lost, other}
    assert found(result, "gone", stream) == {gone}
    assert not file.verify().differs


@pytest.mark.parametrize("stream", ["issues", "pipelines"])
def test_a_gitlab_without_the_filters(file: SyncedFile, stream: str) -> None:
    """Lists are counted as a whole then, and read where that differs."""
    file.wire = OldGitLab(file.emulator)
    assert not file.verify().differs
    lost, gone, other = planted(file, stream)
    result = file.verify(repair=True)
    assert found(result, "missing", stream) == {lost, other}
    assert found(result, "gone", stream) == {gone}
    assert not file.verify().differs


def test_a_gitlab_without_totals(file: SyncedFile) -> None:
    """What stands on a page is compared all the same; of the rest it is told."""

    def bare(_path: str, _query: str, got: Any) -> Any:
        status, headers, body = got
        headers = {name: value for name, value in headers.items() if "total" not in name}
        return status, headers, body

    file.wire.tamper = bare
    before = file.ids("issues")
    result = file.verify(repair=True)
    assert not result.differs
    assert file.ids("issues") == before
    assert {one.stream for one in result.left} == {"issues", "pipelines"}
    assert all("does not tell how many" in one.why for one in result.left)


def test_rows_that_are_marked(file: SyncedFile) -> None:
    """With `--deleted keep` they stay, and count no more."""
    assert file.sync(deleted="keep").complete
    lost, gone, other = planted(file, "issues")
    result = file.verify(repair=True)
    assert found(result, "missing", "issues") == {lost, other}
    assert found(result, "gone", "issues") == {gone}
    assert file.ids("issues", "_deleted_at IS NOT NULL") == {gone}
    assert file.query(KEPT) == []
    assert not file.verify().differs


def test_what_stands_below_goes_with_it(tmp_path: Path) -> None:
    """The jobs of a pipeline, and their artifacts."""
    names = ("pipelines", "jobs", "job_artifacts")
    it = synced(tmp_path / "gitlab.duckdb", *names)
    jobs = dict(it.query("SELECT id, pipeline_id FROM jobs"))
    artifacts = it.query("SELECT job_id FROM job_artifacts")
    gone = jobs[artifacts[0][0]]
    mine = {job for job, pipeline in jobs.items() if pipeline == gone}
    it.delete("pipelines", [gone])
    assert found(it.verify(repair=True), "gone", "pipelines") == {gone}
    assert it.ids("jobs") == set(jobs) - mine
    left = {job for (job,) in it.query("SELECT job_id FROM job_artifacts")}
    assert left == {job for (job,) in artifacts} - mine
    kept = {stream for stream, _ in it.query(KEPT)}
    assert kept == set(names)
