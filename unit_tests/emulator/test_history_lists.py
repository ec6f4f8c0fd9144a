"""Random histories can change the rows of every plain list, in the small world that they read."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.changes.projects import make_admin
from integration_tests.gitlab.expected import expected_rows
from integration_tests.gitlab.plain.resource import resources
from integration_tests.gitlab.plain.tables import all_rows, owner_of
from integration_tests.support.history_changes import Changes
from integration_tests.support.history_lists import TOUCHABLE, change_listed
from integration_tests.support.history_world import READER, small_world

if TYPE_CHECKING:
    from integration_tests.gitlab.emulator import Emulator

# The people of a history stay the same, and so does what is below a commit.
UNCHANGED = {"instance_users"} | {
    name for name, one in resources().items() if one.below == "commits"
}
DRAWS = [(a, a * 7 + b) for a in range(12) for b in range(4)]


@pytest.fixture
def emulator() -> Emulator:
    """The small world of the histories; this one has epics."""
    return small_world(Random(8), 100)


@pytest.mark.parametrize("name", [name for name in resources() if name not in UNCHANGED])
def test_changes_reach_a_list(name: str, emulator: Emulator) -> None:
    """What a reader should end up with is another thing afterwards."""
    if resources()[name].role == "admin":
        make_admin(emulator.world, READER)
    before = expected_rows(emulator, {"streams": name})[name]
    changes = Changes(emulator, strangers=True, streams=(name,))
    done = []
    for a, b in DRAWS:
        emulator.world.clock.advance(90_000_000)
        done.append(change_listed(changes, a, b))
    after = expected_rows(emulator, {"streams": name})[name]
    # Another entry's rows, which change through that one.
    if not resources()[name].of_projects:
        assert any(done)
        assert before != after


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, one in resources().items()
        if one.below and one.below not in TOUCHABLE and not one.table
    ],
)
def test_a_change_touches_what_the_row_stands_below(name: str, emulator: Emulator) -> None:
    """Or no read that looks at the owners could know of it."""
    world, resource = emulator.world, resources()[name]
    changes = Changes(emulator, strangers=True, streams=(name,))
    owners = {row.id: row.updated for row in all_rows(world, resource.below)}
    world.clock.advance(3_600_000_000)
    known = {row.id for row in all_rows(world, name)}
    assert any(change_listed(changes, a, b) for a, b in DRAWS)
    rows = [row for row in all_rows(world, name) if row.id not in known]
    for row in rows:
        owner = owner_of(world, resource, row)
        assert owner is not None
        assert owner.updated != owners[owner.id]
