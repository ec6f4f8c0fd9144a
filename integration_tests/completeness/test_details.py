"""Groups and projects have what GitLab's lists leave out, in few requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airbyte_cdk.models import AirbyteStreamStatus

from integration_tests.gitlab.auth import GUEST, STRANGER
from integration_tests.gitlab.launch import Emulator
from integration_tests.support.reading import Destination, config_for, differences, expected, read
from source_gitlab.gitlab.client import Retries

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPLETE, INCOMPLETE = AirbyteStreamStatus.COMPLETE, AirbyteStreamStatus.INCOMPLETE
QUICK = Retries(tries=2, first=0.01)
DETAILS = ["groups", "projects"]
FORBIDDEN = {"kind": "status", "status": 403, "body": {"message": "403 Forbidden"}}
BROKEN = {"kind": "status", "status": 500}
ONE, LIST = "/projects/:id", "/projects"
PUBLIC_SITE = 108


@pytest.fixture
def scaled(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """A scaled world, made with the arguments that the test gives."""
    with Emulator("--world", "scaled", *request.param.split()) as emulator:
        yield emulator


def counts(gitlab: Emulator) -> dict[str, int]:
    """The requests so far, by endpoint."""
    found = gitlab.requests(limit=1)["counts"]
    return {name.removeprefix("GET "): sum(many.values()) for name, many in found.items()}


def differing(gitlab: Emulator, config: dict[str, Any], **params: str) -> list[str]:
    """Where what is read of groups and projects is not what each shows by itself."""
    destination = Destination()
    destination.write(read(config, DETAILS))
    wanted = expected(gitlab, **params)
    return [
        difference
        for name in DETAILS
        for difference in differences(destination.tables[name], wanted[name])
    ]


@pytest.mark.parametrize("token", ["", GUEST, STRANGER], ids=["owner", "guest", "stranger"])
def test_whoever_reads_gets_what_each_row_has_by_itself(gitlab: Emulator, token: str) -> None:
    """Roles in the groups above count, and a Guest gets no statistics."""
    token = token or gitlab.token
    config = config_for(gitlab) | {"credentials": {"access_token": token}}
    assert not differing(gitlab, config, token=token)
    named = {**config, "groups_list": ["public-works"]}
    assert not differing(gitlab, named, token=token, groups="public-works")


def test_projects_that_are_named_have_all_that_they_have_by_themselves(gitlab: Emulator) -> None:
    """Why an import failed too, which no list tells; and a request each."""
    config = config_for(gitlab, projects_list=["acme/platform/api", "acme/web"])
    gitlab.reset_requests()
    rows = read(config, ["projects"]).rows["projects"]
    assert {row["id"] for row in rows} == {101, 102}
    assert counts(gitlab) == {ONE: 2}
    for row in rows:
        single = gitlab.get(f"projects/{row['id']}", statistics="true").json()
        assert single.keys() - {"runners_token"} == row.keys()
        assert row == {name: value for name, value in single.items() if name in row}


def test_an_administrator_without_a_role_gets_statistics(faulty: Emulator) -> None:
    """One project asked for by itself tells it, and the list of all projects has the others."""
    faulty.mutate("make_admin", user_id=6)
    config = config_for(faulty) | {"credentials": {"access_token": STRANGER}}
    config["groups_list"] = ["acme"]
    faulty.reset_requests()
    reading = read(config, ["projects"])
    assert len(reading.rows["projects"]) > 5
    assert all(row["statistics"]["commit_count"] >= 0 for row in reading.rows["projects"])
    assert not differing(faulty, config, token=STRANGER, groups="acme")


def test_without_a_sign_in_nothing_more_is_asked(gitlab: Emulator) -> None:
    """Nobody has permissions then."""
    config = {"api_url": gitlab.url, "credentials": {"auth_type": "none"}}
    gitlab.reset_requests()
    reading = read({**config, "groups_list": ["public-works"]}, ["projects"])
    (row,) = reading.rows["projects"]
    assert row["id"] == PUBLIC_SITE
    assert "permissions" not in row
    assert LIST not in counts(gitlab)


def test_statistics_may_be_left_out(gitlab: Emulator) -> None:
    """Permissions stay."""
    rows = read(config_for(gitlab, statistics=False), ["projects"]).rows["projects"]
    assert rows
    assert not [row for row in rows if "statistics" in row]
    assert all(row["permissions"] for row in rows)


@pytest.mark.parametrize("scaled", ["--groups 1 --projects 320"], indirect=True)
def test_projects_of_one_group_take_a_request_a_hundred_more(scaled: Emulator) -> None:
    """Four pages of the group's list, and four of the list of the token's projects."""
    scaled.reset_requests()
    tops = [row for row in scaled.get("groups").json() if row["parent_id"] is None]
    scaled.reset_requests()
    reading = read(config_for(scaled, groups_list=[tops[0]["full_path"]]), ["projects"])
    assert len(reading.rows["projects"]) == 320
    assert all(row["permissions"] and row["statistics"] for row in reading.rows["projects"])
    found = counts(scaled)
    assert found.pop(ONE, 0) <= 1, "the role in the group above is asked for once"
    assert found == {"/groups/:id": 1, "/groups/:id/projects": 4, LIST: 4}


@pytest.mark.parametrize("scaled", ["--groups 300 --projects 900"], indirect=True)
def test_few_projects_among_very_many_are_asked_for_one_by_one(scaled: Emulator) -> None:
    """Never more requests than projects, and one."""
    scaled.reset_requests()
    reading = read(
        config_for(scaled, groups_list=["scaled/group-3/group-30/group-300"]), ["projects"]
    )
    rows = reading.rows["projects"]
    assert len(rows) == 3
    assert all(row["permissions"] and row["statistics"] for row in rows)
    found = counts(scaled)
    assert found.get(ONE, 0) + found.get(LIST, 0) <= len(rows) + 1


def test_groups_take_two_requests_each(gitlab: Emulator) -> None:
    """One for the group, which the chosen one has had already, and one for what it may share."""
    gitlab.reset_requests()
    reading = read(config_for(gitlab, groups_list=["acme"]), ["groups"])
    many = len(reading.rows["groups"])
    assert many > 2
    found = counts(gitlab)
    assert found["/groups/:id"] == many
    assert found["/groups/:id/projects/shared"] == many


def test_a_group_that_may_not_be_asked_for_keeps_what_its_list_has(faulty: Emulator) -> None:
    """It is reported, and the stream is complete."""
    faulty.faults([{**FORBIDDEN, "path": "/groups/11($|/projects/shared$)"}])
    reading = read(config_for(faulty, groups_list=["acme"]), ["groups"], retries=QUICK)
    rows = {row["id"]: row for row in reading.rows["groups"]}
    assert rows.keys() == {int(one["id"]) for one in _groups_of(faulty, "acme")}
    assert "shared_with_groups" not in rows[11]
    assert rows[11]["full_path"] == "acme/platform"
    assert all("shared_with_groups" in row for number, row in rows.items() if number != 11)
    assert reading.statuses["groups"] is COMPLETE
    (entry,) = reading.report["skipped"]
    assert entry["where"] == "group acme/platform"
    assert "acme/platform" in entry["message"]


def test_a_list_of_projects_that_is_refused_costs_its_columns_only(faulty: Emulator) -> None:
    """All rows are there, and it is said once."""
    faulty.faults([{**FORBIDDEN, "path": "/api/v4/projects$"}])
    reading = read(config_for(faulty, groups_list=["acme"]), ["projects"], retries=QUICK)
    assert {row["id"] for row in reading.rows["projects"]} == _projects_of(faulty, "acme")
    assert reading.statuses["projects"] is COMPLETE
    assert len(reading.report["skipped"]) == 1


def test_one_project_that_breaks_the_list_costs_its_own_columns(faulty: Emulator) -> None:
    """The others are asked for one by one; the stream is not complete, but for no row's sake."""
    faulty.faults(
        [
            {**BROKEN, "path": "/api/v4/projects$"},
            {**BROKEN, "path": "/api/v4/projects/102$"},
        ]
    )
    reading = read(config_for(faulty, groups_list=["acme"]), ["projects"], retries=QUICK)
    rows = {row["id"]: row for row in reading.rows["projects"]}
    assert rows.keys() == _projects_of(faulty, "acme")
    assert [number for number, row in rows.items() if "permissions" not in row] == [102]
    assert reading.statuses["projects"] is INCOMPLETE


def _groups_of(gitlab: Emulator, name: str) -> list[dict[str, Any]]:
    return [entry["row"] for entry in gitlab.world(groups=name, streams="groups")["groups"]]


def _projects_of(gitlab: Emulator, name: str) -> set[int]:
    found = gitlab.world(groups=name, streams="projects")["projects"]
    return {entry["row"]["id"] for entry in found}
