"""Projects in which nothing moves are not asked for what moves with it, on the same day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.launch import Emulator
from integration_tests.support.reading import config_for, missing, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration_tests.support.reading import Reading

NAMES = ["pipelines", "jobs", "pipeline_trigger_jobs", "deployments", "project_events"]
LISTS = {
    f"GET /projects/:id/{name}": name for name in ("pipelines", "jobs", "deployments", "events")
}
PROJECTS = 4
SIZES = ("--projects", PROJECTS, "--issues", 2, "--pipelines-per-project", 2, "--deployments", 2)


class Copy:
    """What an appending destination has after some reads, by stream and key."""

    def __init__(self, gitlab: Emulator) -> None:
        self.gitlab = gitlab
        self.whole: Reading | None = None
        self.counts: dict[str, int] = {}
        self.questions = 0

    def read(self) -> Reading:
        """Read on, and count what was asked."""
        self.gitlab.reset_requests()
        states = self.whole.states.values() if self.whole else ()
        reading = read(config_for(self.gitlab), NAMES, states)
        assert reading.failure is None
        counts = self.gitlab.requests(limit=1)["counts"]
        self.counts = {
            name: sum(counts.get(path, {}).values())
            for path, name in LISTS.items()
            if path in counts
        }
        self.questions = sum(counts.get("POST /api/graphql", {}).values())
        before = self.whole
        self.whole = reading
        if before is not None:
            for name, rows in before.rows.items():
                reading.rows[name] = rows + reading.rows[name]
        return reading

    def lacks(self) -> list[str]:
        """The rows that it lacks beside GitLab."""
        assert self.whole is not None
        return [one for name in NAMES for one in missing(self.gitlab, self.whole, name)]


@pytest.fixture
def copy() -> Iterator[Copy]:
    """One that was read at noon; it is an hour or two later."""
    with Emulator("--world", "scaled", "--groups", 1, *SIZES) as gitlab:
        gitlab.in_its_own_time()
        gitlab.clock(set=f"{gitlab.clock()[:10]}T12:00:00Z")
        made = Copy(gitlab)
        made.read()
        gitlab.clock(advance=2 * 3600)
        yield made


def project_of(copy: Copy) -> int:
    """One of the projects."""
    assert copy.whole is not None
    return int(copy.whole.rows["pipelines"][0]["project_id"])


def test_one_question_tells_of_all(copy: Copy) -> None:
    """No list of a project is asked for; the first read of the next day asks for all."""
    copy.read()
    assert copy.counts == {}
    assert copy.questions == 1
    copy.gitlab.clock(advance=12 * 3600)
    copy.read()
    assert copy.counts["pipelines"] == 2 * PROJECTS
    assert copy.counts["events"] == PROJECTS
    assert copy.lacks() == []


@pytest.mark.parametrize("parent", [False, True])
def test_a_pipeline_that_is_new_is_read(copy: Copy, parent: bool) -> None:  # noqa: FBT001
    """A child pipeline, too, and the job that started it."""
    assert copy.whole is not None
    row = copy.whole.rows["pipelines"][0]
    more: dict[str, Any] = {"parent_id": row["id"]} if parent else {}
    copy.gitlab.mutate("create_pipeline", project_id=row["project_id"], jobs=2, **more)
    copy.read()
    assert copy.counts["pipelines"] == 2
    assert copy.lacks() == []
    copy.gitlab.clock(advance=3600)
    copy.read()
    copy.gitlab.clock(advance=3600)
    copy.read()
    assert "pipelines" not in copy.counts


def test_a_deployment_of_a_pipeline_that_runs_is_read(copy: Copy) -> None:
    """Its job moves, and its pipeline does not."""
    project = project_of(copy)
    made = copy.gitlab.mutate("create_pipeline", project_id=project, jobs=1)
    running = {"columns": {"status": "running"}}
    copy.gitlab.mutate("update", table="pipelines", row_id=made["id"], **running)
    copy.read()
    copy.gitlab.clock(advance=3600)
    copy.read()
    copy.gitlab.clock(advance=3600)
    copy.gitlab.mutate("create", table="deployments", project_id=project)
    copy.read()
    assert copy.counts == {"deployments": 1}
    assert copy.lacks() == []


def test_a_deployment_without_a_job_is_read_the_next_day(copy: Copy) -> None:
    """It was made through the API, and nothing of its project moved."""
    copy.gitlab.mutate("create", table="deployments", project_id=project_of(copy))
    copy.gitlab.clock(advance=11 * 3600)
    copy.read()
    assert copy.lacks() == []


def test_an_event_is_read(copy: Copy) -> None:
    """It is activity of its project."""
    copy.gitlab.mutate("create", table="project_events", project_id=project_of(copy))
    copy.read()
    assert copy.counts["events"] == 1
    assert copy.lacks() == []


@pytest.mark.parametrize(
    "settings",
    [
        {"graphql_lacks": ["Project.pipelines"]},
        {"graphql_denies": ["Query.projects"]},
        {"graphql_denies": ["Project.pipelineCounts"]},
        {"graphql_denies": ["Pipeline.updatedAt"]},
        {"graphql_most_points": 3},
    ],
)
def test_lists_are_asked_for_where_graphql_does_not_tell(
    copy: Copy, settings: dict[str, Any]
) -> None:
    """An older GitLab, a role that may not read pipelines, or a time that is missing."""
    copy.gitlab.settings(**settings)
    copy.gitlab.mutate("create_pipeline", project_id=project_of(copy))
    copy.read()
    assert copy.counts["pipelines"] == 2 * PROJECTS
    assert copy.lacks() == []


@pytest.mark.parametrize("status", [403, 404, 500])
def test_lists_are_asked_for_where_graphql_fails(copy: Copy, status: int) -> None:
    """It is asked once."""
    copy.gitlab.faults([{"kind": "status", "status": status, "path": "/api/graphql$"}])
    copy.gitlab.mutate("create_pipeline", project_id=project_of(copy))
    reading = copy.read()
    assert copy.counts["pipelines"] == 2 * PROJECTS
    assert copy.lacks() == []
    assert reading.report["failed"] == []
