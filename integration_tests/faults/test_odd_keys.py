"""Rows whose key is not what it should be: each is left out and named, and costs no other row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from airbyte_cdk.models import AirbyteStreamStatus

from integration_tests.support.reading import config_for, read
from source_gitlab.config import parse
from source_gitlab.gitlab.client import Retries
from source_gitlab.setup_check.run import check, session_for
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator
    from integration_tests.support.reading import Reading

COMPLETE, INCOMPLETE = AirbyteStreamStatus.COMPLETE, AirbyteStreamStatus.INCOMPLETE
QUICK = Retries(tries=2, first=0.0)
WEB, API = 101, 102
# One of each walk, and nothing below which another stream of these would lie.
STREAMS = (
    *("project_labels", "group_labels", "project_members", "group_members", "users"),
    *("releases", "tags", "branches", "issues", "deployments", "merge_request_commits", "jobs"),
    *("group_milestones", "project_milestones", "group_issue_boards"),
)
# Python takes true for 1, and cannot look up an object or a list among those it has seen.
ODD: list[Any] = [None, True, 1.5, {"a": 1}, [1], "of the other type"]


def row_key_of(name: str, row: dict[str, Any]) -> Any:
    """What tells a row apart from the others of its list."""
    return row[streams()[name].row_key[0]]


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_two_rows_of_every_list(faulty: Emulator, odd: Any) -> None:
    """Neither passes for a repeat of the other; both come when they are mended."""
    whole = read(config_for(faulty), STREAMS, retries=QUICK)
    struck: dict[str, set[Any]] = {}
    rules = []
    for name in STREAMS:
        numbers = sorted({row_key_of(name, row) for row in whole.rows[name]})[-2:]
        struck.setdefault(streams()[name].path, set()).update(numbers)
    for path, values in struck.items():
        column = next(s.row_key[0] for s in streams().values() if s.path == path)
        other = 12 if any(isinstance(value, str) for value in values) else "12"
        value = other if odd == "of the other type" else odd
        rule = {"kind": "changed_row", "path": f"/{re.sub('{.*?}', '[^/]+', path)}$"}
        rules.append({**rule, "row": {column: list(values)}, "body": {column: value}})
    faulty.faults(rules)
    reading = read(config_for(faulty), STREAMS, retries=QUICK)
    for name in STREAMS:
        stream, values = streams()[name], struck[streams()[name].path]
        lost = keys(whole, name) - keys(reading, name)
        rows = [row for row in whole.rows[name] if row_key_of(name, row) in values]
        gone = {tuple(row[column] for column in stream.key) for row in rows}
        assert gone, name
        assert lost == gone, name
        assert reading.statuses[name] is INCOMPLETE, name
    told = "\n".join(reading.errors + reading.logs)
    assert "was left out" in told
    assert "Traceback" not in told
    faulty.faults([])
    rest = read(config_for(faulty), STREAMS, reading.states.values(), retries=QUICK)
    for name in STREAMS:
        assert not keys(whole, name) - keys(reading, name) - keys(rest, name), name
        assert rest.statuses[name] is COMPLETE, name


@pytest.mark.parametrize("odd", [None, True, "102", [102], {"a": 1}], ids=str)
def test_two_projects_of_a_group(faulty: Emulator, odd: Any) -> None:
    """Every other project is read, with all that is below it, and so are the groups."""
    names = ["groups", "projects", "project_labels", "issues"]
    config = config_for(faulty, groups_list=["acme"])
    whole = read(config, names, retries=QUICK)
    path = "^/api/v4/groups/[^/]+/projects$"
    rule = {"kind": "changed_row", "path": path, "row": {"id": [WEB, API]}, "body": {"id": odd}}
    faulty.faults([rule])
    reading = read(config, names, retries=QUICK)
    assert keys(whole, "projects") - keys(reading, "projects") == {(WEB,), (API,)}
    assert keys(reading, "groups") == keys(whole, "groups")
    rest = [row for row in whole.rows["project_labels"] if row["project_id"] not in {WEB, API}]
    assert len(reading.rows["project_labels"]) == len(rest) > 0
    assert reading.rows["issues"]
    assert INCOMPLETE in reading.statuses.values()
    assert "instead of a number" in f"{reading.failure} {reading.logs} {reading.errors}"


@pytest.mark.parametrize("odd", [None, True, "11", [11], {"a": 1}], ids=str)
def test_a_group_below_a_group(faulty: Emulator, odd: Any) -> None:
    """Every other group is read, and the list is named."""
    config = config_for(faulty, groups_list=["acme"])
    whole = read(config, ["groups", "group_labels"], retries=QUICK)
    below = next(row["id"] for row in whole.rows["groups"] if row["parent_id"])
    path = "/descendant_groups$"
    rule = {"kind": "changed_row", "path": path, "row": {"id": below}, "body": {"id": odd}}
    faulty.faults([rule])
    reading = read(config, ["groups", "group_labels"], retries=QUICK)
    assert keys(whole, "groups") - keys(reading, "groups") == {(below,)}
    lost = keys(whole, "group_labels") - keys(reading, "group_labels")
    assert all(below in key for key in lost)
    assert reading.statuses["groups"] is INCOMPLETE


@pytest.mark.parametrize("kind", ["groups", "projects"])
def test_what_was_named_and_has_no_number(faulty: Emulator, kind: str) -> None:
    """It cannot be read, and what was named beside it is."""
    odd, other = {
        "groups": ("acme", "public-works"),
        "projects": ("acme/web", "acme/platform/api"),
    }[kind]
    path = f"^/api/v4/{kind}/{odd.replace('/', '%2F')}$"
    faulty.faults([{"kind": "changed_row", "path": path, "body": {"id": "101"}}])
    config = config_for(faulty, **{f"{kind}_list": [odd, other]})
    reading = read(config, ["projects"], retries=QUICK)
    assert f"The {kind[:-1]} '{odd}' in {kind}_list cannot be read" in str(reading.failure)
    assert reading.rows["projects"]


@pytest.mark.parametrize("odd", [None, "10", [10]], ids=str)
def test_a_check_of_what_has_no_number(faulty: Emulator, odd: Any) -> None:
    """It says so of what was named, and leaves it out of what the token is a member of."""
    path = "^/api/v4/groups(/acme)?$|^/api/v4/projects$"
    faulty.faults([{"kind": "changed_row", "path": path, "body": {"id": odd}}])
    with session_for(parse(config_for(faulty, groups_list=["acme"]))) as session:
        result = check(session)
    assert not result.ok
    assert "instead of a number" in str(result.to_json())
    with session_for(parse(config_for(faulty))) as session:
        assert "Traceback" not in str(check(session).to_json())


def test_a_user_who_has_no_number(faulty: Emulator) -> None:
    """Whose token it is is not known, and all is read."""
    whole = read(config_for(faulty), ["issues"], retries=QUICK)
    faulty.faults([{"kind": "changed_row", "path": "^/api/v4/user$", "body": {"id": None}}])
    reading = read(config_for(faulty), ["issues"], retries=QUICK)
    assert reading.statuses == {"issues": COMPLETE}
    assert keys(reading, "issues") == keys(whole, "issues")


def test_the_head_of_a_branch_that_has_no_name(faulty: Emulator) -> None:
    """No branch is followed by it; the commits of the others come, and its own when mended."""
    config = config_for(faulty, projects_list=["acme/web"], commit_refs="all")
    whole = read(config, ["commits"], retries=QUICK)
    path = f"/projects/{WEB}/repository/branches$"
    faulty.faults([{"kind": "changed_row", "path": path, "row": {}, "body": {"commit": None}}])
    reading = read(config, ["commits"], retries=QUICK)
    assert reading.statuses["commits"] is INCOMPLETE
    assert reading.rows["commits"]
    assert "commit.id is None instead of a text" in "\n".join(reading.errors + reading.logs)
    faulty.faults([])
    rest = read(config, ["commits"], reading.states.values(), retries=QUICK)
    assert keys(reading, "commits") | keys(rest, "commits") == keys(whole, "commits")


def keys(reading: Reading, name: str) -> set[tuple[Any, ...]]:
    """The keys of what was read."""
    return {tuple(row[c] for c in streams()[name].key) for row in reading.rows[name]}
