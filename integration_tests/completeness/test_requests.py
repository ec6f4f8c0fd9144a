"""How many requests a read takes: exact numbers, so that none is added unnoticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.launch import Emulator
from integration_tests.support.reading import config_for, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration_tests.support.reading import Reading


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
    """GitLab sends 100 rows a page, of which seeking repeats one.

    Whose token it is, and in how many projects the role shows everything, is a request each.
    """
    reading, counts = counted(world, ["issues"])
    assert len(reading.rows["issues"]) == 1_000
    assert counts == {
        "/user": 1,
        "/groups/:id": 1,
        "/groups/:id/projects": 3,
        "/groups/:id/issues": 11,
    }


@pytest.mark.parametrize("world", ["--projects 2 --issues 5000"], indirect=True)
def test_ten_thousand_issues_read_in_windows_are_a_hundred_and_five_list_requests(
    world: Emulator,
) -> None:
    """A hundred, if no page repeated a row and no window started a little early.

    The projects are listed once and looked at after every twenty pages. Fewer looks do where more
    pages had come when one began.
    """
    reading, counts = counted(world, ["issues"])
    assert len(reading.rows["issues"]) == 10_000
    assert 2 <= counts.pop("/groups/:id/projects") <= 8
    assert counts == {
        "/user": 1,
        "/groups/:id": 1,
        "/groups/:id/issues": 105,
    }


@pytest.mark.parametrize(
    "world",
    ["--projects 200 --issues 5 --merge-requests-per-project 5"],
    indirect=True,
)
def test_an_idle_read_of_two_hundred_projects_is_six_requests(world: Emulator) -> None:
    """The user, the group, whether its projects and the roles in them are still the same.

    And one for each of the two lists.
    """
    first, _ = counted(world, ["issues", "merge_requests"])
    assert len(first.rows["issues"]) == len(first.rows["merge_requests"]) == 1_000
    again, counts = counted(world, ["issues", "merge_requests"], first)
    assert again.rows == {}
    assert counts == {
        "/user": 1,
        "/groups/:id": 1,
        "/groups/:id/projects": 2,
        "/groups/:id/issues": 1,
        "/groups/:id/merge_requests": 1,
    }


@pytest.mark.parametrize(
    "world",
    ["--projects 320 --issues 1 --merge-requests-per-project 1 --tags 1"],
    indirect=True,
)
def test_an_idle_read_of_all_that_groups_list_is_twelve_requests(world: Emulator) -> None:
    """However many projects, labels and releases there are: 320, 321 and 320 here."""
    names = ["epics", "group_labels", "group_milestones", "issues", "merge_requests"]
    names += ["project_labels", "project_milestones", "releases"]
    world.in_its_own_time()
    first, _ = counted(world, names)
    assert all(first.rows[name] for name in names if name != "project_milestones")
    assert len(first.rows["releases"]) == 320
    again, counts = counted(world, names, first)
    assert again.rows == {}
    assert counts == {
        "/user": 1,
        "/version": 1,
        "/groups/:id": 1,
        "/groups/:id/descendant_groups": 1,
        "/groups/:id/projects": 2,
        "/groups/:id/epics": 1,
        "/groups/:id/issues": 1,
        "/groups/:id/labels": 1,
        "/groups/:id/merge_requests": 1,
        "/groups/:id/milestones": 2,
    }


@pytest.mark.parametrize(
    "world", ["--projects 2 --pipelines-per-project 50 --jobs-per-pipeline 10"], indirect=True
)
def test_jobs_take_a_request_a_hundred_not_one_a_pipeline(world: Emulator) -> None:
    """They come from the project's list."""
    reading, counts = counted(world, ["jobs"])
    assert len(reading.rows["jobs"]) == 1_000
    assert counts == {"/groups/:id": 1, "/groups/:id/projects": 1, "/projects/:id/jobs": 10}


QUIET_JOBS = {"/groups/:id": 1, "/groups/:id/projects": 1, "POST /api/graphql": 1}
# A second answer, where the first one tells another time than this machine's clock.
QUIET_JOBS["/version"] = 1
MOVED_JOBS = {**QUIET_JOBS, "/projects/:id/pipelines": 2, "/projects/:id/jobs": 1}
OF_ONE_PIPELINE = "/projects/:id/pipelines/:pipeline_id/jobs"


