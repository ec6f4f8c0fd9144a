"""People are told of projects and groups by their paths, programs by their ids as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.support.reading import config_for, read
from source_gitlab.gitlab.client import Retries

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator

QUICK = Retries(tries=2, first=0.0)
WEB = {"where": "project acme/web", "kind": "project", "id": 101, "path": "acme/web"}


@pytest.mark.parametrize(
    "chosen", [{}, {"groups_list": ["acme"]}, {"groups_list": ["10"]}, {"projects_list": ["101"]}]
)
@pytest.mark.parametrize("status", [403, 500])
def test_a_list_of_a_project(faulty: Emulator, chosen: dict[str, Any], status: int) -> None:
    """However it was chosen, and whether its list was refused or failed."""
    faulty.faults([{"kind": "status", "status": status, "path": "/projects/101/repository/br"}])
    reading = read(config_for(faulty, **chosen), ["branches"], retries=QUICK)
    entries = [*reading.report["skipped"], *reading.report["failed"]]
    (told,) = [one for one in entries if one["id"] == 101]
    assert {name: told[name] for name in WEB} == WEB
    assert any("project acme/web. " in line for line in reading.logs)
    assert not any("project 101" in line for line in reading.logs)


def test_a_list_of_a_group(faulty: Emulator) -> None:
    """A group below the chosen one has its own path."""
    faulty.faults([{"kind": "status", "status": 403, "path": "/groups/11/labels"}])
    reading = read(config_for(faulty, groups_list=["acme"]), ["group_labels"], retries=QUICK)
    (told,) = reading.report["skipped"]
    assert (told["kind"], told["id"]) == ("group", 11)
    assert told["where"] == "group acme/platform"
