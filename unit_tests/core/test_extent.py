"""Rows count as gone only where what they belong to was read to its end, or is in scope no more."""

from __future__ import annotations

from source_gitlab.core.extent import Extents
from source_gitlab.core.slices import SCOPE, Place, Slice

MEMBERS = {1: frozenset({11, 12}), 2: frozenset({21})}


def slice_of(scope: str, number: int) -> Slice:
    """A slice of some stream."""
    return Slice(stream="s", container=scope, id=number)


def extents(planned: list[Slice], read: list[Slice], *, deep: bool, whole: bool = True) -> Extents:
    """What is known when these were planned, and those read."""
    found = Extents()
    for one in planned:
        found.plan("s", one, deep=deep)
    for one in read:
        found.read("s", one, deep=deep)
    if whole:
        found.planned("s")
    return found


def gone(found: Extents, column: str = "project_id") -> set[int]:
    """Of which of five projects, and one that left, rows that did not come are gone."""
    extent = found.of("s", column, MEMBERS.get)
    assert not extent.is_gone(None)
    return {number for number in (11, 12, 21, 31, 99) if extent.is_gone(number)}


def test_rows_of_no_single_project_are_gone_all_or_none() -> None:
    """All when every list was read to its end, and the lists are all that there are."""
    slices = [slice_of("project", 11), slice_of("project", 12)]

    def whole(found: Extents) -> bool:
        extent = found.of("s", None, MEMBERS.get)
        assert extent.is_gone(11) is extent.whole
        assert not extent.is_gone(None)
        return extent.whole

    assert whole(extents(slices, slices, deep=False))
    assert not whole(extents(slices, slices[:1], deep=False))
    assert not whole(extents(slices, slices, deep=False, whole=False))
    for where in (Place("project", 11), Place("project", 99), Place("somewhere", None)):
        found = extents(slices, slices, deep=False)
        found.missed("s", where)
        assert not whole(found)


def test_all_that_was_planned_was_read() -> None:
    """What did not come is gone, whatever it belonged to."""
    slices = [slice_of("project", 11), slice_of("project", 12)]
    found = extents(slices, slices, deep=False)
    assert gone(found) == {11, 12, 21, 31, 99}
    assert found.of("s", "project_id", MEMBERS.get).whole


def test_a_slice_that_nobody_says_was_read_keeps_its_rows() -> None:
    """That is what a refusal, a failure, a kill and a mistake in this program have in common."""
    slices = [slice_of("project", 11), slice_of("project", 12)]
    assert gone(extents(slices, slices[:1], deep=False)) == {11, 21, 31, 99}


def test_what_was_stepped_over_keeps_the_rows_of_its_project() -> None:
    """Although the list around it was read to its end."""
    slices = [slice_of("group", 1)]
    found = extents(slices, slices, deep=True)
    found.missed("s", Place("project", 12))
    assert gone(found) == {11, 21, 31, 99}


def test_a_group_that_was_not_read_keeps_the_rows_of_all_its_projects() -> None:
    """They are those that GitLab listed for it."""
    slices = [slice_of("group", 1), slice_of("group", 2)]
    assert gone(extents(slices, slices[1:], deep=True)) == {21, 31, 99}


def test_a_group_whose_members_are_not_known() -> None:
    """Any row may belong to it."""
    slices = [slice_of("group", 1), slice_of("group", 3)]
    assert gone(extents(slices, slices[:1], deep=True)) == set()


def test_not_all_that_is_in_scope_is_known() -> None:
    """Only what was read to its end can lose rows: any other may belong to what is not known."""
    slices = [slice_of("project", 11), slice_of("project", 12)]
    assert gone(extents(slices, slices[:1], deep=False, whole=False)) == {11}
    group = [slice_of("group", 1)]
    assert gone(extents(group, group, deep=True, whole=False)) == {11, 12}


def test_a_place_that_is_not_known() -> None:
    """It may be any, so nothing is gone."""
    slices = [slice_of("project", 11)]
    found = extents(slices, slices, deep=False)
    found.missed("s", SCOPE)
    assert gone(found) == set()


def test_a_single_group_is_not_what_lies_below_it() -> None:
    """A list of one group alone says nothing of others; a deep one does."""
    one = [slice_of("group", 1)]
    assert gone(extents(one, [], deep=False), "group_id") == {11, 12, 21, 31, 99}
    assert gone(extents(one, [], deep=True), "group_id") == {21, 31, 99}


def test_an_inventory() -> None:
    """Of what one group lists only all or nothing is known; single projects can be kept."""
    slices = [slice_of("inventory", 1)]
    assert gone(extents(slices, [], deep=False), "id") == set()
    found = extents(slices, slices, deep=False)
    found.missed("s", Place("project", 12))
    assert gone(found, "id") == {11, 21, 31, 99}
