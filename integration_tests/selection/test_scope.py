"""What is in scope: everything that was asked for, however it was written, and nothing twice."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.launch import Emulator
from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.reading import Destination, config_for, differences, expected, read
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from integration_tests.support.reading import Reading

WEB, API, CLI, DOTFILES = 101, 102, 103, 110


def of_projects(reading: Reading, name: str = "projects") -> set[int]:
    """The projects that a stream has rows of."""
    column = "id" if name == "projects" else "project_id"
    return {row[column] for row in reading.rows[name]}


def no_row_twice(reading: Reading) -> bool:
    """Whether every key came once."""
    for name, rows in reading.rows.items():
        keys = [tuple(row[column] for column in streams()[name].key) for row in rows]
        if len(set(keys)) != len(keys):
            return False
    return True


def test_every_one_of_130_siblings_is_read() -> None:
    """A group's own row embeds 100 projects at most; the list has them all."""
    with Emulator("--world", "scaled", "--groups", "1", "--projects", "131") as gitlab:
        reading = read(config_for(gitlab), ["projects", "branches", "groups"])
        assert len(of_projects(reading)) == 131
        assert len(of_projects(reading, "branches")) == 131
        top = next(row for row in reading.rows["groups"] if row["parent_id"] is None)
        below = [row for row in reading.rows["groups"] if row is not top]
        assert sum(len(row["projects"]) for row in [top, *below]) == 131


def test_one_worker_reads_many_projects() -> None:
    """Planning waits for slices to be read, so it must not take the thread that reads them."""
    with Emulator("--world", "scaled", "--groups", "1", "--projects", "100") as gitlab:
        readings: list[Reading] = []
        config = config_for(gitlab, num_workers=1)

        def read_all() -> None:
            readings.append(read(config, ["branches"]))

        reading = Thread(target=read_all, daemon=True)
        reading.start()
        # It would wait forever; this is no measure of its speed.
        reading.join(PATIENCE)
        assert readings
        assert len(of_projects(readings[0], "branches")) == 100


@pytest.mark.parametrize(
    "name",
    [
        "acme/platform/tools",
        "Acme/PLATFORM/tools",
        "acme%2Fplatform%2Ftools",
        "/acme/platform/tools/",
    ],
)
def test_nested_groups_are_named_by_their_path(gitlab: Emulator, name: str) -> None:
    """In any letter case, encoded or not."""
    reading = read(config_for(gitlab, groups_list=[name]), ["issues", "projects"])
    assert reading.failure is None
    wanted = expected(gitlab, "issues", "projects", groups="acme/platform/tools")
    assert {row["id"] for row in reading.rows["issues"]} == {key[0] for key in wanted["issues"]}
    assert of_projects(reading) == {key[0] for key in wanted["projects"]}


def test_a_group_is_named_by_its_id(gitlab: Emulator) -> None:
    """As a number or as text."""
    by_path = read(config_for(gitlab, groups_list=["acme/platform"]), ["issues"])
    by_id = read(config_for(gitlab, groups_list=["11"]), ["issues"])
    assert by_id.rows["issues"] == by_path.rows["issues"]


def test_overlapping_groups_give_no_row_twice(gitlab: Emulator) -> None:
    """A group inside another chosen one adds nothing."""
    groups = ["acme", "acme/platform", "ACME/platform/tools", "10"]
    reading = read(config_for(gitlab, groups_list=groups))
    assert reading.failure is None
    assert no_row_twice(reading)
    destination = Destination()
    destination.write(reading)
    wanted = expected(gitlab, "issues", "merge_requests", "pipelines", "branches", groups="acme")
    for name in ("issues", "merge_requests", "pipelines", "branches"):
        assert not differences(destination.tables[name], wanted[name])


def test_projects_are_read_wherever_they_live(gitlab: Emulator) -> None:
    """By id or path, in a group that was not named, or in somebody's own namespace."""
    dotfiles = gitlab.get(f"projects/{DOTFILES}").json()["path_with_namespace"]
    projects = [str(API), "Acme/Web", dotfiles.upper(), "acme%2Fweb"]
    reading = read(config_for(gitlab, projects_list=projects))
    assert reading.failure is None
    assert no_row_twice(reading)
    assert of_projects(reading) == {WEB, API, DOTFILES}
    assert of_projects(reading, "issues") <= {WEB, API, DOTFILES}
    wanted = expected(gitlab, "issues", projects=f"{WEB},{API},{DOTFILES}")
    assert {row["id"] for row in reading.rows["issues"]} == {key[0] for key in wanted["issues"]}


def test_with_groups_and_projects_project_data_is_of_these_projects(gitlab: Emulator) -> None:
    """The groups are for what belongs to groups."""
    config = config_for(gitlab, groups_list=["acme"], projects_list=["acme/web"])
    reading = read(config)
    assert of_projects(reading) == {WEB}
    assert of_projects(reading, "issues") == {WEB}
    assert reading.rows["epics"]
    assert reading.rows["group_labels"]


def test_a_project_shared_into_a_group_is_not_the_groups(gitlab: Emulator) -> None:
    """GitLab lists it there unless told otherwise."""
    reading = read(config_for(gitlab, groups_list=["acme"]), ["projects", "project_milestones"])
    wanted = expected(gitlab, "projects", "project_milestones", groups="acme")
    assert of_projects(reading) == {key[0] for key in wanted["projects"]}
    milestones = {row["id"] for row in reading.rows["project_milestones"]}
    assert milestones == {key[0] for key in wanted["project_milestones"]}


@pytest.mark.parametrize("include", [True, False])
def test_archived_projects_are_read_unless_they_are_not_wanted(
    gitlab: Emulator, *, include: bool
) -> None:
    """GitLab's group lists leave them out unless told otherwise."""
    names = ["projects", "issues", "merge_requests", "branches", "project_milestones"]
    reading = read(config_for(gitlab, groups_list=["acme"], include_archived=include), names)
    destination = Destination()
    destination.write(reading)
    wanted = expected(gitlab, *names, groups="acme", archived=str(include).lower())
    for name in names:
        assert set(destination.tables[name]) == set(wanted[name]), name


def test_what_is_not_found_is_named_and_the_rest_is_read(gitlab: Emulator) -> None:
    """The streams are incomplete, because a thing that was asked for is missing."""
    config = config_for(gitlab, groups_list=["acme", "acme/no-such", "nobody"])
    reading = read(config, ["issues"])
    assert reading.rows["issues"]
    assert reading.failure is not None
    assert "'acme/no-such'" in reading.failure
    assert "'nobody'" in reading.failure


def by_version(gitlab: Emulator, name: str) -> list[Any]:
    """The ids of a stream of the group acme, sorted."""
    reading = read(config_for(gitlab, groups_list=["acme"]), [name])
    return sorted(row["id"] for row in reading.rows[name])


@pytest.mark.parametrize("name", ["group_milestones", "project_milestones"])
def test_old_versions_have_no_list_of_milestones_below_a_group(gitlab: Emulator, name: str) -> None:
    """There, every group and project is asked."""
    with Emulator("--gitlab-version", "16.6.2-ee") as old:
        assert by_version(old, name) == by_version(gitlab, name) != []
