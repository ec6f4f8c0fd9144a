"""What may happen to the small world between two requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from integration_tests.gitlab.clock import DAY, MINUTE, SECOND, stamp
from integration_tests.gitlab.mutations import mutate
from integration_tests.support.history_code import (
    delete_branch,
    force_push,
    push,
    push_to_merge_request,
    tag,
)
from integration_tests.support.history_lists import change_listed
from integration_tests.support.history_world import (
    ANOTHER,
    ELSE,
    GUARDED,
    IN_GRAPHQL,
    OPEN,
    OWN,
    PROJECTS,
    READER,
    SUB,
    TOP,
)

if TYPE_CHECKING:
    from integration_tests.gitlab.emulator import Emulator
    from integration_tests.gitlab.rows import Row

UPDATED = ("issues", "merge_requests", "milestones", "releases", "deployments", "epics")
CREATED = ("issues", "merge_requests", "deployments", "milestones", "releases")
FEATURES = ("issues", "merge_requests", "builds", "repository", "environments", "releases")


@dataclass
class Changes:
    """Changes an emulator's world; two numbers say what each change is about.

    What is lost while a sync runs is given back after it only: a thing that vanishes and comes
    back while one list is read cannot be missed by looking at what is there before and after.
    `streams` are those that the history reads, whose plain lists change.
    `strangers` allows for members coming and going, which moves no timestamp at all: in groups of
    more than a page of projects, as many of them lost as gained go unseen for a day.
    No pipeline tells of `late_jobs`: they are in the project's list, which is asked once a day.
    `imports` allows for rows with old times in place of what leaves: such rows are found by
    counting, once a day. They are `late_rows`, and so are deployments that no pipeline tells of.
    """

    emulator: Emulator
    strangers: bool
    imports: bool = False
    streams: tuple[str, ...] = ()
    later: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    late_jobs: set[int] = field(default_factory=set)
    late_rows: set[tuple[str, int]] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)
    lost_once: set[int] = field(default_factory=set)
    done: int = 0

    def apply(self, number: int, a: int, b: int) -> None:
        """Make one change; some do not fit the world as it is, and are left out."""
        kind = KINDS[number % len(KINDS)]
        if kind is import_old if not self.imports else kind in _LEAVING:
            return
        if kind(self, a, b):
            self.done += 1

    def pause(self) -> None:
        """The sync has ended: what was lost meanwhile may come back."""
        self.lost.clear()
        for op, args in self.later:
            mutate(self.emulator, op, args)
        self.later.clear()

    def lose(self, project_id: int, op: str, /, **args: Any) -> bool:
        """Do what takes a project, or a part of it, out of sight."""
        self.lost.add(project_id)
        self.lost_once.add(project_id)
        return self.do(op, **args)

    def give_back(self, project_id: int, op: str, /, **args: Any) -> bool:
        """Do what brings it back: now, or when nothing is read any more."""
        if project_id in self.lost:
            self.later.append((op, args))
            return True
        return self.do(op, **args)

    def role(self, level: int) -> None:
        """Give the reader another role in the group `top`."""
        self.do("remove_member", user_id=READER, group_id=TOP)
        self.do("add_member", user_id=READER, level=level, group_id=TOP)

    def do(self, op: str, **args: Any) -> bool:
        """One operation of the emulator."""
        mutate(self.emulator, op, args)
        return True

    def deployed(self, table: str, number: int) -> None:
        """A row was made or moved: of a deployment, by a job, or through the API.

        A job moves its pipeline. Nothing tells of the others, for which each day's first read asks.
        """
        if table != "deployments":
            return
        row = self.emulator.world.deployments.rows[number]
        pipelines = self.emulator.world.pipelines.of_project(row.project_id or 0)
        listed = [one for one in pipelines if _is_listed(one)]
        if listed and number % 2:
            moved = listed[number % len(listed)]
            self.do("update", table="pipelines", id=moved.id, set={}, updated_at=micros(self.now))
        else:
            self.late_rows.add((table, number))

    def some(self, table: str, number: int) -> Row | None:
        """A row of a table."""
        rows = list(self.emulator.world.table(table))
        return rows[number % len(rows)] if rows else None

    def project(self, number: int) -> int:
        """A project."""
        return PROJECTS[number % len(PROJECTS)]

    @property
    def now(self) -> int:
        """The server's clock, in microseconds."""
        return self.emulator.world.clock.now()


def create(it: Changes, a: int, b: int) -> bool:
    """A row more; now and then one of a transaction that took minutes to commit."""
    table, project_id = CREATED[a % len(CREATED)], it.project(b)
    if table == "deployments" and not it.emulator.world.environments.of_project(project_id):
        return False
    when = it.now - (b * 37 % 8) * MINUTE if a % 3 == 0 else it.now
    times = {"created_at": micros(when), "updated_at": micros(when)}
    # What a low role hides.
    hidden = {"set": {"confidential": True, "author_id": ANOTHER}}
    columns = hidden if table == "issues" and a % 4 == 1 else {}
    place = {"table": table, "project_id": project_id}
    for number in mutate(it.emulator, "create", {**place, **times, **columns}):
        it.deployed(table, number)
    return True


