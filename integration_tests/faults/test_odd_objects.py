"""An object that does not hold what it should: it is an error, and never an empty list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airbyte_cdk.models import AirbyteStreamStatus

from integration_tests.support.reading import config_for, read
from source_gitlab.gitlab.client import Retries
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator
    from integration_tests.support.reading import Reading

COMPLETE, INCOMPLETE = AirbyteStreamStatus.COMPLETE, AirbyteStreamStatus.INCOMPLETE
QUICK = Retries(tries=3, first=0.0)
WEB, API, NONE = 101, 102, 999_999
APPROVALS = "merge_request_approvals"
SAID = {"message": "This is fine."}


def keys(reading: Reading, name: str) -> set[tuple[Any, ...]]:
    """The keys of what was read."""
    return {tuple(row[c] for c in streams()[name].key) for row in reading.rows[name]}


def told(reading: Reading) -> str:
    """All that a read said."""
    return "\n".join(reading.errors + reading.logs)


def answering(path: str, body: Any) -> dict[str, Any]:
    """A fault that answers 200 with a body."""
    return {"kind": "status", "status": 200, "path": path, "body": body}


def must_come_later(gitlab: Emulator, name: str, fault: dict[str, Any], project: int) -> str:
    """Read a stream with a fault in one place of a project, and then without; what was said.

    Rows of elsewhere come at once, and those of that place come when it is mended.
    """
    config = config_for(gitlab)
    whole = read(config, [name], retries=QUICK)
    gitlab.faults([fault])
    reading = read(config, [name], retries=QUICK)
    lost = keys(whole, name) - keys(reading, name)
    assert lost
    assert all(
        row["project_id"] == project
        for row in whole.rows[name]
        if tuple(row[column] for column in streams()[name].key) in lost
    )
    assert reading.statuses[name] is INCOMPLETE
    gitlab.faults([])
    rest = read(config, [name], reading.states.values(), retries=QUICK)
    assert keys(rest, name) >= lost
    assert rest.statuses[name] is COMPLETE
    return told(reading)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "with an object without approved_by"),
        (SAID, "with an object without approved_by"),
        ({"approved_by": None}, "with null in approved_by instead of a list of objects"),
        ({"approved_by": "ada"}, "with a text in approved_by instead of a list of objects"),
        ([], "with a list instead of an object"),
        (None, "with null instead of an object"),
    ],
    ids=str,
)
def test_an_object_without_its_rows(faulty: Emulator, body: Any, problem: str) -> None:
    """A merge request without approvals has an empty list of them."""
    path = f"/projects/{WEB}/merge_requests/1/approvals"
    fault = answering(f"{path}$", body)
    if body is None:
        fault = {"kind": "null_body", "path": f"{path}$"}
    said = must_come_later(faulty, APPROVALS, fault, WEB)
    assert f"{path} answered {problem}" in said


@pytest.mark.parametrize("column", ["id", "iid", "project_id"])
def test_the_rows_of_another_parent(faulty: Emulator, column: str) -> None:
    """They are not taken for those of the one that was asked for."""
    path = f"/projects/{WEB}/merge_requests/1/approvals"
    fault = {"kind": "changed_row", "path": f"{path}$", "body": {column: NONE}}
    said = must_come_later(faulty, APPROVALS, fault, WEB)
    assert f"{path} answered with another object, for its {column} is {NONE}" in said


def test_the_object_of_another_project(faulty: Emulator) -> None:
    """It is not taken for that of the project that was asked for."""
    path = f"/projects/{WEB}/push_rule"
    fault = {"kind": "changed_row", "path": f"{path}$", "body": {"id": NONE, "project_id": API}}
    said = must_come_later(faulty, "project_push_rules", fault, WEB)
    assert f"{path} answered with another object, for its project_id is {API}" in said


def test_another_object_once(faulty: Emulator) -> None:
    """One answer that was mixed up costs a request."""
    config, names = config_for(faulty), [APPROVALS, "project_push_rules"]
    whole = read(config, names, retries=QUICK)
    other = {"kind": "changed_row", "body": {"project_id": NONE}, "times": 1}
    paths = (f"/projects/{WEB}/merge_requests/1/approvals$", f"/projects/{WEB}/push_rule$")
    faulty.faults([{**other, "path": path} for path in paths])
    reading = read(config, names, retries=QUICK)
    assert set(reading.statuses.values()) == {COMPLETE}
    assert all(keys(reading, name) == keys(whole, name) for name in names)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (SAID, "with a text in message instead of a number"),
        ({"Ruby": 50.0, "Go": "50"}, "with a text in Go instead of a number"),
        ({"Ruby": None}, "with null in Ruby instead of a number"),
        ({"Ruby": True}, "with true or false in Ruby instead of a number"),
        ({"Ruby": {"share": 1}}, "with an object in Ruby instead of a number"),
    ],
    ids=str,
)
def test_a_map_of_something_else(faulty: Emulator, body: Any, problem: str) -> None:
    """What is no share is no language; {} is a project of which none is known."""
    path = f"/projects/{WEB}/languages"
    said = must_come_later(faulty, "project_languages", answering(f"{path}$", body), WEB)
    assert f"{path} answered {problem}" in said


def test_a_map_without_names_is_empty(faulty: Emulator) -> None:
    """Nothing is known of the languages of this project."""
    faulty.faults([answering(f"/projects/{WEB}/languages$", {})])
    reading = read(config_for(faulty), ["project_languages"], retries=QUICK)
    assert reading.statuses["project_languages"] is COMPLETE
    assert WEB not in {row["project_id"] for row in reading.rows["project_languages"]}


@pytest.mark.parametrize(
    ("assets", "problem"),
    [
        (None, "with null in assets instead of an object"),
        ({"links": None}, "with null in assets.links instead of a list of objects"),
        ({"links": [5]}, "with a list of something else in assets.links"),
        ({"links": [{"id": "x"}]}, "with a row whose id is 'x' instead of a number"),
    ],
    ids=str,
)
def test_odd_rows_inside_the_row_of_a_parent(faulty: Emulator, assets: Any, problem: str) -> None:
    """They cost their parent's children, which come when it is mended."""
    path = f"/projects/{WEB}/releases$"
    fault = {"kind": "changed_row", "path": path, "body": {"assets": assets}}
    said = must_come_later(faulty, "release_links", fault, WEB)
    assert f"/projects/{WEB}/releases answered {problem}" in said


