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
    name = next(iter(chosen.values()))[0].replace("/", "%2F")
    assert any(f"/{name}/issues?" in one for one in first)
    assert not any(f"/{name}/issues?" in one for one in asked(gitlab))


def test_a_name_that_does_not_resolve_is_one_error(gitlab: Emulator) -> None:
    """What was asked by it beside is refused, and neither told nor tried again."""
    gitlab.reset_requests()
    reading = read(config_for(gitlab, groups_list=["acne"]), ("issues",), retries=QUICK)
    assert reading.failure is not None
    assert "Did you mean 'acme'?" in reading.failure
    assert not any(reading.rows.values())
    paths = [one.partition("?")[0] for one in asked(gitlab)]
    assert paths.count("/api/v4/groups/acne/issues") == 1
    assert len(paths) <= 6 + 4


def test_a_read_with_a_state_asks_nothing_early(gitlab: Emulator) -> None:
    config = config_for(gitlab, groups_list=["acme"])
    states = list(read(config, ("issues",)).states.values())
    gitlab.reset_requests()
    read(config, ("issues",), states=states)
    assert not any("/acme/" in one for one in asked(gitlab))