def create_in_group(it: Changes, a: int, b: int) -> bool:
    """A milestone or an epic of a group."""
    group_id = (TOP, SUB, OPEN, ELSE)[b % 4]
    return it.do("create", table=("milestones", "epics")[a % 2], group_id=group_id)


def update(it: Changes, a: int, b: int) -> bool:
    """Another title, now."""
    table = UPDATED[a % len(UPDATED)]
    row = it.some(table, b)
    return row is not None and _retitle(it, table, row, it.now)


def update_many(it: Changes, a: int, b: int) -> bool:
    """Several rows within one millisecond, or within one microsecond."""
    table = UPDATED[a % len(UPDATED)]
    base = it.now - it.now % 1000
    for number in range(2 + b % 5):
        row = it.some(table, a * 7 + b + number)
        if row is not None:
            _retitle(it, table, row, base + (number * 211 % 1000 if a % 2 else 0))
    return True


def _retitle(it: Changes, table: str, row: Row, when: int) -> bool:
    column = {"deployments": "status", "releases": "name"}.get(table, "title")
    columns = {column: f"Changed {it.done} at {when}"}
    it.do("update", table=table, id=row.id, set=columns, updated_at=micros(when))
    it.deployed(table, row.id)
    return True


def change_again(it: Changes, a: int, b: int) -> bool:
    """Labels or time of a row that moved within this minute, and so does not move again."""
    table = ("issues", "merge_requests")[a % 2]
    rows = [one for one in it.emulator.world.table(table) if one.updated is not None]
    young = [one for one in rows if 0 <= it.now - (one.updated or 0) < MINUTE]
    if not young:
        return bool(rows) and _retitle(it, table, rows[b % len(rows)], it.now)
    columns = ({"labels": [f"again-{it.done}"]}, {"time_spent": 60 * it.done})[b % 2]
    return it.do("touch", table=table, id=young[a % len(young)].id, set=columns)


def delete(it: Changes, a: int, b: int) -> bool:
    """A row less."""
    world = it.emulator.world
    table = ("merge_requests", "milestones", "releases", "deployments", "issues")[a % 5]
    row = it.some(table, b)
    if row is None:
        return False
    if table == "issues":
        for link in [one for one in world.epic_issues if one.facts["issue_id"] == row.id]:
            world.epic_issues.remove(link)
    return it.do("delete", table=table, id=row.id)


def delete_pipeline(it: Changes, a: int, _b: int) -> bool:
    """A pipeline, with all that it ran."""
    world = it.emulator.world
    pipeline = it.some("pipelines", a)
    if pipeline is None:
        return False
    for table in (world.jobs, world.bridges):
        for row in [one for one in table if one.pipeline_id == pipeline.id]:
            table.remove(row)
    return it.do("delete", table="pipelines", id=pipeline.id)


def run_pipeline(it: Changes, a: int, b: int) -> bool:
    """A pipeline, or a child pipeline with the trigger job that started it."""
    project_id = it.project(b)
    parents = [one for one in it.emulator.world.pipelines.of_project(project_id) if _is_listed(one)]
    parent = {"parent_id": parents[a % len(parents)].id} if parents and a % 2 else {}
    return it.do("create_pipeline", project_id=project_id, jobs=1 + a % 3, **parent)


def unlisted_pipeline(it: Changes, a: int, b: int) -> bool:
    """A pipeline that no list shows; its jobs are in the project's list of jobs all the same."""
    columns = {"project_id": it.project(b), "source": "unknown", "jobs": 1 + a % 3}
    it.late_jobs.update(mutate(it.emulator, "create_pipeline", columns)["jobs"])
    return True


def _is_listed(pipeline: Row) -> bool:
    return bool(pipeline.facts["source"] != "unknown")


def waiting_pipeline(it: Changes, a: int, b: int) -> bool:
    """Pipelines that nothing has touched yet."""
    world = it.emulator.world
    for _ in range(1 + a % 4):
        it.do("create", table="pipelines", project_id=it.project(b))
        row = world.pipelines[world.pipelines.next_id() - 1]
        row.updated = None
        world.pipelines.changed(row)
    return True


def quiet_child(it: Changes, a: int, _b: int) -> bool:
    """A trigger job so soon after its pipeline moved that the pipeline does not move again."""
    world = it.emulator.world
    young = [
        one
        for one in world.pipelines
        if _is_listed(one) and one.updated is not None and 0 <= it.now - one.updated <= 50 * SECOND
    ]
    if not young:
        return run_pipeline(it, 2 * a + 1, a)
    parent = young[a % len(young)]
    columns = {"pipeline_id": parent.id, "name": "late", "stage": "test", "status": "created"}
    made = {**columns, "user_id": READER, "queued_duration": 0.5}
    new_id = max(world.jobs.next_id(), world.bridges.next_id())
    place = {"project_id": parent.project_id, "row_id": new_id}
    return it.do("create", table="bridges", set=made, **place)


