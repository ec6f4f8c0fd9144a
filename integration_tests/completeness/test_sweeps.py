"""Changes that do not move the parent: read once a week, whatever happens to the reads."""

from __future__ import annotations

from random import Random

from integration_tests.support.copying import Copy
from integration_tests.support.history_world import small_world

DAY = 86_400
SWEPT = "merge_request_note_award_emoji"


def copy() -> Copy:
    """A copy of a small world, read a while ago."""
    it = Copy(small_world(Random(7), 2))
    it.sync(SWEPT)
    it.later(DAY)
    return it


def react(it: Copy) -> int:
    """A reaction to the oldest comment, which moves nothing."""
    note = min(it.tables["merge_request_notes"] or _notes(it))
    (number,) = it.change("create", table=SWEPT, owner_id=note[0])
    return int(number)


def _notes(it: Copy) -> dict[tuple[int], object]:
    it.sync("merge_request_notes")
    return dict(it.tables["merge_request_notes"])


def test_it_comes_within_a_week() -> None:
    """And not before, for nothing tells of it."""
    it = copy()
    reaction = react(it)
    it.later(600)
    assert reaction not in {row["id"] for row in it.sync(SWEPT)[SWEPT]}
    found = False
    for _ in range(8):
        it.later(DAY)
        found = found or reaction in {row["id"] for row in it.sync(SWEPT)[SWEPT]}
    assert found
    assert it.lacks(SWEPT) == []


def asked(it: Copy) -> int:
    """How many lists of reactions the last read asked for."""
    return sum("award_emoji" in one for one in it.asked)


def test_a_sweep_that_is_killed_goes_on() -> None:
    """Where it had come to, and it is over when it has come to its end."""
    it = copy()
    react(it)
    it.later(8 * DAY)
    pages = 0
    while "sweep" not in str(it.states[SWEPT]):
        pages += 1
        assert pages < 60
        it.killed(SWEPT, pages)
    done = asked(it)
    it.sync(SWEPT)
    assert it.lacks(SWEPT) == []
    assert "sweep" not in str(it.states[SWEPT])
    rest = asked(it)
    assert 0 < rest < len(_notes(it)) <= done + rest
    it.later(DAY)
    assert it.sync(SWEPT)[SWEPT] == []
    assert asked(it) == 0
