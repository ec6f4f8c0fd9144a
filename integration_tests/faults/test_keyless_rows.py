"""Rows of groups and projects without what tells them apart: named, and the others are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airbyte_cdk.models import AirbyteStreamStatus

from integration_tests.support.reading import config_for, read
from source_gitlab.gitlab.client import Retries

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator

INCOMPLETE = AirbyteStreamStatus.INCOMPLETE
QUICK = Retries(tries=2, first=0.0)
WEB, API, DOTFILES = 101, 102, 110
ACMES = {"groups_list": ["acme"]}
ODD: list[dict[str, Any]] = [
    {"kind": "absent", "column": "id"},
    {"kind": "null", "columns": ["id"]},
]


@pytest.mark.parametrize("fault", ODD)
@pytest.mark.parametrize("number", [WEB, DOTFILES])
def test_a_project_in_the_list_of_ones_own(
    faulty: Emulator, fault: dict[str, Any], number: int
) -> None:
    """Every other project comes, whole, and the list is named."""
    whole = read(config_for(faulty), ["projects"], retries=QUICK)
    faulty.faults([{**fault, "path": "^/api/v4/projects$", "row": {"id": number}}])
    reading = read(config_for(faulty), ["projects"], retries=QUICK)
    rest = [row for row in whole.rows["projects"] if row["id"] != number]
    found = [row for row in reading.rows["projects"] if row["id"] != number]
    key = "id"
    assert sorted(found, key=lambda row: row[key]) == sorted(rest, key=lambda row: row[key])
    told = f"{reading.failure} {reading.report}"
    assert reading.statuses["projects"] is INCOMPLETE
    assert "/api/v4/projects answered with a row" in told


@pytest.mark.parametrize("fault", ODD)
def test_a_project_in_the_list_that_has_the_roles(faulty: Emulator, fault: dict[str, Any]) -> None:
    """It is asked for by itself, so that nothing is missing at all."""
    whole = read(config_for(faulty, **ACMES), ["projects"], retries=QUICK)
    faulty.faults([{**fault, "path": "^/api/v4/projects$", "row": {"id": API}}])
    reading = read(config_for(faulty, **ACMES), ["projects"], retries=QUICK)
    assert reading.failure is None
    assert reading.rows["projects"] == whole.rows["projects"]


@pytest.mark.parametrize("fault", ODD)
@pytest.mark.parametrize(
    ("kind", "odd", "other"),
    [("projects", "acme/web", "acme/platform/api"), ("groups", "acme", "public-works")],
)
def test_what_was_named(
    faulty: Emulator, kind: str, odd: str, other: str, fault: dict[str, Any]
) -> None:
    """It cannot be read, by the name that was written; what was named beside it is."""
    path = odd.replace("/", "%2F")
    faulty.faults([{**fault, "path": f"^/api/v4/{kind}/{path}$"}])
    names = {f"{kind}_list": [odd, other]}
    reading = read(config_for(faulty, **names), ["projects"], retries=QUICK)
    assert reading.failure is not None
    assert f"The {kind[:-1]} '{odd}' in {kind}_list cannot be read" in reading.failure
    assert reading.rows["projects"]
