"""Rows whose times or parents are not as GitLab documents them: they cost no other row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airbyte_cdk.models import AirbyteStreamStatus

from integration_tests.gitlab.launch import Emulator
from integration_tests.support.reading import config_for, read
from source_gitlab.gitlab.client import Retries
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration_tests.support.reading import Reading

COMPLETE, INCOMPLETE = AirbyteStreamStatus.COMPLETE, AirbyteStreamStatus.INCOMPLETE
QUICK = Retries(tries=2, first=0.0)


@pytest.fixture(scope="module")
def long_lists() -> Iterator[Emulator]:
    """A GitLab whose lists have several pages."""
    sizes = ("--projects", 1, "--issues", 330, "--merge-requests", 20)
    with Emulator("--world", "scaled", *sizes, "--pipelines-per-project", 230) as emulator:
        yield emulator


@pytest.fixture
def odd(long_lists: Emulator) -> Iterator[Emulator]:
    """The same, without the faults of the test before."""
    long_lists.faults([])
    yield long_lists
    long_lists.faults([])


def keys(reading: Reading, name: str) -> set[tuple[Any, ...]]:
    """The keys of what was read."""
    return {tuple(row[c] for c in streams()[name].key) for row in reading.rows[name]}


@pytest.mark.parametrize("place", [0, 130, 199, -1])
@pytest.mark.parametrize("name", ["issues", "pipelines"])
def test_a_row_without_a_time_among_others(odd: Emulator, name: str, place: int) -> None:
    """It comes, and so does all that stands behind it."""
    config = config_for(odd)
    whole = read(config, [name], retries=QUICK)
    number = sorted(whole.rows[name], key=lambda row: (row["updated_at"], row["id"]))[place]["id"]
    rule = {"kind": "absent", "path": f"/{name}$", "row": {"id": number}, "column": "updated_at"}
    odd.faults([rule])
    reading = read(config, [name], retries=QUICK)
    assert keys(reading, name) == keys(whole, name)
    assert reading.failure is None


@pytest.mark.parametrize("text", ["0000-00-00T00:00:00Z", "0000-00-00T00:00:00.000Z", "soon"])
@pytest.mark.parametrize("name", ["issues", "pipelines"])
@pytest.mark.parametrize("column", ["updated_at", "created_at"])
def test_a_row_whose_time_is_none(odd: Emulator, name: str, column: str, text: str) -> None:
    """It is left out by its key, and comes when it is mended; all others come at once."""
    config = config_for(odd)
    whole = read(config, [name], retries=QUICK)
    number = whole.rows[name][len(whole.rows[name]) // 2]["id"]
    rule = {"kind": "raw_text", "path": f"/{name}$", "row": {"id": number}, "column": column}
    odd.faults([{**rule, "text": text}])
    reading = read(config, [name], retries=QUICK)
    assert keys(whole, name) - keys(reading, name) == {(number,)}
    assert reading.statuses[name] is INCOMPLETE
    assert f"({number}) whose {column} is '{text}'" in "\n".join(reading.errors + reading.logs)
    odd.faults([])
    rest = read(config, [name], reading.states.values(), retries=QUICK)
    assert (number,) in keys(rest, name)


@pytest.mark.parametrize("column", ["project_id", "iid", "id"])
def test_a_parent_that_cannot_be_addressed(odd: Emulator, column: str) -> None:
    """Its children are left out and named; those of all others come."""
    name, number = "merge_request_commits", "merge_request_iid"
    config = config_for(odd)
    whole = read(config, [name], retries=QUICK)
    iid = whole.rows[name][len(whole.rows[name]) // 2][number]
    rule = {"kind": "absent", "path": "/merge_requests$", "row": {"iid": iid}, "column": column}
    odd.faults([rule])
    odd.reset_requests()
    reading = read(config, [name], retries=QUICK)
    lost = keys(whole, name) - keys(reading, name)
    assert {key[1] for key in lost} == {iid}
    assert reading.statuses[name] is INCOMPLETE
    assert not [one for one in odd.requests()["recent"] if "None" in one["path"]]
    odd.faults([])
    rest = read(config, [name], reading.states.values(), retries=QUICK)
    assert keys(rest, name) >= lost


def test_a_parent_that_alone_is_refused(odd: Emulator) -> None:
    """What is refused for one merge request is no verdict on its project."""
    name, number = "merge_request_commits", "merge_request_iid"
    config = config_for(odd, num_workers=1)
    whole = read(config, [name], retries=QUICK)
    iid = whole.rows[name][0][number]
    path = f"/merge_requests/{iid}/commits$"
    odd.faults([{"kind": "status", "status": 403, "path": path}])
    reading = read(config, [name], retries=QUICK)
    lost = keys(whole, name) - keys(reading, name)
    assert {key[1] for key in lost} == {iid}
    assert reading.statuses[name] is INCOMPLETE
    odd.faults([])
    rest = read(config, [name], reading.states.values(), retries=QUICK)
    assert keys(rest, name) >= lost


def test_a_milestone_that_belongs_to_nobody(faulty: Emulator) -> None:
    """Both streams that it may belong to ask for it again."""
    names = ["group_milestones", "project_milestones"]
    config = config_for(faulty)
    whole = read(config, ["project_milestones"], retries=QUICK)
    number = next(
        row["id"]
        for row in whole.rows["project_milestones"]
        if row["web_url"].startswith("https://gitlab.example.com/acme/")
    )
    path, row = "/groups/[0-9]+/milestones$", {"id": number}
    faulty.faults([{"kind": "absent", "path": path, "row": row, "column": "project_id"}])
    reading = read(config, names, retries=QUICK)
    assert set(reading.statuses.values()) == {INCOMPLETE}
    faulty.faults([])
    rest = read(config, names, reading.states.values(), retries=QUICK)
    assert (number,) in keys(rest, "project_milestones")