@pytest.mark.parametrize("assets", [{}, {"count": 2}], ids=str)
def test_rows_that_a_parent_hides(faulty: Emulator, assets: Any) -> None:
    """Who may not see the links of a release is shown none: that is no error."""
    path = f"/projects/{WEB}/releases$"
    faulty.faults([{"kind": "changed_row", "path": path, "body": {"assets": assets}}])
    reading = read(config_for(faulty), ["release_links"], retries=QUICK)
    assert reading.statuses["release_links"] is COMPLETE
    assert WEB not in {row["project_id"] for row in reading.rows["release_links"]}


def test_an_object_that_is_refused_is_no_object_that_is_not_there(faulty: Emulator) -> None:
    """GitLab says `null` of a project without push rules, and 404 where no licence has them."""
    name = "project_push_rules"
    reading = read(config_for(faulty), [name], retries=QUICK)
    assert reading.statuses[name] is COMPLETE
    assert API not in {row["project_id"] for row in reading.rows[name]}
    assert not reading.report["skipped"]
    faulty.settings(tier="free")
    reading = read(config_for(faulty), [name], retries=QUICK)
    assert not reading.rows[name]
    assert reading.failure is None
    assert {one["reason"] for one in reading.report["skipped"]} == {"tier"}
    assert all("Premium" in one["message"] for one in reading.report["skipped"])
