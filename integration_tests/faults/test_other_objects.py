"""An object that is asked for by its id, and another one that comes: it is not believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airbyte_cdk.models import AirbyteStreamStatus

from integration_tests.support.reading import config_for, read
from source_gitlab.gitlab.client import Retries

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator

COMPLETE, INCOMPLETE = AirbyteStreamStatus.COMPLETE, AirbyteStreamStatus.INCOMPLETE
QUICK = Retries(tries=3, first=0.0)
WEB, API, NONE = 101, 102, 999_999


def other(path: str, **more: Any) -> dict[str, Any]:
    """What a cache does that mixes up two answers."""
    return {"kind": "changed_row", "path": path, "body": {"id": NONE}, **more}


def test_the_details_of_a_group(faulty: Emulator) -> None:
    """The group keeps its row, and the columns of no other one."""
    config = config_for(faulty, groups_list=["acme"])
    whole = {row["id"]: row for row in read(config, ["groups"], retries=QUICK).rows["groups"]}
    below = next(number for number, row in whole.items() if row["parent_id"])
    faulty.faults([other(f"^/api/v4/groups/{below}$")])
    reading = read(config, ["groups"], retries=QUICK)
    assert {row["id"] for row in reading.rows["groups"]} == set(whole)
    assert reading.statuses["groups"] is INCOMPLETE
    told = "\n".join(reading.errors + reading.logs)
    assert f"/groups/{below} answered with another object, for its id is {NONE}" in told


def test_a_child_that_is_one_object(faulty: Emulator) -> None:
    """It is left out and named, and comes when it is mended."""
    config = config_for(faulty)
    name = "pipelines_extended"
    whole = {row["id"] for row in read(config, [name], retries=QUICK).rows[name]}
    number = sorted(whole)[1]
    faulty.faults([other(f"/pipelines/{number}$")])
    reading = read(config, [name], retries=QUICK)
    assert {row["id"] for row in reading.rows[name]} == whole - {number}
    assert reading.statuses[name] is INCOMPLETE
    faulty.faults([])
    rest = read(config, [name], reading.states.values(), retries=QUICK)
    assert number in {row["id"] for row in rest.rows[name]}


def test_once_it_is_tried_again(faulty: Emulator) -> None:
    """One answer that was mixed up costs a request."""
    config = config_for(faulty)
    name = "pipelines_extended"
    whole = read(config, [name], retries=QUICK)
    number = whole.rows[name][0]["id"]
    faulty.faults([other(f"/pipelines/{number}$", times=1)])
    reading = read(config, [name], retries=QUICK)
    assert reading.statuses[name] is COMPLETE
    assert len(reading.rows[name]) == len(whole.rows[name])


@pytest.mark.parametrize(("kind", "number"), [("groups", 10), ("projects", API)])
def test_what_was_named_by_its_id(faulty: Emulator, kind: str, number: int) -> None:
    """Nothing is read in its place."""
    faulty.faults([other(f"^/api/v4/{kind}/{number}$")])
    config = config_for(faulty, **{f"{kind}_list": [str(number)]})
    reading = read(config, ["projects"], retries=QUICK)
    assert f"'{number}' in {kind}_list cannot be read" in str(reading.failure)
    assert not reading.rows["projects"]


@pytest.mark.parametrize("name", ["pipelines", "project_milestones", "issue_notes"])
def test_the_list_of_another_project(faulty: Emulator, name: str) -> None:
    """Its rows are not taken for those of the project that was asked for."""
    config = config_for(faulty, projects_list=[str(WEB)])
    whole = read(config, [name], retries=QUICK).rows[name]
    path = f"/projects/{WEB}/.*{name.rpartition('_')[2]}$"
    faulty.faults([{"kind": "changed_row", "path": path, "body": {"project_id": API}}])
    reading = read(config, [name], retries=QUICK)
    assert reading.statuses[name] is INCOMPLETE
    assert not any(row["project_id"] == API for row in reading.rows[name])
    told = "\n".join(reading.errors + reading.logs)
    assert f"rows of project {API} where those of project {WEB} were asked for" in told
    faulty.faults([])
    rest = read(config, [name], reading.states.values(), retries=QUICK)
    ids = {row["id"] for one in (reading, rest) for row in one.rows[name]}
    assert ids == {row["id"] for row in whole}
