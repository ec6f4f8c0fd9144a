"""One row, one parent or one list that GitLab cannot give: all others arrive, and it is named."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from airbyte_cdk.models import AirbyteStreamStatus

from integration_tests.gitlab.launch import Emulator
from integration_tests.support.reading import config_for, missing, read
from source_gitlab.gitlab.client import Retries
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration_tests.support.reading import Reading

COMPLETE, INCOMPLETE = AirbyteStreamStatus.COMPLETE, AirbyteStreamStatus.INCOMPLETE
QUICK = Retries(tries=2, first=0.0)
# A list of each walk, by the end of its path, and the column by which its rows are picked.
LISTS = {
    "issues": ("/issues", "id"),
    "merge_requests": ("/merge_requests", "id"),
    "pipelines": ("/pipelines", "id"),
    "deployments": ("/deployments", "id"),
    "project_labels": ("/labels", "id"),
    "project_milestones": ("/milestones", "id"),
    "branches": ("/branches", "name"),
    "tags": ("/tags", "name"),
    "jobs": ("/jobs", "id"),
    "commits": ("/commits", "id"),
}


@pytest.fixture(scope="module")
def large() -> Iterator[Emulator]:
    """A GitLab whose lists have several pages."""
    sizes = ("--projects", 2, "--issues", 330, "--branches", 130, "--commits", 130, "--tags", 130)
    more = ("--pipelines-per-project", 30, "--jobs-per-pipeline", 5)
    with Emulator("--world", "scaled", *sizes, *more) as emulator:
        project = emulator.get("projects").json()[0]["id"]
        for table in ("labels", "milestones"):
            emulator.mutate("create", table=table, project_id=project, count=130)
        yield emulator


@pytest.fixture
def broken(large: Emulator) -> Iterator[Emulator]:
    """The same, without the faults of the test before."""
    large.faults([])
    yield large
    large.faults([])


def keys(reading: Reading, name: str) -> set[tuple[Any, ...]]:
    """The keys of what was read."""
    return {tuple(row[c] for c in streams()[name].key) for row in reading.rows[name]}


def told(reading: Reading) -> str:
    """All that people read of it."""
    return "\n".join([reading.failure or "", *reading.errors, *reading.logs])


@pytest.mark.parametrize("place", ["first", "middle", "last", "neighbours", "two"])
@pytest.mark.parametrize("name", LISTS)
def test_a_row_that_breaks_its_page(broken: Emulator, name: str, place: str) -> None:
    """It is stepped over and named, and comes with a later read when it is mended."""
    end, column = LISTS[name]
    config = config_for(broken)
    whole = read(config, [name], retries=QUICK)
    projects = Counter(row["project_id"] for row in whole.rows[name])
    project = projects.most_common(1)[0][0]
    rows = [row for row in whole.rows[name] if row["project_id"] == project]
    middle = len(rows) // 2
    picked = {
        "first": rows[:1],
        "middle": rows[middle : middle + 1],
        "last": rows[-1:],
        "neighbours": rows[middle : middle + 3],
        "two": [rows[3], rows[-2]],
    }[place]
    values = [row[column] for row in picked]
    rule = {"kind": "broken_row", "path": f"{end}$", "row": {column: values}}
    broken.faults([rule if column == "id" else {**rule, "path": f"/{project}/.*{end}$"}])
    reading = read(config, [name], retries=QUICK)
    lost = {tuple(row[c] for c in streams()[name].key) for row in picked}
    assert keys(whole, name) - keys(reading, name) == lost
    assert reading.statuses[name] is INCOMPLETE
    assert end in told(reading)
    assert reading.report["failed"]

    again = read(config, [name], reading.states.values(), retries=QUICK)
    assert again.statuses[name] is INCOMPLETE
    broken.faults([])
    rest = read(config, [name], again.states.values(), retries=QUICK)
    assert rest.failure is None
    assert keys(rest, name) >= lost
    rest.rows[name] += reading.rows[name]
    assert not missing(broken, rest, name)


@pytest.mark.parametrize("name", ["issues", "branches", "jobs", "project_labels"])
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "raw_text", "text": "\x01"},
        {"kind": "raw_text", "text": 'a"b'},
        {"kind": "replaced_row", "body": None},
        {"kind": "replaced_row", "body": 7},
    ],
)
def test_a_row_that_cannot_be_read(broken: Emulator, name: str, fault: dict[str, Any]) -> None:
    """JSON that is no JSON because of one row, and a row that is none."""
    end, column = LISTS[name]
    config = config_for(broken)
    whole = read(config, [name], retries=QUICK)
    picked = whole.rows[name][len(whole.rows[name]) // 2]
    place = f"/{picked['project_id']}/.*{end}$" if column == "name" else f"{end}$"
    rule = {**fault, "path": place, "row": {column: picked[column]}, "column": "web_url"}
    broken.faults([rule])
    reading = read(config, [name], retries=QUICK)
    broken.faults([])
    lost = {tuple(picked[c] for c in streams()[name].key)}
    assert keys(whole, name) - keys(reading, name) == lost
    assert reading.statuses[name] is INCOMPLETE
    assert end in told(reading)


@pytest.mark.parametrize("text", ["caf\xe9", r"half \ud83d of it", r"\udc00", "\xed\xa0\x80"])
def test_text_that_is_no_text(
    broken: Emulator, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    """Bytes that are not UTF-8, and halves of surrogate pairs: the row comes, and it is said."""
    config = config_for(broken)
    whole = read(config, ["issues"], retries=QUICK)
    number = whole.rows["issues"][50]["id"]
    rule = {"kind": "raw_text", "path": "/issues$", "row": {"id": number}, "column": "title"}
    broken.faults([{**rule, "text": text}])
    reading = read(config, ["issues"], retries=QUICK)
    assert reading.failure is None
    assert keys(reading, "issues") == keys(whole, "issues")
    (found,) = [row for row in reading.rows["issues"] if row["id"] == number]
    assert "\ufffd" in found["title"]
    assert len([one for one in caplog.messages if "not UTF-8" in one]) == 1


PARENTS = {
    "merge_request_commits": ("merge_request_iid", r"/projects/{}/merge_requests/{}/commits$"),
    "pipelines_extended": ("id", r"/projects/{}/pipelines/{}$"),
    "pipeline_trigger_jobs": ("pipeline_id", r"/projects/{}/pipelines/{}/bridges$"),
}


@pytest.mark.parametrize("name", PARENTS)
@pytest.mark.parametrize("fault", [{"kind": "status", "status": 500}, {"kind": "object"}])
def test_a_parent_whose_children_fail(faulty: Emulator, name: str, fault: dict[str, Any]) -> None:
    """Those of all others come, now and in the next read, and its own when they can."""
    if fault["kind"] == "object" and name == "pipelines_extended":
        fault = {"kind": "not_json"}
    column, place = PARENTS[name]
    config = config_for(faulty)
    whole = read(config, [name], retries=QUICK)
    row = whole.rows[name][len(whole.rows[name]) // 2]
    parent = (row["project_id"], row[column])
    lost = {k for k, r in _by_key(whole, name) if (r["project_id"], r[column]) == parent}
    faulty.faults([{**fault, "path": place.format(*parent)}])
    reading = read(config, [name], retries=QUICK)
    assert keys(whole, name) - keys(reading, name) == lost
    assert reading.statuses[name] is INCOMPLETE
    assert f"/projects/{parent[0]}/" in told(reading)
    again = read(config, [name], reading.states.values(), retries=QUICK)
    assert again.statuses[name] is INCOMPLETE
    faulty.faults([])
    rest = read(config, [name], again.states.values(), retries=QUICK)
    assert rest.failure is None
    assert keys(rest, name) >= lost


def _by_key(reading: Reading, name: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    return [(tuple(row[c] for c in streams()[name].key), row) for row in reading.rows[name]]


def test_children_that_all_fail_are_not_all_asked_for(broken: Emulator) -> None:
    """An endpoint that does not work is left after a few, in all projects together."""
    broken.faults([{"kind": "status", "status": 500, "path": "/pipelines/[0-9]+$"}])
    broken.reset_requests()
    reading = read(config_for(broken, num_workers=1), ["pipelines_extended"], retries=QUICK)
    assert reading.statuses["pipelines_extended"] is INCOMPLETE
    paths = {one["path"] for one in broken.requests()["recent"]}
    assert 0 < len([one for one in paths if "/pipelines/" in one]) <= 8


def test_a_pipeline_whose_jobs_fail(faulty: Emulator) -> None:
    """The jobs of the others come, and the new ones."""
    config = config_for(faulty)
    first = read(config, ["jobs"], retries=QUICK)
    row = first.rows["jobs"][0]
    project, pipeline = row["project_id"], row["pipeline"]["id"]
    place = f"/projects/{project}/pipelines/{pipeline}/jobs$"
    faulty.faults([{"kind": "status", "status": 500, "path": place}])
    faulty.mutate("create_pipeline", project_id=project, jobs=2)
    for number in {r["pipeline"]["id"] for r in first.rows["jobs"] if r["project_id"] == project}:
        faulty.mutate("touch", table="pipelines", id=number)
    reading = read(config, ["jobs"], first.states.values(), retries=QUICK)
    assert reading.statuses["jobs"] is INCOMPLETE
    assert place.removesuffix("$") in told(reading)
    faulty.faults([])
    rest = read(config, ["jobs"], reading.states.values(), retries=QUICK)
    assert rest.failure is None
    assert any(one["pipeline"]["id"] == pipeline for one in rest.rows["jobs"])


@pytest.mark.parametrize("count", [1, 3])
def test_a_commit_whose_statistics_fail(broken: Emulator, count: int) -> None:
    """It comes without them, which is said, and what is pushed later comes as well."""
    config = config_for(broken)
    whole = read(config, ["commits"], retries=QUICK)
    picked = [row["id"] for row in whole.rows["commits"][40 : 40 + count]]
    rule = {"kind": "broken_row", "row": {"id": picked}, "query": {"with_stats": "true"}}
    broken.faults([{**rule, "path": "/commits$"}])
    reading = read(config, ["commits"], retries=QUICK)
    assert reading.failure is None
    assert keys(reading, "commits") == keys(whole, "commits")
    without = {row["id"] for row in reading.rows["commits"] if not row.get("stats")}
    assert without == set(picked)
    assert all(one in told(reading) for one in picked[:1])
    again = read(config, ["commits"], reading.states.values(), retries=QUICK)
    assert again.failure is None


def test_releases_without_the_name_of_their_tag(faulty: Emulator) -> None:
    """A Guest of a private project is not shown it: they are left out, which is no failure."""
    config = config_for(faulty)
    faulty.faults([{"kind": "absent", "path": "/projects/101/releases$", "column": "tag_name"}])
    reading = read(config, ["releases"], retries=QUICK)
    assert reading.failure is None
    assert reading.statuses["releases"] is COMPLETE
    assert {row["project_id"] for row in reading.rows["releases"]} == {102, 108}
    (skipped,) = [one for one in reading.report["skipped"] if one["where"] == "project acme/web"]
    assert skipped["reason"] == "permission"
    assert "Reporter" in skipped["message"]
    faulty.faults([])
    rest = read(config, ["releases"], reading.states.values(), retries=QUICK)
    assert {row["project_id"] for row in rest.rows["releases"]} == {101}
