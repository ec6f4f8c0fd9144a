"""How many requests a read takes: exact numbers, so that none is added unnoticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.launch import Emulator
from integration_tests.reading import config_for, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration_tests.reading import Reading


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """A scaled world of one group, made with the arguments that the test gives."""
    with Emulator("--world", "scaled", "--groups", "1", *request.param.split()) as emulator:
        yield emulator


def group_of(gitlab: Emulator) -> str:
    """The path of the one group at the top."""
    tops = [row for row in gitlab.get("groups").json() if row["parent_id"] is None]
    assert len(tops) == 1
    return str(tops[0]["full_path"])


def counted(
    gitlab: Emulator, names: list[str], before: Reading | None = None
) -> tuple[Reading, dict[str, int]]:
    """A read of the world's group, and its requests by endpoint."""
    config = config_for(gitlab, groups_list=[group_of(gitlab)])
    gitlab.reset_requests()
    reading = read(config, names, before.states.values() if before else ())
    counts = gitlab.requests(limit=1)["counts"]
    assert reading.failure is None
    return reading, {
        endpoint.removeprefix("GET "): sum(by_status.values())
        for endpoint, by_status in counts.items()
    }


@pytest.mark.parametrize("world", ["--projects 10 --issues 100"], indirect=True)
def test_a_thousand_issues_in_ten_projects_are_eleven_list_requests(world: Emulator) -> None:
    """GitLab sends 100 rows a page, of which seeking repeats one."""
    reading, counts = counted(world, ["issues"])
    assert len(reading.rows["issues"]) == 1_000
    assert counts == {"/groups/:id": 1, "/groups/:id/projects": 2, "/groups/:id/issues": 11}


@pytest.mark.parametrize(
    "world",
    ["--projects 200 --issues 5 --merge-requests-per-project 5"],
    indirect=True,
)
def test_an_idle_read_of_two_hundred_projects_is_four_requests(world: Emulator) -> None:
    """The group, whether its projects are still the same, and one for each of the two lists."""
    first, _ = counted(world, ["issues", "merge_requests"])
    assert len(first.rows["issues"]) == len(first.rows["merge_requests"]) == 1_000
    again, counts = counted(world, ["issues", "merge_requests"], first)
    assert again.rows == {}
    assert counts == {
        "/groups/:id": 1,
        "/groups/:id/projects": 1,
        "/groups/:id/issues": 1,
        "/groups/:id/merge_requests": 1,
    }


@pytest.mark.parametrize(
    "world", ["--projects 2 --pipelines-per-project 50 --jobs-per-pipeline 10"], indirect=True
)
def test_jobs_take_a_request_a_hundred_not_one_a_pipeline(world: Emulator) -> None:
    """They come from the project's list."""
    reading, counts = counted(world, ["jobs"])
    assert len(reading.rows["jobs"]) == 1_000
    assert counts == {"/groups/:id": 1, "/groups/:id/projects": 1, "/projects/:id/jobs": 10}
