"""What a state remembers of what was chosen: the groups and projects, not how they are written."""

from __future__ import annotations

import pytest

from source_gitlab.core.state.origin import Chosen, Origin, selection_of

G = {"id": 10, "full_path": "Acme"}
RENAMED = {"id": 10, "full_path": "acme-corp"}
H = {"id": 20, "full_path": "works"}
P = {"id": 101, "path_with_namespace": "acme/web"}


def group(name: str, row: dict[str, object] | None = None) -> Chosen:
    """A group as it was written, with GitLab's row of it."""
    return Chosen.of("g", name, row)


def made(*chosen: Chosen, archived: bool = True) -> Origin:
    """What a state was made with, as it comes back."""
    selection = selection_of(chosen, archived=archived)
    return Origin.load(Origin("gitlab.test", selection=selection).to_json())


@pytest.mark.parametrize(
    "now",
    [
        [group("acme", G)],
        [group("ACME", G)],
        [group("10", G)],
        [group("acme", G), group("10", G)],
        [group("acme-corp", RENAMED)],
        [group("acme", RENAMED)],
        [group("acme", G), group("works", H)],
        # GitLab fails to say what it is, or it is not there any more: nothing is known of it.
        [group("acme")],
        [group("works", H), group("acme")],
        [group("10")],
    ],
)
def test_the_same_group_is_not_lost(now: list[Chosen]) -> None:
    """By its path in any letter case, by its id, by its new path, or twice."""
    assert not made(group("acme", G)).lost(now, archived=True)


@pytest.mark.parametrize(
    "now",
    [
        [group("works", H)],
        [],
        [group("acme", G), Chosen.of("p", "acme/web", P)],
        [Chosen.of("p", "10", {"id": 10, "path_with_namespace": "a/b"})],
        [group("20")],
    ],
)
def test_what_is_chosen_no_more_is_lost(now: list[Chosen]) -> None:
    """Projects beside a group are all that is read of projects."""
    assert made(group("acme", G)).lost(now, archived=True)


def test_a_name_that_does_not_resolve_is_one_of_them_only() -> None:
    """Of two that are missing, one is not chosen any more; the name itself is remembered, too."""
    both = made(group("acme", G), group("works", H))
    assert both.lost([group("typo")], archived=True)
    assert made(group("typo"), group("works", H)).lost([group("works", H)], archived=True)
    assert not made(group("acme")).lost([group("acme", G)], archived=True)


@pytest.mark.parametrize("name", ["acme", "ACME", "10"])
@pytest.mark.parametrize("written", ["g5c01d9e8", "ours"])
def test_states_of_before_have_digests_of_names(name: str, written: str) -> None:
    """They go on by the name that was written then, by the path and by the id."""
    old = selection_of([group("acme")], archived=True) if written == "ours" else f"a,{written}"
    origin = Origin("gitlab.test", selection=old)
    assert origin.lost([group(name, G)], archived=True) is (written != "ours")
    assert origin.lost([group("works", H)], archived=True)


def test_archived_projects_that_are_wanted_no_more() -> None:
    """They are something that was chosen."""
    assert made(group("acme", G)).lost([group("acme", G)], archived=False)
    assert not made(group("acme", G), archived=False).lost([group("acme", G)], archived=True)
