"""Lists that answer 200 with a part of their rows to a role that is too low."""

from __future__ import annotations

from random import Random

import pytest

from integration_tests.gitlab.world import OWNER
from integration_tests.support.copying import Copy
from integration_tests.support.history_world import TOP, WEB, small_world

READER = 1
AUDITED = {"group_audit_events": TOP, "project_audit_events": WEB}
HOUR = 3_600


def role(it: Copy, level: int) -> None:
    """Give the reader another role."""
    it.change("remove_member", user_id=READER, group_id=TOP)
    it.change("add_member", user_id=READER, level=level, group_id=TOP)


@pytest.mark.parametrize("name", AUDITED)
def test_it_is_said_and_read_again_once_the_role_is_raised(name: str) -> None:
    """The rows that were hidden come then, though they are older than the last read."""
    it = Copy(small_world(Random(5), 100))
    it.emulator.world.settings.tier = "ultimate"
    role(it, 30)
    report = it.tried(name)
    assert report.failed == []
    assert {entry.reason for entry in report.skipped} == {"permission"}
    told = report.skipped[0].message
    assert "shows only a part of its rows to this token, without a word" in told
    wanted = "Owner" if name == "group_audit_events" else "Maintainer"
    assert (
        f"It takes at least the role {wanted} in {'group top' if AUDITED[name] == TOP else ''}"
        in told
    )
    before = len(it.tables[name])
    it.later(HOUR)
    role(it, OWNER)
    rows = it.sync(name)[name]
    assert it.lacks(name) == []
    assert len(it.tables[name]) > before
    it.later(HOUR)
    assert rows
    assert it.sync(name)[name] == []


def test_who_has_the_role_hears_nothing() -> None:
    """One request in a group tells the role."""
    it = Copy(small_world(Random(5), 100))
    it.emulator.world.settings.tier = "ultimate"
    report = it.tried(*AUDITED)
    assert report.skipped == []
    assert it.lacks(*AUDITED) == []
