"""Lists that take no time filter: read again when something tells that they may differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration_tests.reading import Destination, config_for, differences, expected, read
from source_gitlab.declarations import streams

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator
    from integration_tests.reading import Reading

WEB, API = 101, 102
ACME = "acme"


def asked(gitlab: Emulator) -> dict[str, int]:
    """The requests since the last reset, by endpoint."""
    counts = gitlab.requests(limit=1)["counts"]
    return {path.removeprefix("GET "): sum(n.values()) for path, n in counts.items()}


def again(gitlab: Emulator, name: str, before: Reading) -> Reading:
    """A second read of one stream."""
    gitlab.reset_requests()
    return read(config_for(gitlab, groups_list=[ACME]), [name], before.states.values())


def first(gitlab: Emulator, name: str) -> Reading:
    """A first read of one stream, an hour and more after everything that happened."""
    gitlab.clock(advance=7200)
    return read(config_for(gitlab, groups_list=[ACME]), [name])


QUIET = [name for name, stream in streams().items() if stream.again]


@pytest.mark.parametrize("name", QUIET)
def test_a_quiet_project_is_not_asked_again(changing_gitlab: Emulator, name: str) -> None:
    """Not within a day."""
    before = first(changing_gitlab, name)
    assert before.rows[name]
    assert again(changing_gitlab, name, before).rows[name] == []
    paths = [path for path in asked(changing_gitlab) if path.startswith("/projects/:id/")]
    assert paths == []


@pytest.mark.parametrize("name", QUIET)
def test_after_a_day_it_is_asked_whatever_the_signals_say(
    changing_gitlab: Emulator, name: str
) -> None:
    """No signal of GitLab's tells everything."""
    before = first(changing_gitlab, name)
    changing_gitlab.clock(advance=25 * 3600)
    reading = again(changing_gitlab, name, before)
    stream = streams()[name]
    lists = [path for path in asked(changing_gitlab) if path.endswith(stream.path)]
    assert lists
    if stream.snapshot:
        assert len(reading.rows[name]) == len(before.rows[name])


@pytest.mark.parametrize("name", ["branches", "tags"])
def test_an_active_project_is_asked_and_others_are_not(
    changing_gitlab: Emulator, name: str
) -> None:
    """A push is activity."""
    before = first(changing_gitlab, name)
    changing_gitlab.mutate("create_branch", project_id=WEB, branch="new-branch")
    changing_gitlab.mutate("create_tag", project_id=WEB, tag="new-tag")
    reading = again(changing_gitlab, name, before)
    assert {row["project_id"] for row in reading.rows[name]} == {WEB}
    assert any(row["name"].startswith("new-") for row in reading.rows[name])


@pytest.mark.parametrize("name", ["project_labels", "group_labels", "releases"])
def test_a_change_in_any_project_is_seen_in_the_groups_list(
    changing_gitlab: Emulator, name: str
) -> None:
    """One request tells that something changed; then everything is read."""
    before = first(changing_gitlab, name)
    table = "releases" if name == "releases" else "labels"
    changing_gitlab.mutate("create", table=table, project_id=API)
    if name == "group_labels":
        changing_gitlab.mutate("create", table=table, group_id=10)
    reading = again(changing_gitlab, name, before)
    destination = Destination()
    destination.write(before)
    destination.write(reading)
    wanted = expected(changing_gitlab, groups=ACME, streams=name)[name]
    assert not differences(destination.tables[name], wanted)


def test_a_project_that_enters_a_quiet_group_is_read(changing_gitlab: Emulator) -> None:
    """Nothing of its labels may have changed, but they are new here."""
    before = first(changing_gitlab, "project_labels")
    changing_gitlab.mutate("move_project", id=108, group_id=10)
    reading = again(changing_gitlab, "project_labels", before)
    assert 108 in {row["project_id"] for row in reading.rows["project_labels"]}
