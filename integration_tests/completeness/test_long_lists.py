"""Lists that are longer than GitLab counts, and labels that a project has from the groups above."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.launch import Emulator
from integration_tests.gitlab.rows import Row
from integration_tests.support.history_world import TOP
from integration_tests.support.reading import config_for, expected, read
from integration_tests.support.small_copies import copy

if TYPE_CHECKING:
    from integration_tests.support.copying import Copy
    from integration_tests.support.reading import Reading

COUNTED = 10_000
FIRST = 900_000
PROBE, EMPTY, BARE, ACME = 109, 107, 13, 10


def with_labels(count: int) -> Copy:
    """A copy of a GitLab whose group has so many labels."""
    it = copy()
    # It takes a minute to read them on a busy machine, and GitLab's clock does not stand meanwhile.
    clock = it.emulator.world.clock
    clock.set(clock.now(), frozen=False)
    for number in range(count):
        add_label(it, number)
    return it


def add_label(it: Copy, number: int) -> None:
    """One label more, by the name that its number gives it."""
    facts = {"name": f"label {number:06}", "color": "#00ff00", "text_color": "#ffffff"}
    it.emulator.world.labels.add(Row(FIRST + number, facts, group_id=TOP))


def label_requests(it: Copy) -> list[str]:
    """The requests for labels of the last sync."""
    return [one for one in it.asked if "/labels?" in one]


@pytest.mark.parametrize("more", [1, COUNTED + 17])
def test_an_idle_read_of_more_labels_than_gitlab_counts(more: int) -> None:
    """It finds the end of the list by halving, and reads nothing."""
    it = with_labels(COUNTED + more)
    it.sync("group_labels")
    it.later(3600)
    assert it.sync("group_labels")["group_labels"] == []
    assert len(label_requests(it)) <= 12


@pytest.mark.parametrize("more", [1, COUNTED + 17])
def test_a_label_more_or_less_among_more_than_gitlab_counts(more: int) -> None:
    """Both are seen by the next read."""
    it = with_labels(COUNTED + more)
    it.sync("group_labels")
    it.later(3600)
    add_label(it, COUNTED + more)
    rows = it.sync("group_labels")["group_labels"]
    assert FIRST + COUNTED + more in {row["id"] for row in rows}
    it.later(3600)
    it.emulator.world.labels.remove(it.emulator.world.labels[FIRST + COUNTED])
    assert it.sync("group_labels")["group_labels"]


def counts(gitlab: Emulator, before: Reading) -> tuple[Reading, dict[str, int]]:
    """A read that goes on from another one, and its requests by endpoint."""
    gitlab.reset_requests()
    reading = read(config_for(gitlab, groups_list=["scaled"]), ["issues"], before.states.values())
    found = gitlab.requests(limit=1)["counts"]
    return reading, {path.removeprefix("GET "): sum(n.values()) for path, n in found.items()}


def test_an_idle_read_of_more_projects_than_gitlab_counts() -> None:
    """One request tells that they are as many as before; one more or less is seen at once."""
    sizes = ("--groups", "1", "--projects", "320", "--issues", "1")
    with Emulator("--world", "scaled", *sizes) as gitlab:
        gitlab.settings(count_limit=250)
        config = config_for(gitlab, groups_list=["scaled"])
        # What was just made would be looked at again.
        gitlab.clock(advance=7_200)
        first = read(config, ["issues"])
        assert first.failure is None
        again, asked = counts(gitlab, first)
        assert again.rows == {}
        # The projects that changed last, the page on which the list of all of them ends, and
        # whether there is one in which the token's role hides rows.
        once = {"/user": 1, "/groups/:id": 1, "/groups/:id/issues": 1}
        assert asked == {**once, "/groups/:id/projects": 3}
        hidden = next(iter(first.rows["issues"]))["project_id"]
        gitlab.mutate("hide_project", id=hidden)
        away, asked = counts(gitlab, again)
        assert asked["/groups/:id/projects"] > 4
        gitlab.mutate("show_project", id=hidden)
        back, _ = counts(gitlab, away)
        assert {row["project_id"] for row in back.rows["issues"]} == {hidden}


def labels_of(reading: Reading, number: int) -> set[int]:
    """The labels that a read brought of a project."""
    return {row["id"] for row in reading.rows["project_labels"] if row["project_id"] == number}


@pytest.mark.parametrize("groups", [["acme", "public-works"], ["acme"]])
def test_a_project_that_moves_has_the_labels_of_its_new_group(
    changing_gitlab: Emulator, groups: list[str]
) -> None:
    """At once, although no list of a group's labels changed; others are not read again."""
    gitlab = changing_gitlab
    config = config_for(gitlab, groups_list=groups)
    number, target = (EMPTY, BARE) if groups == ["acme"] else (PROBE, ACME)
    gitlab.clock(advance=7_200)
    before = read(config, ["project_labels"])
    gitlab.mutate("move_project", id=number, group_id=target)
    reading = read(config, ["project_labels"], before.states.values())
    wanted: dict[tuple[Any, ...], Any] = expected(
        gitlab, "project_labels", groups=",".join(groups)
    )["project_labels"]
    assert labels_of(reading, number) == {key[1] for key in wanted if key[0] == number}
    assert labels_of(reading, number) != labels_of(before, number)
    assert {row["project_id"] for row in reading.rows["project_labels"]} == {number}
