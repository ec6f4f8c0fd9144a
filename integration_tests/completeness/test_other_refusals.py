"""Lists that GitLab refuses with other answers than 403 and 404, or because nothing is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airbyte_cdk.models import AirbyteStreamStatus

from integration_tests.gitlab.default_world import READER
from integration_tests.gitlab.world import MAINTAINER
from integration_tests.support.reading import config_for, missing, read
from integration_tests.support.setup_checking import report_of
from source_gitlab.setup_check.result import EMPTY_SCOPE, NEEDS_TIER, OK
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator
    from integration_tests.support.reading import Reading

ACME, PUBLIC = 10, 20
SEATS, TREE, MIRRORS, LDAP = (
    "group_billable_members",
    "repository_tree",
    "pull_mirrors",
    "group_ldap_links",
)
STORAGE = "namespace_storage_statistics"
TOP_LISTS = (SEATS, "group_saml_users", "group_enterprise_users", STORAGE)


def skipped(reading: Reading, name: str) -> list[dict[str, Any]]:
    """What the report says of a stream."""
    return [one for one in reading.report["skipped"] if one["stream"] == name]


def asked(gitlab: Emulator, part: str) -> int:
    """How often a list was asked for."""
    counts = gitlab.requests(limit=1)["counts"]
    return sum(sum(each.values()) for path, each in counts.items() if part in path)


@pytest.mark.parametrize("name", TOP_LISTS)
def test_a_group_below_the_top_is_reported_and_not_asked(
    changing_gitlab: Emulator, name: str
) -> None:
    """GitLab answers 400 there, which would look like a mistake of the reader's."""
    changing_gitlab.mutate("make_admin", user_id=READER)
    below = next(one for one in changing_gitlab.get("groups").json() if one["parent_id"])
    changing_gitlab.reset_requests()
    reading = read(config_for(changing_gitlab, groups_list=[below["full_path"]]), [name])
    assert reading.rows[name] == []
    assert reading.statuses[name] is AirbyteStreamStatus.COMPLETE
    (entry,) = skipped(reading, name)
    assert below["full_path"] in entry["message"]
    assert "at the top" in entry["message"]
    assert asked(changing_gitlab, name.removeprefix("group_")) == 0
    assert asked(changing_gitlab, "graphql") == 0


@pytest.mark.parametrize("name", TOP_LISTS)
def test_of_a_group_at_the_top_those_below_are_not_asked(
    changing_gitlab: Emulator, name: str
) -> None:
    """Nothing of them is missing, so nothing is said."""
    changing_gitlab.mutate("make_admin", user_id=READER)
    reading = read(config_for(changing_gitlab, groups_list=["acme"]), [name])
    assert {row["group_id"] for row in reading.rows[name]} == {ACME}
    assert skipped(reading, name) == []


def test_a_role_that_is_too_low_for_seats_is_no_failure(gitlab: Emulator) -> None:
    """GitLab says no more than 400 to those who do not own the group."""
    reading = read(config_for(gitlab), [SEATS])
    assert {row["group_id"] for row in reading.rows[SEATS]} == {ACME}
    assert reading.statuses[SEATS] is AirbyteStreamStatus.COMPLETE
    assert [one["id"] for one in skipped(reading, SEATS)] == [PUBLIC]
    assert "400" in skipped(reading, SEATS)[0]["message"]


@pytest.mark.parametrize("name", [TREE, MIRRORS, LDAP])
def test_what_has_nothing_is_read_whole(changing_gitlab: Emulator, name: str) -> None:
    """A refusal that says that there is nothing is neither skipped nor failed."""
    changing_gitlab.mutate("make_admin", user_id=READER)
    reading = read(config_for(changing_gitlab, groups_list=["acme"]), [name])
    assert reading.statuses[name] is AirbyteStreamStatus.COMPLETE
    assert reading.rows[name]
    told = [one for one in skipped(reading, name) if one["reason"] != "feature"]
    assert told == []
    assert missing(changing_gitlab, reading, name, groups="acme") == []


def test_another_refusal_of_such_a_list_is_one(changing_gitlab: Emulator) -> None:
    """A project whose mirror may not be seen is not one without a mirror."""
    changing_gitlab.settings(tier="free")
    reading = read(config_for(changing_gitlab), [MIRRORS])
    assert reading.rows[MIRRORS] == []
    assert {one["reason"] for one in skipped(reading, MIRRORS)} == {"tier"}


def test_a_check_knows_these_refusals(changing_gitlab: Emulator) -> None:
    """It says what is needed, and that a group below the top has no such lists."""
    declared = {name: streams()[name] for name in (SEATS, LDAP)}
    changing_gitlab.settings(tier="free")
    result = report_of(config_for(changing_gitlab, groups_list=["acme"]), declared=declared)
    assert {one.verdict for one in result.streams.values()} == {f"{NEEDS_TIER} Premium"}
    changing_gitlab.settings(tier="ultimate")
    changing_gitlab.mutate("remove_member", group_id=ACME, user_id=READER)
    changing_gitlab.mutate("add_member", group_id=ACME, user_id=READER, level=MAINTAINER)
    result = report_of(config_for(changing_gitlab, groups_list=["acme"]), declared=declared)
    assert "400" in result.streams[SEATS].message
    assert result.streams[SEATS].verdict == "needs role Owner or tier Premium"
    assert "the token's user is Maintainer" in result.streams[SEATS].message
    changing_gitlab.mutate("make_admin", user_id=READER)
    below = next(one for one in changing_gitlab.get("groups").json() if one["parent_id"])
    config = config_for(changing_gitlab, groups_list=[below["full_path"]])
    result = report_of(config, declared=declared)
    assert result.streams[SEATS].verdict == EMPTY_SCOPE
    assert "at the top" in result.streams[SEATS].message
    assert result.streams[LDAP].verdict == OK