def finish_job(it: Changes, a: int, b: int) -> bool:
    """A job that ends, or is retried, which moves its pipeline at once or later."""
    job = it.some("jobs", b)
    if job is None or not _is_listed(it.emulator.world.pipelines[job.pipeline_id]):
        return False
    if a % 3 < 2:
        return it.do(("finish_job", "retry_job")[a % 3], id=job.id)
    it.late_jobs.add(mutate(it.emulator, "retry_job", {"id": job.id, "moves": False})["id"])
    return True


def link(it: Changes, a: int, b: int) -> bool:
    """An issue under an epic of the same tree of groups."""
    epic, issue = it.some("epics", a), it.some("issues", b)
    if epic is None or issue is None or "epic_id" in issue.facts:
        return False
    world = it.emulator.world
    *_, top = world.ancestors(epic.group_id)
    if issue.project_id not in {project.id for project in world.projects_below(top.id)}:
        return False
    return it.do("link_epic_issue", epic_id=epic.id, issue_id=issue.id)


def move(it: Changes, a: int, b: int) -> bool:
    """A project into another group; into scope, out of it, or within."""
    project_id = it.project(b)
    target = (TOP, SUB, OPEN, ELSE)[a % 4]
    if project_id == OWN or it.emulator.world.projects[project_id].group_id == target:
        return False
    it.give_back(project_id, "move_project", id=project_id, group_id=target)
    it.lost.add(project_id)
    it.lost_once.add(project_id)
    return True


def rename(it: Changes, a: int, b: int) -> bool:
    """Another path for a project."""
    return it.do("rename_project", id=it.project(b), path=f"renamed-{a}-{it.done}")


def hide(it: Changes, a: int, b: int) -> bool:
    """A project that vanishes, or comes back."""
    project_id = it.project(b)
    if it.emulator.world.projects[project_id].facts.get("hidden"):
        return it.give_back(project_id, "show_project", id=project_id)
    return a % 2 == 0 and it.lose(project_id, "hide_project", id=project_id)


def switch(it: Changes, a: int, b: int) -> bool:
    """A feature of a project off, or on again."""
    project_id, feature = it.project(b), FEATURES[a % len(FEATURES)]
    known = it.emulator.world.projects[project_id].facts.get("features", {})
    args = {"id": project_id, "feature": feature}
    if known.get(feature) == "disabled":
        return it.give_back(project_id, "set_feature", **args, level="enabled")
    return it.lose(project_id, "set_feature", **args, level="disabled")


def archive(it: Changes, _a: int, b: int) -> bool:
    """A project that is archived, or brought back."""
    project_id = it.project(b)
    if it.emulator.world.projects[project_id].facts.get("archived"):
        return it.give_back(project_id, "archive", id=project_id, archived=False)
    return it.lose(project_id, "archive", id=project_id)


def membership(it: Changes, _a: int, _b: int) -> bool:
    """The reader's place in the one project of `open` that he sees as its member only."""
    if not it.strangers:
        return False
    place = {"user_id": READER, "project_id": GUARDED}
    if it.emulator.world.project_members.of_project(GUARDED):
        return it.lose(GUARDED, "remove_member", **place)
    return it.give_back(GUARDED, "add_member", level=30, **place)


def import_old(it: Changes, a: int, b: int) -> bool:
    """An issue, merge request, epic or jobs that come with the times that they had elsewhere."""
    table, now = ("issues", "merge_requests", "epics", "jobs")[a % 4], it.now
    ago = (2 + a % 60) * DAY + b * MINUTE
    if table == "jobs":
        it.emulator.world.clock.set(now - ago, frozen=True)
        unlisted_pipeline(it, a, b)
        it.emulator.world.clock.set(now, frozen=True)
        return True
    place = {"group_id": (TOP, SUB)[b % 2]} if table == "epics" else {"project_id": it.project(b)}
    times = {"created_at": micros(now - ago), "updated_at": micros(now - ago)}
    for number in mutate(it.emulator, "create", {"table": table, **place, **times}):
        stream, apart = IN_GRAPHQL[table]
        it.late_rows |= {(table, number), (stream, number + apart)}
    return True


Change = Callable[[Changes, int, int], bool]
KINDS: tuple[Change, ...] = (
    update,
    create,
    import_old,
    update_many,
    delete,
    push,
    finish_job,
    run_pipeline,
    unlisted_pipeline,
    hide,
    move,
    switch,
    force_push,
    push_to_merge_request,
    create_in_group,
    quiet_child,
    link,
    archive,
    rename,
    membership,
    delete_branch,
    tag,
    delete_pipeline,
    waiting_pipeline,
    *(change_listed,) * 3,
    *(change_again,) * 3,  # two, and a read between, show something
)


def micros(when: int) -> str:
    """A time with its microseconds."""
    return f"{stamp(when)[:-4]}{when % SECOND:06d}Z"


# Rows are counted to find imported ones, so what leaves on the same day hides them.
_LEAVING: frozenset[Change] = frozenset(
    {delete, hide, move, switch, archive, membership, delete_pipeline}
)
