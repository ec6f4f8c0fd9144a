"""What a first read asks in any case, it asks at once, by the name of what was chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration_tests.support.reading import config_for, read
from source_gitlab.gitlab.client import Retries

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator

QUICK = Retries(tries=2, first=0.0)
CHOSEN = (
    {"groups_list": ["acme"]},
    {"groups_list": ["acme/platform"]},
    {"projects_list": ["acme/web"]},
)


def asked(gitlab: Emulator) -> list[str]:
    """The addresses of all requests."""
    return [f"{one['path']}?{one['query']}" for one in gitlab.requests()["recent"]]


@pytest.mark.parametrize("chosen", CHOSEN)
def test_it_brings_the_same_rows_in_as_many_requests(
    gitlab: Emulator, chosen: dict[str, list[str]]
) -> None:
    gitlab.reset_requests()
    at_once = read(config_for(gitlab, **chosen), ("issues", "merge_requests"))
    first = asked(gitlab)
    gitlab.reset_requests()
    # With few workers a request that is made early would keep another one waiting.
    in_turn = read(config_for(gitlab, num_workers=2, **chosen), ("issues", "merge_requests"))
    assert at_once.rows == in_turn.rows
    assert at_once.rows["issues"]
    assert len(first) == len(asked(gitlab))
    (kind, (chosen_name,)), *_ = chosen.items()
    early = f"/{chosen_name.replace('/', '%2F')}/" + (
        "projects?" if "groups" in kind else "issues?"
    )
    assert any(early in one for one in first)
    assert not any(early in one for one in asked(gitlab))


def test_rows_of_a_group_are_asked_for_when_its_projects_have_come(gitlab: Emulator) -> None:
    """One that is shown in between would pass for a project whose rows have come."""
    gitlab.reset_requests()
    gitlab.faults([{"kind": "slow", "seconds": 0.3, "path": "/projects$"}])
    read(config_for(gitlab, groups_list=["acme"]), ("issues",))
    gitlab.faults([])
    paths = [one.partition("?")[0] for one in asked(gitlab)]
    assert "/api/v4/groups/acme/issues" not in paths
    listed = paths.index("/api/v4/groups/acme/projects")
    assert listed < next(place for place, one in enumerate(paths) if one.endswith("/issues"))


def test_a_name_that_does_not_resolve_is_one_error(gitlab: Emulator) -> None:
    """What was asked by it beside is refused, and neither told nor tried again."""
    gitlab.reset_requests()
    reading = read(config_for(gitlab, groups_list=["acne"]), ("issues",), retries=QUICK)
    assert reading.failure is not None
    assert "Did you mean 'acme'?" in reading.failure
    assert not any(reading.rows.values())
    paths = [one.partition("?")[0] for one in asked(gitlab)]
    assert paths.count("/api/v4/groups/acne/projects") == 2
    assert len(paths) <= 6 + 4


def test_a_read_with_a_state_asks_nothing_early(gitlab: Emulator) -> None:
    config = config_for(gitlab, groups_list=["acme"])
    states = list(read(config, ("issues",)).states.values())
    gitlab.reset_requests()
    read(config, ("issues",), states=states)
    assert not any("/acme/" in one for one in asked(gitlab))
