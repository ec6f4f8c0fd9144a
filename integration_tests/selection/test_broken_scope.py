"""One project or group that breaks the list it is in: all others are read, and nothing is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airbyte_cdk.models import AirbyteStreamStatus

from integration_tests.selection.test_selection import extents
from integration_tests.support.reading import config_for, missing, read
from source_gitlab.gitlab.client import Retries
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator
    from integration_tests.support.reading import Reading

COMPLETE, INCOMPLETE = AirbyteStreamStatus.COMPLETE, AirbyteStreamStatus.INCOMPLETE
QUICK = Retries(tries=2, first=0.0)
ACME, PLATFORM, WEB, API, DOTFILES = 10, 11, 101, 102, 110
ACMES = {"groups_list": ["acme"]}
OF_GROUP = {"path": "^/api/v4/groups/10/projects$", "row": {"id": API}}
BELOW = {"path": "^/api/v4/groups/10/(descendant_groups|subgroups)$", "row": {"id": PLATFORM}}
# What a row can do to the list that it is in.
BREAKS = [
    {"kind": "broken_row"},
    {"kind": "raw_text", "column": "name", "text": "\x01"},
    {"kind": "absent", "column": "id"},
    {"kind": "replaced_row", "body": None},
]
NAMES = ("projects", "branches", "issues", "commits", "jobs", "merge_requests", "group_labels")


def keys(reading: Reading, name: str) -> set[tuple[Any, ...]]:
    """The keys of what was read."""
    return {tuple(row[c] for c in streams()[name].key) for row in reading.rows[name]}


@pytest.mark.parametrize("fault", BREAKS)
def test_a_project_that_breaks_the_list_of_its_group(
    faulty: Emulator, fault: dict[str, Any]
) -> None:
    """Every stream reads all others; the group is told by its path, once."""
    config = config_for(faulty, **ACMES)
    whole = read(config, NAMES, retries=QUICK)
    faulty.faults([{**fault, **OF_GROUP}])
    reading = read(config, NAMES, retries=QUICK)
    (told,) = reading.report["selection"]
    assert told["where"] == "projects of group acme"
    assert "/groups/10/projects" in told["message"]
    assert reading.failure is not None
    assert reading.failure.count("Not all projects of the group acme") == 1
    assert reading.statuses.pop("group_labels") is COMPLETE
    assert set(reading.statuses.values()) == {INCOMPLETE}
    for name in NAMES:
        key, owner = streams()[name].key, "id" if name == "projects" else "project_id"
        rest = {tuple(row[c] for c in key) for row in whole.rows[name] if row.get(owner) != API}
        assert rest <= keys(reading, name), name
    faulty.faults([])
    later = read(config, NAMES, reading.states.values(), retries=QUICK)
    assert later.failure is None
    for name in NAMES:
        assert keys(whole, name) == keys(reading, name) | keys(later, name), name


@pytest.mark.parametrize("fault", BREAKS)
def test_a_project_that_breaks_its_list_later(
    changing_gitlab: Emulator, fault: dict[str, Any]
) -> None:
    """What was read of it counts as read, and what changes meanwhile is not lost."""
    gitlab = changing_gitlab
    config = config_for(gitlab, **ACMES)
    first = read(config, ["issues", "branches"], retries=QUICK)
    gitlab.faults([{**fault, **OF_GROUP}])
    gitlab.mutate("create", table="issues", project_id=API)
    gitlab.mutate("create_branch", project_id=API, branch="while-it-was-broken")
    gitlab.mutate("create_branch", project_id=WEB, branch="beside-it")
    second = read(config, ["issues", "branches"], first.states.values(), retries=QUICK)
    assert second.statuses["issues"] is INCOMPLETE
    assert {"while-it-was-broken", "beside-it"} <= {row["name"] for row in second.rows["branches"]}
    gitlab.mutate("create", table="issues", project_id=API)
    gitlab.faults([])
    third = read(config, ["issues", "branches"], second.states.values(), retries=QUICK)
    assert third.failure is None
    of_api = [row for row in first.rows["issues"] if row["project_id"] == API]
    assert len(of_api) > len([row for row in third.rows["issues"] if row["project_id"] == API])
    for name in ("issues", "branches"):
        first.rows[name] += second.rows[name] + third.rows[name]
    assert not missing(gitlab, first, "issues", "branches", groups="acme")


def test_a_project_that_left_while_another_one_was_broken(changing_gitlab: Emulator) -> None:
    """It does not count as covered, so that what it brings back with it is read."""
    gitlab = changing_gitlab
    config = config_for(gitlab, **ACMES)
    first = read(config, ["issues"], retries=QUICK)
    gitlab.faults([{"kind": "broken_row", **OF_GROUP}])
    gitlab.mutate("move_project", id=WEB, group_id=20)
    gitlab.mutate("create", table="issues", project_id=WEB)
    gitlab.mutate("create", table="issues", project_id=103)
    second = read(config, ["issues"], first.states.values(), retries=QUICK)
    gitlab.faults([])
    gitlab.clock(advance=7200)
    gitlab.mutate("create", table="issues", project_id=103)
    third = read(config, ["issues"], second.states.values(), retries=QUICK)
    gitlab.mutate("move_project", id=WEB, group_id=ACME)
    fourth = read(config, ["issues"], third.states.values(), retries=QUICK)
    for later in (second, third, fourth):
        first.rows["issues"] += later.rows["issues"]
    assert not missing(gitlab, first, "issues", groups="acme")


def test_of_a_group_that_cannot_be_listed_whole_nothing_unseen_is_gone(faulty: Emulator) -> None:
    """What lies in projects that were listed can be."""
    faulty.faults([{"kind": "broken_row", **OF_GROUP}])
    found, _, _ = extents(faulty, "projects", "issues", "branches", **ACMES)
    for name in ("issues", "branches"):
        assert found[name].is_gone(WEB)
        assert not found[name].is_gone(API)
    assert not found["projects"].is_gone(API)
    assert not found["projects"].is_gone(12345)


@pytest.mark.parametrize("fault", BREAKS)
def test_a_group_that_breaks_the_list_of_groups(faulty: Emulator, fault: dict[str, Any]) -> None:
    """The groups beside it are read, and its own rows are not gone."""
    config = config_for(faulty, **ACMES)
    names = ("groups", "group_labels", "epics")
    whole = read(config, names, retries=QUICK)
    faulty.faults([{**fault, **BELOW}])
    reading = read(config, names, retries=QUICK)
    (told,) = reading.report["selection"]
    assert told["where"] == "groups of group acme"
    assert set(reading.statuses.values()) == {INCOMPLETE}
    assert keys(whole, "groups") - keys(reading, "groups") == {(PLATFORM,)}
    found, _, _ = extents(faulty, *names, **ACMES)
    assert not found["groups"].is_gone(PLATFORM)
    for name in ("group_labels", "epics"):
        assert found[name].is_gone(ACME)
        assert not found[name].is_gone(PLATFORM)
    faulty.faults([])
    later = read(config, names, reading.states.values(), retries=QUICK)
    assert later.failure is None
    for name in names:
        assert keys(whole, name) == keys(reading, name) | keys(later, name), name


@pytest.mark.parametrize("fault", BREAKS)
@pytest.mark.parametrize(("which", "number"), [("projects", DOTFILES), ("groups", ACME)])
def test_what_breaks_the_list_of_ones_own(
    faulty: Emulator, which: str, number: int, fault: dict[str, Any]
) -> None:
    """Every stream reads the other groups and projects, and nothing unseen is gone."""
    whole = read(config_for(faulty), NAMES, retries=QUICK)
    faulty.faults([{**fault, "path": f"^/api/v4/{which}$", "row": {"id": number}}])
    reading = read(config_for(faulty), NAMES, retries=QUICK)
    (told,) = reading.report["selection"]
    assert told["where"] == which
    assert INCOMPLETE in set(reading.statuses.values())
    owner = "project_id" if which == "projects" else "group_id"
    for name in NAMES[1:]:
        key = streams()[name].key
        rest = {tuple(r[c] for c in key) for r in whole.rows[name] if r.get(owner) != number}
        assert rest <= keys(reading, name), name
    found, _, _ = extents(faulty, "branches", "group_labels")
    assert not found["branches" if which == "projects" else "group_labels"].is_gone(number)
    faulty.faults([])
    later = read(config_for(faulty), NAMES, reading.states.values(), retries=QUICK)
    for name in NAMES:
        assert keys(whole, name) == keys(reading, name) | keys(later, name), name