def at_noon(gitlab: Emulator) -> Emulator:
    """An emulator at whose clock midnight is far off."""
    gitlab.in_its_own_time()
    gitlab.clock(set=f"{gitlab.clock()[:10]}T12:00:00Z")
    return gitlab


@pytest.mark.parametrize(
    "world", ["--projects 10 --pipelines-per-project 3 --jobs-per-pipeline 50"], indirect=True
)
def test_jobs_are_asked_for_where_a_pipeline_moved_and_once_a_day(world: Emulator) -> None:
    """Elsewhere one question tells that there is nothing new."""
    first, counts = counted(at_noon(world), ["jobs"])
    assert counts["/projects/:id/jobs"] == 20
    assert "/projects/:id/pipelines" not in counts
    quiet, counts = counted(world, ["jobs"], first)
    assert counts == QUIET_JOBS
    project, job = first.rows["jobs"][0]["project_id"], first.rows["jobs"][0]["id"]
    world.mutate("create_pipeline", project_id=project, jobs=2)
    made, counts = counted(world, ["jobs"], quiet)
    assert counts == MOVED_JOBS
    assert len(made.rows["jobs"]) == 2
    world.clock(advance=3600)
    world.mutate("finish_job", id=job)
    world.clock(advance=3600)
    moved, counts = counted(world, ["jobs"], made)
    # A project that was read at another time than the others is another question.
    asked = {"POST /api/graphql": counts["POST /api/graphql"]}
    assert counts == {**MOVED_JOBS, **asked, OF_ONE_PIPELINE: 1}
    assert asked["POST /api/graphql"] in {1, 2}
    assert job in {row["id"] for row in moved.rows["jobs"]}
    world.clock(advance=3600)
    quiet, counts = counted(world, ["jobs"], moved)
    assert counts == {**QUIET_JOBS, "POST /api/graphql": 2}
    world.clock(advance=12 * 3600)
    tomorrow, counts = counted(world, ["jobs"], quiet)
    lists = {"/projects/:id/pipelines": 20, "/projects/:id/jobs": 10}
    assert counts == {**lists, **{one: QUIET_JOBS[one] for one in QUIET_JOBS if one[0] == "/"}}
    _, counts = counted(world, ["jobs"], tomorrow)
    assert counts == QUIET_JOBS


@pytest.mark.parametrize("world", ["--projects 10"], indirect=True)
def test_people_take_no_request_beside_users(world: Emulator) -> None:
    """Alone they take as many as users do."""
    _, counts = counted(world, ["people"])
    assert counts == {"/groups/:id": 1, "/groups/:id/projects": 1, "/projects/:id/users": 10}
    _, counts = counted(at_noon(world), ["people", "users"])
    assert counts["/projects/:id/users"] == 10


@pytest.mark.parametrize(
    "world", ["--projects 10 --merge-requests-per-project 200 --commits-per-mr 2"], indirect=True
)
def test_commits_of_merge_requests_take_a_request_each(world: Emulator) -> None:
    """The merge requests themselves are 21 pages of their group's list.

    After each of these the group's projects are looked at, because a hundred requests came of it.
    Fewer looks do where more had come when one began.
    """
    reading, counts = counted(world, ["merge_request_commits"])
    assert len(reading.rows["merge_request_commits"]) == 4_000
    assert 2 <= counts.pop("/groups/:id/projects") <= 24
    assert counts == {
        "/user": 1,
        "/groups/:id": 1,
        "/groups/:id/merge_requests": 21,
        "/projects/:id/merge_requests/:iid/commits": 2_000,
    }


@pytest.mark.parametrize("world", ["--projects 20 --pipelines-per-project 2"], indirect=True)
def test_an_idle_read_is_no_request_a_project(world: Emulator) -> None:
    """One question tells of pipelines, jobs and deployments; all else is asked of the group.

    The first read asks for each project's pipelines no more often, though four streams need them.
    """
    names = ["issues", "merge_requests", "pipelines", "pipelines_extended", "pipeline_trigger_jobs"]
    names += ["jobs", "deployments", "branches", "tags", "commits", "releases", "project_labels"]
    first, counts = counted(at_noon(world), names)
    assert counts["/projects/:id/pipelines"] == 40
    world.clock(advance=3600)
    _, counts = counted(world, names, first)
    assert not [path for path in counts if "/projects/:id/" in path]
    assert counts["POST /api/graphql"] == 1
