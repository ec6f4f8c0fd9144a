"""States, and configurations that are not the ones they were made with.

The names of these tests stand in docs/behaviors.md beside the promises that they hold.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest
from airbyte_cdk.models import AirbyteStateBlob, SyncMode

from integration_tests.gitlab.clock import SECOND, stamp
from integration_tests.gitlab.launch import Emulator
from integration_tests.support.histories import INCREMENTAL, comes_again
from integration_tests.support.history_world import OUTSIDE, TOP, WEB
from integration_tests.support.reading import LOGGER, Reading, catalog_of, config_for, read
from integration_tests.support.small_copies import HOUR, copy
from source_gitlab import SourceGitlab
from source_gitlab.config.urls import instance_name
from source_gitlab.gitlab.errors import FatalError
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration_tests.support.copying import Copy

BOUNDED = [
    name
    for name in INCREMENTAL
    if not streams()[name].snapshot and not comes_again(streams()[name])
]
WEEK_AGO, YESTERDAY = "2026-02-22T00:00:00Z", "2026-02-28T12:00:00Z"


def rows_of(it: Copy) -> dict[str, set[Any]]:
    """The keys that the copy holds, by stream."""
    return {name: set(it.tables[name]) for name in BOUNDED}


@pytest.mark.parametrize("projects", [[], [str(WEB), str(OUTSIDE)]])
@pytest.mark.parametrize("earlier", [WEEK_AGO, None])
def test_an_earlier_start_date_brings_what_lies_between_once(
    earlier: str | None, projects: list[str]
) -> None:
    chosen: dict[str, Any] = {"projects_list": projects, "groups_list": []} if projects else {}
    it, fresh = copy(start_date=YESTERDAY, **chosen), copy(**chosen)
    for one in (it, fresh):
        one.later(HOUR)
    it.sync(*BOUNDED)
    it.settings["start_date"] = fresh.settings["start_date"] = earlier
    fresh.sync(*BOUNDED)
    before = rows_of(it)
    it.later(60)
    it.sync(*BOUNDED)
    assert before != rows_of(it) == rows_of(fresh)
    if earlier is None:
        params = {"groups": "", "projects": ",".join(projects)} if projects else {}
        assert it.lacks(*BOUNDED, **params) == []
    for _ in range(2):
        it.later(HOUR)
        last = it.sync(*BOUNDED)
    assert last == {name: [] for name in BOUNDED}


@pytest.mark.parametrize("pages", range(1, 8))
def test_a_read_from_an_earlier_start_date_may_be_killed(pages: int) -> None:
    it = copy(3, start_date=YESTERDAY)
    it.sync("issues")
    it.settings["start_date"] = None
    it.killed("issues", pages)
    it.later(HOUR)
    it.killed("issues", pages)
    it.sync("issues")
    assert it.lacks("issues") == []


def test_a_later_start_date_keeps_what_was_read_and_may_be_taken_back() -> None:
    it = copy()
    it.sync("issues", "merge_requests")
    it.settings["start_date"] = YESTERDAY
    it.later(HOUR)
    assert it.sync("issues", "merge_requests") == {"issues": [], "merge_requests": []}
    it.settings["start_date"] = None
    it.later(HOUR)
    assert it.sync("issues", "merge_requests") == {"issues": [], "merge_requests": []}
    it.settings["start_date"] = YESTERDAY
    it.change("move_project", id=OUTSIDE, group_id=TOP)
    it.sync("issues", "merge_requests")
    it.settings["start_date"] = None
    it.sync("issues", "merge_requests")
    assert it.lacks("issues", "merge_requests") == []


@pytest.mark.parametrize(("hours", "fails"), [(23, False), (25, True), (24 * 400, True)])
def test_a_start_date_in_the_future_is_a_mistake(hours: int, *, fails: bool) -> None:
    it = copy()
    ahead = stamp(it.emulator.world.clock.now() + hours * HOUR * SECOND)
    if fails:
        with pytest.raises(FatalError, match=r"start_date is 202.*lies in the future"):
            it.sync("issues", start_date=ahead)
        assert it.states == {}
    else:
        it.sync("issues", start_date=ahead)
    it.sync("issues")
    assert it.lacks("issues") == []


@pytest.fixture
def gitlabs() -> Iterator[tuple[Emulator, Emulator]]:
    """Two GitLabs with the same ids."""
    with Emulator() as one, Emulator() as other:
        yield one, other


def elsewhere(reading: Reading, instance: str) -> list[Any]:
    """The states of a reading, as if they had been made with a GitLab of this name."""
    states = []
    for name, message in reading.states.items():
        state = reading.state(name)
        state["origin"] = {**state["origin"], "instance": instance}
        assert message.stream is not None
        stream = dataclasses.replace(message.stream, stream_state=AirbyteStateBlob(state))
        states.append(dataclasses.replace(message, stream=stream))
    return states


def test_a_state_of_another_gitlab_is_refused(gitlabs: tuple[Emulator, Emulator]) -> None:
    one, other = gitlabs
    names = ["issues", "branches"]
    first = read(config_for(one), names)
    second = read(config_for(other), names, first.states.values())
    assert not second.rows
    assert not second.states
    for text in (instance_name(one.url), instance_name(other.url), "former_api_url", "reset"):
        assert text in str(second.failure)
    renamed = read(config_for(other, former_api_url=one.url), names, first.states.values())
    assert renamed.failure is None
    assert read(config_for(other), names, renamed.states.values()).failure is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://gitlab.example.com", "http://gitlab.example.com", True),
        ("https://gitlab.example.com", "https://GitLab.Example.com:443", True),
        ("http://gitlab.example.com:80/Lab", "https://gitlab.example.com/lab", True),
        ("https://gitlab.example.com", "https://gitlab.example.com/lab", False),
        ("https://gitlab.example.com", "https://gitlab.example.com:8443", False),
        ("https://gitlab.example.com", "https://gitlab.example.org", False),
        ("https://[::1]", "http://[::1]:80", True),
    ],
)
def test_an_instance_has_one_name_however_it_is_spelt(one: str, other: str, *, same: bool) -> None:
    assert (instance_name(one) == instance_name(other)) == same


def test_a_state_goes_on_under_another_spelling(gitlabs: tuple[Emulator, Emulator]) -> None:
    gitlab = gitlabs[0]
    first = read(config_for(gitlab), ["issues"])
    config = config_for(gitlab, api_url=f"{gitlab.url.upper()}/api/v4/")
    second = read(config, ["issues"], first.states.values())
    assert second.failure is None
    assert not second.rows


def test_a_full_refresh_reads_everything_whatever_the_state(
    gitlabs: tuple[Emulator, Emulator],
) -> None:
    config, names = config_for(gitlabs[0]), ["issues", "commits", "project_labels", "releases"]
    first = read(config, names)
    catalog = catalog_of(names)
    for configured in catalog.streams:
        configured.sync_mode = SyncMode.full_refresh
    second = Reading()
    for message in SourceGitlab().read(LOGGER, config, catalog, list(first.states.values())):
        second.take(message)
    assert {name: len(rows) for name, rows in second.rows.items()} == {
        name: len(rows) for name, rows in first.rows.items()
    }
    stale = elsewhere(first, "gitlab.elsewhere.example")
    third = list(SourceGitlab().read(LOGGER, config, catalog, stale))
    assert sum(message.type.value == "RECORD" for message in third) == sum(
        map(len, first.rows.values())
    )
