"""Parents that have no rows are not asked for them, where GraphQL shows that of many at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from integration_tests.support.history_world import GUARDED, GUEST, READER, SITE, WEB
from integration_tests.support.small_copies import HOUR, copy, ids
from integration_tests.support.stepped import IdleTime

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration_tests.support.copying import Copy
    from integration_tests.support.inprocess import HttpAnswer

NAME = "pipeline_trigger_jobs"
PIPELINES, WITH_TRIGGER_JOBS = 200, 10
JSON = {"content-type": "application/json"}
QUESTION = "/api/graphql?"


def trigger_job(it: Copy, pipeline: int, **more: Any) -> int:
    """A trigger job of a pipeline, which does not move it."""
    world = it.emulator.world
    number = max(world.jobs.next_id(), world.bridges.next_id())
    made = {"name": "child", "stage": "test", "status": "created", "user_id": READER}
    columns = {**made, "pipeline_id": pipeline, "queued_duration": 0.5, **more}
    project = world.pipelines[pipeline].project_id
    it.change("create", table="bridges", project_id=project, row_id=number, set=columns)
    return number


def ended(it: Copy, project: int, count: int, **more: Any) -> list[int]:
    """The ids of so many more pipelines of a project, which have ended."""
    made = [it.change("create_pipeline", project_id=project, jobs=1) for _ in range(count)]
    for one in made:
        it.emulator.world.pipelines[one["id"]].learn(status="success", **more)
    return [one["id"] for one in made]


def filled(count: int = PIPELINES, **settings: Any) -> tuple[Copy, list[int]]:
    """A copy of one project, and its pipelines of which every twentieth has a trigger job."""
    it = copy(groups_list=[], projects_list=[str(WEB)], **settings)
    made = ended(it, WEB, count)
    for pipeline in made[:: PIPELINES // WITH_TRIGGER_JOBS]:
        trigger_job(it, pipeline)
    it.later(HOUR)
    return it, made


def asked(it: Copy) -> list[int]:
    """The pipelines that the last read asked for trigger jobs."""
    found = (re.search(r"pipelines/(\d+)/bridges", one) for one in it.asked)
    return [int(one[1]) for one in found if one]


def questions(it: Copy) -> int:
    """How often the last read asked GraphQL."""
    return it.asked.count(QUESTION)


def lacks(it: Copy) -> list[str]:
    """What the copy lacks of its project."""
    return it.lacks(NAME, groups="", projects=",".join(it.settings["projects_list"]))


@pytest.mark.parametrize("workers", [1, 3])
def test_one_question_tells_of_many_pipelines(workers: int) -> None:
    """Those that have some are asked, and those that have not ended."""
    it, made = filled(num_workers=workers)
    rows = it.sync(NAME)[NAME]
    assert lacks(it) == []
    assert len({row["pipeline_id"] for row in rows} & {*made}) == WITH_TRIGGER_JOBS
    of_made = [one for one in asked(it) if one in made]
    assert len(of_made) == WITH_TRIGGER_JOBS
    assert 10 * (len(of_made) + questions(it)) <= PIPELINES
    assert len(asked(it)) < 2 * WITH_TRIGGER_JOBS


def test_the_same_rows_come_without_it() -> None:
    """From a GitLab that does not know the field."""
    it, _ = filled()
    rows = it.sync(NAME)[NAME]
    other, _ = filled()
    other.emulator.world.settings.graphql_lacks = ["Project.pipeline"]
    assert other.sync(NAME)[NAME] == rows
    assert len(asked(other)) > PIPELINES
    assert questions(other) == 1


def test_pipelines_that_run_are_asked() -> None:
    """And those that wait to run."""
    it, made = filled(25)
    for pipeline, status in zip(made, ("running", "pending", "created", "canceling"), strict=False):
        it.emulator.world.pipelines[pipeline].learn(status=status)
    it.sync(NAME)
    assert {*made[:4]} <= {*asked(it)}
    assert not {*made[4:20]} & {*asked(it)}
    assert lacks(it) == []


def test_a_pipeline_without_jobs_is_asked() -> None:
    """Nothing in it tells that its jobs may be looked at."""
    it, _ = filled(25)
    empty = it.change("create_pipeline", project_id=WEB, jobs=0)["id"]
    it.emulator.world.pipelines[empty].learn(status="failed")
    it.later(HOUR)
    it.sync(NAME)
    assert empty in asked(it)


def test_child_pipelines_are_looked_at_too() -> None:
    """They stand in a list of their own."""
    it, made = filled(2)
    children = ended(it, WEB, 3, source="parent_pipeline")
    trigger_job(it, children[1])
    it.later(HOUR)
    it.sync(NAME)
    assert [one for one in asked(it) if one in children] == [children[1]]
    assert made[1] not in asked(it)
    assert lacks(it) == []


def test_one_pipeline_is_asked_itself() -> None:
    """A question about it would cost as much."""
    it, _ = filled(25)
    it.sync(NAME)
    it.later(HOUR)
    it.sync(NAME)
    it.later(HOUR)
    (new,) = ended(it, WEB, 1)
    it.sync(NAME)
    assert asked(it) == [new]
    assert questions(it) <= 1


def test_a_trigger_job_that_comes_behind_the_read_is_read() -> None:
    """Its pipeline moved shortly before the read, and does not move again."""
    it, _ = filled(25)
    it.sync(NAME)
    made = ended(it, WEB, 3)
    it.later(20)
    it.sync(NAME)
    late = trigger_job(it, made[1])
    it.later(900)
    assert ids(it.sync(NAME)[NAME]) == [late]


def test_retried_trigger_jobs_are_not_rows() -> None:
    """GraphQL shows them and REST does not: one request more, and no row."""
    it, made = filled(25)
    old = trigger_job(it, made[1], retried=True)
    it.sync(NAME)
    assert made[1] in asked(it)
    assert (old,) not in it.tables[NAME]


def test_fewer_are_named_where_a_question_is_too_complex() -> None:
    """As long as there are two; what fits is remembered."""
    it, made = filled()
    it.emulator.world.settings.graphql_spared_points = 0
    it.emulator.world.settings.graphql_most_points = 100
    it.sync(NAME)
    assert lacks(it) == []
    assert len([one for one in asked(it) if one in made]) == WITH_TRIGGER_JOBS
    assert questions(it) < PIPELINES / 5
    it, _ = filled()
    it.emulator.world.settings.graphql_spared_points = 0
    it.emulator.world.settings.graphql_most_points = 1
    it.sync(NAME)
    assert lacks(it) == []
    assert len(asked(it)) > PIPELINES
    assert questions(it) < 10


def told(change: Callable[[dict[str, Any]], object]) -> Callable[[HttpAnswer], HttpAnswer]:
    """An answer of GraphQL with the project in it changed."""

    def altered(answer: HttpAnswer) -> HttpAnswer:
        data = orjson.loads(answer[2])
        change(data["data"]["projects"]["nodes"][0])
        return 200, JSON, orjson.dumps(data)

    return altered


def each(**values: Any) -> Callable[[HttpAnswer], HttpAnswer]:
    """An answer of GraphQL in which each pipeline has these values."""
    return told(lambda home: [one.update(values) for key, one in home.items() if key[0] == "p"])


def instead(body: Any, status: int = 200) -> Callable[[HttpAnswer], HttpAnswer]:
    """Another answer."""
    text = body if isinstance(body, bytes) else orjson.dumps(body)
    return lambda _answer: (status, JSON, text)


def with_error(answer: HttpAnswer) -> HttpAnswer:
    """The first pipelines could not be had, and say so."""
    home = orjson.loads(answer[2])["data"]["projects"]["nodes"][0]
    empty = {key: None if key[0] == "p" else one for key, one in home.items()}
    path = ["projects", "nodes", 0, "p0"]
    errors = [{"message": "Internal server error", "path": path}]
    return instead({"data": {"projects": {"nodes": [empty]}}, "errors": errors})(answer)


NOTHING: dict[str, list[Any]] = {"nodes": []}
LIES: dict[str, Callable[[HttpAnswer], HttpAnswer]] = {
    "no data": instead({"data": None}),
    "no projects": instead({"data": {"projects": None}}),
    "no such project": instead({"data": {"projects": NOTHING}}),
    "a hidden project": instead({"data": {"projects": {"nodes": [None]}}}),
    "another project": told(lambda home: home.update(id="gid://gitlab/Project/999")),
    "no pipelines": told(lambda home: [home.update({key: None}) for key in home if key[0] == "p"]),
    "pipelines that are missing": told(lambda home: [home.pop(key) for key in [*home][1:]]),
    "other pipelines": each(id="gid://gitlab/Ci::Pipeline/1", rows=NOTHING),
    "no jobs to look at": each(proof=None, rows=None),
    "jobs that are hidden": each(proof=NOTHING, rows=NOTHING),
    "a job that is null": each(proof={"nodes": [None]}, rows=NOTHING),
    "no answer to what was asked": each(rows=None),
    "a list in place of a connection": each(rows=[]),
    "an error in it": with_error,
    "an error": instead({"errors": [{"message": "Internal server error"}]}),
    "no permission": instead(
        {"errors": [{"message": "you don't have permission to perform this action"}]}
    ),
    "a timeout": instead({"errors": [{"message": "Timeout on Pipeline.jobs"}]}),
    "403": instead({"message": "403 Forbidden"}, 403),
    "404": instead({"message": "404 Not found"}, 404),
    "500": instead({"message": "500 Internal Server Error"}, 500),
    "a page": instead(b"<!DOCTYPE html><html></html>"),
    "a list": instead([]),
}


@pytest.mark.parametrize("lie", LIES)
def test_each_pipeline_is_asked_where_graphql_does_not_tell(lie: str) -> None:
    """All rows come, nothing is said of it, and it is not tried for each part again."""
    it, made = filled()
    answers = LIES[lie]
    it.wire.tamper = lambda path, _query, got: answers(got) if path == QUESTION[:-1] else got
    report = it.tried(NAME)
    assert lacks(it) == []
    assert {*made} <= {*asked(it)}
    assert not [*report.skipped, *report.failed]
    hidden = {"jobs that are hidden", "a job that is null"}
    assert questions(it) <= (PIPELINES / 8 if lie in hidden else 4)


@pytest.mark.parametrize(
    "settings",
    [
        {"graphql_lacks": ["Pipeline.jobs"]},
        {"graphql_lacks": ["Pipeline.jobs.jobKind"]},
        {"graphql_denies": ["Query.projects"]},
        {"graphql_denies": ["Project.pipeline"]},
        {"graphql_denies": ["Pipeline.jobs"]},
    ],
    ids=lambda one: " ".join(next(iter(one.values()))),
)
def test_each_pipeline_is_asked_of_an_older_gitlab(settings: dict[str, list[str]]) -> None:
    """Or of one that refuses it; GraphQL is asked once."""
    it, made = filled()
    it.emulator.world.settings.update(settings)
    report = it.tried(NAME)
    assert lacks(it) == []
    assert {*made} <= {*asked(it)}
    assert questions(it) == 1
    assert not [*report.skipped, *report.failed]


def test_each_pipeline_is_asked_where_questions_are_too_many() -> None:
    """GitLab says so with status 200, or 429, until the waits for it are over."""
    it, made = filled(25)
    timer = it.timer = IdleTime(it.emulator)
    said = "This endpoint has been requested too many times. Try again later."
    answer = instead({"data": None, "errors": [{"message": said}]})
    it.wire.tamper = lambda path, _query, got: answer(got) if path == QUESTION[:-1] else got
    it.sync(NAME)
    assert {*made} <= {*asked(it)}
    assert lacks(it) == []
    assert timer.now() > 0


def test_a_pipeline_that_graphql_cannot_give_is_asked() -> None:
    """And the others are not."""
    it, made = filled(25)
    it.emulator.world.settings.graphql_broken = {
        "Pipeline.jobs": f"gid://gitlab/Ci::Pipeline/{made[3]}"
    }
    it.sync(NAME)
    assert made[3] in asked(it)
    assert made[4] not in asked(it)
    assert lacks(it) == []


def test_a_guest_of_a_private_project_reads_all() -> None:
    """GraphQL shows no jobs to a guest, and REST does."""
    it, _ = filled()
    it.settings["projects_list"] = [str(GUARDED)]
    it.emulator.world.project_members[1].learn(access_level=GUEST)
    it.emulator.world.restructured()
    made = ended(it, GUARDED, 60)
    trigger_job(it, made[7])
    it.later(HOUR)
    it.sync(NAME)
    assert {*made} <= {*asked(it)}
    assert lacks(it) == []
    assert questions(it) <= 3


def test_who_may_read_no_jobs_is_told_by_rest() -> None:
    """GraphQL shows them all the same; the state stays, and rows come once they may be read."""
    it, _ = filled()
    it.settings["projects_list"] = [str(SITE)]
    made = ended(it, SITE, 30)
    for pipeline in made[::10]:
        trigger_job(it, pipeline)
    it.later(HOUR)
    project = it.emulator.world.projects[SITE]
    project.learn(public_builds=False)
    report = it.tried(NAME)
    assert [one.reason for one in report.skipped] == ["permission"]
    assert not it.tables[NAME]
    assert made[1] not in asked(it)
    project.learn(public_builds=True)
    it.later(HOUR)
    it.sync(NAME)
    assert lacks(it) == []


def test_a_parent_that_was_owed_is_not_owed_any_more() -> None:
    """Its children failed once, and GraphQL shows later that it has none."""
    it, made = filled(25)
    failing = f"/pipelines/{made[0]}/bridges"
    broken = (500, JSON, b"{}")
    it.wire.tamper = lambda path, _query, got: broken if path.endswith(failing) else got
    assert it.tried(NAME).failed
    assert it.states[NAME]["owed"]["parents"]
    it.wire.tamper = lambda _path, _query, got: got
    world = it.emulator.world
    for row in [one for one in world.bridges if one.pipeline_id == made[0]]:
        world.bridges.remove(row)
    for pipeline in made[:2]:
        it.change("touch", table="pipelines", id=pipeline)
    it.later(HOUR)
    it.sync(NAME)
    assert made[0] not in asked(it)
    assert "owed" not in it.states[NAME]


def test_a_read_that_is_killed_goes_on() -> None:
    """From the state of the pages before, in another session."""
    it, _ = filled()
    it.killed(NAME, 4)
    it.later(60)
    it.sync(NAME)
    assert lacks(it) == []
