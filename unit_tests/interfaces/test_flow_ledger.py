"""The ledger of a Flow binding: what it says is new, left or gone, and what a state holds of it."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from integration_tests.support.merge_patch import apply, nulls
from source_gitlab.core.extent import Extent
from source_gitlab.core.slices import Owner
from source_gitlab.interfaces.flow.ledger import Ledger, LedgerError, Room, digest, size_of

KEY, FURTHER = ("id", "name"), ("project_id", "parent_id")
WHOLE = Extent("project_id", frozenset(), all_but=True)


def row(number: int, title: str = "a", **more: Any) -> dict[str, Any]:
    """A row of one of two projects and three parents."""
    base = {"id": number, "name": f"n{number}", "project_id": number % 2, "parent_id": number % 3}
    return {**base, "title": title, **more}


def made(room: int = 10_000) -> Ledger:
    """An empty ledger."""
    return Ledger(KEY, FURTHER, Room(room))


def news(ledger: Ledger, *rows: dict[str, Any]) -> list[int]:
    """The ids of the rows that are new to a ledger."""
    return [one["id"] for one in rows if ledger.is_new(*ledger.of(one))]


def ids(rows: list[dict[str, Any]]) -> list[int]:
    """Their ids, in order."""
    return sorted(one["id"] for one in rows)


def reloaded(parts: dict[str, Any]) -> Ledger:
    """The ledger that a state holds."""
    ledger = made()
    ledger.load(parts)
    return ledger


def test_only_rows_that_differ_are_new() -> None:
    """When they were read makes no difference, and neither does the order of columns."""
    ledger = made()
    assert news(ledger, row(1), row(2)) == [1, 2]
    assert news(ledger, row(1, read_at="later"), row(2, "b")) == [2]
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1}) != digest({"a": "1"})


def test_rows_that_were_not_seen_are_gone_where_the_read_looked() -> None:
    """And in no other project; a row of no project is never gone."""
    ledger = made()
    news(ledger, *map(row, range(6)), row(9, project_id=None))
    ledger.begin()
    news(ledger, row(0), row(1))
    some = Extent("project_id", frozenset({1}), all_but=False)
    assert ids(ledger.gone(some)) == [3, 5]
    assert ids(ledger.gone(Extent("project_id", frozenset({0}), all_but=True))) == []
    assert ids(ledger.gone(Extent("", frozenset(), all_but=False))) == []
    assert ids(ledger.gone(WHOLE)) == [2, 4, 9]
    assert news(ledger, row(2)) == [2]


def test_what_an_owner_lacks_is_left() -> None:
    """Also by columns of which some are in the key, and after a row has moved to another owner."""
    ledger = made()
    news(ledger, *map(row, range(6)))
    owner = Owner(("parent_id",), (0,))
    kept = [ledger.of(row(3))[0]]
    (left,) = ledger.left(owner, kept)
    assert left == {"id": 0, "name": "n0", "project_id": 0, "parent_id": 0}
    assert ledger.left(owner, kept) == []
    assert news(ledger, row(3, parent_id=2)) == [3]
    assert ids(ledger.left(Owner(("parent_id",), (2,)), [])) == [2, 3, 5]
    assert ids(ledger.left(Owner(("project_id", "id"), (1, 1)), [])) == [1]


@pytest.mark.parametrize("seed", range(5))
def test_any_parts_of_a_state_make_the_same_ledger(seed: int) -> None:
    """Patch by patch, compacted or not; no null is in the state."""
    draw, ledger = Random(seed), made()
    state: dict[str, Any] = {}
    for step in range(120):
        ledger.begin()
        rows = [row(draw.randrange(40), draw.choice("ab")) for _ in range(draw.randrange(5))]
        news(ledger, *rows)
        if draw.random() < 0.2:
            ledger.gone(WHOLE)
        patch = ledger.compacted() if step % 10 == 9 else ledger.part()
        state = apply(patch, state)
        assert nulls(state) == []
        assert len(state) <= 51
    again = reloaded(state)
    again.begin()
    ledger.begin()
    every = [row(number, title) for number in range(40) for title in "ab"]
    assert news(again, *every) == news(ledger, *every)
    assert again.part().keys() == ledger.part().keys()


def test_a_ledger_holds_no_more_than_there_is_room() -> None:
    """Rows beyond are new each time; what leaves makes room."""
    ledger = made()
    ledger = made(room=2 * size_of(*ledger.of(row(1))))
    assert news(ledger, row(1), row(2), row(3)) == [1, 2, 3]
    assert ledger.is_full
    assert news(ledger, row(1), row(2), row(3)) == [3]
    ledger.begin()
    news(ledger, row(2))
    assert ids(ledger.gone(WHOLE)) == [1]
    assert news(ledger, row(3), row(3)) == [3]


def test_a_ledger_of_other_columns_starts_anew() -> None:
    """Its rows are new once, and nothing of them is gone."""
    ledger = made()
    news(ledger, row(1), row(2))
    state: Any = apply(ledger.part(), {})
    other = Ledger(KEY, ("project_id",), Room())
    other.load(state)
    assert other.gone(WHOLE) == []
    assert news(other, row(1)) == [1]
    state = apply(other.part(), state)
    again = Ledger(KEY, ("project_id",), Room())
    again.load(state)
    assert news(again, row(1), row(2)) == [2]


def test_the_state_is_small() -> None:
    """A dozen characters a row or so."""
    ledger = made(room=1_000_000)
    news(ledger, *map(row, range(10_000)))
    (text,) = ledger.part().values()
    assert text is not None
    assert len(text) < 20 * 10_000


@pytest.mark.parametrize(
    "parts", [{"0": "x"}, {"a": ""}, {"0": 1}, {"0": None}, {"0": "eJyLVogFAAGfANE="}]
)
def test_what_is_no_ledger_is_refused(parts: Any) -> None:
    """With an error that the face can tell."""
    with pytest.raises(LedgerError):
        reloaded(parts)
