"""Changes to the world while it is read, by name: what the control API and tests call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integration_tests.gitlab.clock import HOUR, MINUTE, SECOND, moment
from integration_tests.gitlab.default_ci import job_facts, pipeline_facts
from integration_tests.gitlab.default_code import new_commit
from integration_tests.gitlab.repository import Branch, Tag, UnknownRevisionError, make_sha
from integration_tests.gitlab.rows import Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration_tests.gitlab.emulator import Emulator
    from integration_tests.gitlab.rows import Facts, Json, Table
    from integration_tests.gitlab.world import World

STRUCTURAL = {"users", "groups", "projects", "group_members", "project_members"}
"""Tables that decide where rows are and who sees them."""

NOT_EMBEDDED = {"issues", "merge_requests", "deployments", "bridges", "releases", "boards"}
"""Tables whose rows no other row shows."""

TOUCH_INTERVAL = MINUTE
"""GitLab moves updated_at for a note at most once a minute (ThrottledTouch)."""


class MutationError(Exception):
    """A change that does not fit the world."""


_NAMES = {"id": "row_id", "set": "columns"}
"""Names of arguments that callers use and Python keeps for itself."""


def mutate(emulator: Emulator, op: str, args: dict[str, Any]) -> Any:
    """Apply one change; returns what came of it as JSON. Raises MutationError."""
    change = OPERATIONS.get(op)
    if change is None:
        message = f"no such op: {op}; there are {', '.join(sorted(OPERATIONS))}"
        raise MutationError(message)
    return change(emulator.world, **{_NAMES.get(name, name): args[name] for name in args})


def _row(world: World, table: str, row_id: int) -> tuple[Table, Row]:
    found = world.table(table)
    if row_id not in found:
        message = f"{table} has no row {row_id}"
        raise MutationError(message)
    return found, found[row_id]


def _told(world: World, table: Table, row: Row) -> None:
    """Let everything that depends on a row know that it has changed."""
    table.changed(row)
    if table.name in STRUCTURAL:
        world.restructured()
    elif table.name not in NOT_EMBEDDED:
        world.shown += 1
    project = world.projects.rows.get(row.project_id or 0)
    if table.name not in STRUCTURAL and project is not None:
        now = world.clock.now()
        # GitLab writes last_activity_at once an hour at most.
        if now - project.facts.get("last_activity", 0) > HOUR:
            project.facts["last_activity"] = now
            project.changed()


def _time(given: str | None, otherwise: int) -> int:
    return otherwise if given is None else moment(given)


def _pipeline_defaults(world: World, project_id: int, number: int) -> Facts:
    repository = world.repository(project_id)
    head = repository.branches.get(repository.default_branch)
    sha = head.sha if head else make_sha("pipeline", number)
    return pipeline_facts(sha, repository.default_branch, number, world.clock.now())


def _defaults(world: World, table: str, scope: Json, number: int) -> Facts:
    """The facts of a new row that nobody gave."""
    project_id = scope.get("project_id") or 0
    title = f"New {table} {number}"
    simple: dict[str, Facts] = {
        "issues": {"title": title, "author_id": 1, "state": "opened", "labels": []},
        "epics": {"title": title, "author_id": 1, "state": "opened"},
        "milestones": {"title": title, "state": "active"},
        "labels": {"name": title, "color": "#428BCA"},
        "boards": {"name": title},
        "environments": {"name": f"env-{number}", "slug": f"env-{number}"},
    }
    if table in simple:
        return simple[table]
    if table == "merge_requests":
        sha = make_sha("merge request", number)
        return {
            "title": title,
            "author_id": 1,
            "state": "opened",
            "source_branch": f"topic-{number}",
            "sha": sha,
            "commit_shas": [],
            "labels": [],
        }
    if table == "pipelines":
        return _pipeline_defaults(world, project_id, number)
    if table == "releases":
        return {
            "tag_name": f"r{number}",
            "name": title,
            "author_id": 1,
            "evidence_sha": make_sha("release", number),
        }
    if table == "deployments":
        places = world.environments.of_project(project_id)
        if not places:
            message = f"project {project_id} has no environment to deploy to"
            raise MutationError(message)
        return {
            "ref": "main",
            "sha": make_sha("deployment", number),
            "user_id": 1,
            "environment_id": places[0].id,
            "job_id": None,
            "status": "success",
        }
    return {}


def create(  # noqa: PLR0913 - a row is its columns
    world: World,
    table: str,
    *,
    project_id: int | None = None,
    group_id: int | None = None,
    columns: Json | None = None,
    created_at: str | None = None,
    updated_at: str | None = None,
    row_id: int | None = None,
    count: int = 1,
) -> list[int]:
    """Add rows; returns their ids. Times are now unless given, with microseconds if need be."""
    found = world.table(table)
    made: list[int] = []
    for _ in range(count):
        new_id = found.next_id() if row_id is None else row_id + len(made)
        if new_id in found:
            message = f"{table} has a row {new_id}"
            raise MutationError(message)
        now = world.clock.now()
        scope = {"project_id": project_id, "group_id": group_id}
        facts = _defaults(world, table, scope, new_id) | (columns or {})
        row = Row(
            new_id,
            facts,
            project_id=project_id,
            group_id=group_id,
            iid=found.next_iid(project_id=project_id, group_id=group_id),
            created=_time(created_at, now),
            updated=_time(updated_at, now),
        )
        found.add(row)
        _told(world, found, row)
        made.append(new_id)
    return made


def update(
    world: World,
    table: str,
    row_id: int,
    *,
    columns: Json | None = None,
    updated_at: str | None = None,
) -> Json:
    """Change columns of a row and set updated_at to now, or to the time given."""
    found, row = _row(world, table, row_id)
    facts = dict(row.facts)
    for name, value in (columns or {}).items():
        if name in facts:
            facts[name] = value
        else:
            row.overrides = {**(row.overrides or {}), name: value}
    row.own_facts = facts
    row.updated = _time(updated_at, world.clock.now())
    _told(world, found, row)
    return {"id": row.id, "updated_at": row.updated}


def delete(world: World, table: str, row_id: int) -> Json:
    """Remove a row."""
    found, row = _row(world, table, row_id)
    found.remove(row)
    _told(world, found, row)
    return {"id": row_id}


def touch(world: World, table: str, row_id: int) -> Json:
    """What a note does to its parent: move updated_at, unless it moved within 60 seconds."""
    found, row = _row(world, table, row_id)
    now = world.clock.now()
    moved = row.updated is None or now - row.updated > TOUCH_INTERVAL
    if moved:
        row.updated = now
        _told(world, found, row)
    return {"id": row_id, "moved": moved, "updated_at": row.updated}


def unreadable(
    world: World,
    table: str,
    *,
    row_id: int = 0,
    every: int = 0,
    readable: bool = False,
) -> Json:
    """Let GitLab drop a row, or each row whose id is divisible, after it has cut a page."""
    found = world.table(table)
    rows = [row for row in found if row.id == row_id or (every and row.id % every == 0)]
    for row in rows:
        row.readable = readable
        found.changed(row)
    return {"rows": len(rows)}


def _leave_path(world: World, project: Row) -> None:
    world.redirects[world.project_path(project.id).lower()] = project.id


def move_project(world: World, row_id: int, group_id: int) -> Json:
    """Transfer a project into another group; the old path redirects."""
    found, row = _row(world, "projects", row_id)
    if group_id not in world.groups:
        message = f"no such group: {group_id}"
        raise MutationError(message)
    _leave_path(world, row)
    found.move(row, group_id)
    row.updated = world.clock.now()
    world.restructured()
    return {"path": world.project_path(row_id)}


def rename_project(world: World, row_id: int, path: str) -> Json:
    """Give a project another path; the old one redirects."""
    found, row = _row(world, "projects", row_id)
    _leave_path(world, row)
    row.facts["path"] = path
    row.updated = world.clock.now()
    _told(world, found, row)
    return {"path": world.project_path(row_id)}


def _project_fact(world: World, project_id: int, **facts: object) -> Json:
    found, row = _row(world, "projects", project_id)
    row.facts.update(facts)
    row.updated = world.clock.now()
    _told(world, found, row)
    return {"id": project_id}


def archive(world: World, row_id: int, *, archived: bool = True) -> Json:
    """Archive a project, or bring it back."""
    return _project_fact(world, row_id, archived=archived)


def hide_project(world: World, row_id: int) -> Json:
    """Let a project be gone for everyone: 404."""
    return _project_fact(world, row_id, hidden=True)


def show_project(world: World, row_id: int) -> Json:
    """Bring a hidden project back."""
    return _project_fact(world, row_id, hidden=False)


def set_visibility(world: World, row_id: int, visibility: str) -> Json:
    """Make a project private, internal or public."""
    return _project_fact(world, row_id, visibility=visibility)


def set_feature(world: World, row_id: int, feature: str, level: str) -> Json:
    """Switch a feature of a project: enabled, private or disabled."""
    _found, row = _row(world, "projects", row_id)
    return _project_fact(world, row_id, features={**row.facts.get("features", {}), feature: level})


def add_member(
    world: World,
    user_id: int,
    level: int,
    *,
    group_id: int | None = None,
    project_id: int | None = None,
) -> Json:
    """Let a user into a group or project."""
    table = world.project_members if group_id is None else world.group_members
    facts = {"user_id": user_id, "access_level": level, "created_by": 1}
    row = table.add(
        Row(
            table.next_id(),
            facts,
            group_id=group_id,
            project_id=project_id,
            created=world.clock.now(),
        )
    )
    world.restructured()
    return {"id": row.id}


def remove_member(
    world: World,
    user_id: int,
    *,
    group_id: int | None = None,
    project_id: int | None = None,
) -> Json:
    """Let a user out of a group or project."""
    table = world.project_members if group_id is None else world.group_members
    gone = [
        row
        for row in table
        if row.facts["user_id"] == user_id
        and (row.group_id, row.project_id)
        == (
            group_id,
            project_id,
        )
    ]
    for row in gone:
        table.remove(row)
    world.restructured()
    return {"rows": len(gone)}


def _pipeline_moved(world: World, pipeline_id: int, status: str) -> None:
    _found, row = _row(world, "pipelines", pipeline_id)
    row.facts["status"] = status
    row.updated = world.clock.now()
    _told(world, world.pipelines, row)


def create_pipeline(
    world: World,
    project_id: int,
    *,
    source: str = "push",
    jobs: int = 2,
    parent_id: int | None = None,
) -> Json:
    """Run a pipeline; one with a parent becomes a child pipeline, and the parent has a bridge."""
    facts: Json = {"source": source if parent_id is None else "parent_pipeline"}
    pipeline_id = create(world, "pipelines", project_id=project_id, columns=facts)[0]
    row = world.pipelines[pipeline_id]
    made = []
    for number in range(1, jobs + 1):
        job_id = max(world.jobs.next_id(), world.bridges.next_id())
        world.jobs.add(
            Row(
                job_id,
                job_facts(row, f"job-{number}", "test", number),
                project_id=project_id,
                created=row.created + number,
                updated=row.updated,
            )
        )
        made.append(job_id)
    bridge_id = None
    if parent_id is not None:
        _table, parent = _row(world, "pipelines", parent_id)
        bridge_id = max(world.jobs.next_id(), world.bridges.next_id())
        world.bridges.add(
            Row(
                bridge_id,
                job_facts(parent, "child", "test", 1) | {"downstream_id": pipeline_id},
                project_id=parent.project_id,
                created=world.clock.now(),
                updated=world.clock.now(),
            )
        )
        _pipeline_moved(world, parent_id, "running")
    return {"id": pipeline_id, "jobs": made, "bridge_id": bridge_id}


def retry_job(world: World, row_id: int) -> Json:
    """Retry a job: the old one is marked, a new one with a new id takes its place."""
    _found, old = _row(world, "jobs", row_id)
    old.facts["retried"] = True
    now = world.clock.now()
    facts = {**old.facts, "retried": False, "status": "running", "started": now, "finished": None}
    new_id = max(world.jobs.next_id(), world.bridges.next_id())
    world.jobs.add(Row(new_id, facts, project_id=old.project_id, created=now, updated=now))
    _pipeline_moved(world, old.facts["pipeline_id"], "running")
    return {"id": new_id}


def finish_job(world: World, row_id: int, *, status: str = "success") -> Json:
    """Let a job end; its pipeline moves with it."""
    found, row = _row(world, "jobs", row_id)
    now = world.clock.now()
    row.facts.update({"status": status, "finished": now})
    if row.facts.get("started") is None:
        row.facts["started"] = now - 30 * SECOND
    row.updated = now
    _told(world, found, row)
    _pipeline_moved(world, row.facts["pipeline_id"], status)
    return {"id": row_id}


def push_commits(  # noqa: PLR0913 - a push is as much
    world: World,
    project_id: int,
    *,
    branch: str = "main",
    count: int = 1,
    committed_at: str | None = None,
    start: str | None = None,
    message: str = "Pushed",
) -> list[str]:
    """Push commits onto a branch, which is made from ``start`` when it is new. Newest last.

    ``committed_at`` lets them carry an old date, as after a rebase or a late push.
    """
    repository = world.repository(project_id)
    if branch in repository.branches:
        tip = (
            repository.branches[branch].sha if start is None else _resolve(world, project_id, start)
        )
        parents: tuple[str, ...] = (tip,)
    elif repository.empty:
        parents = ()
    else:
        parents = (_resolve(world, project_id, start or repository.default_branch),)
    when = _time(committed_at, world.clock.now())
    shas = []
    for number in range(count):
        made = new_commit(
            repository,
            parents,
            f"{message} {len(repository.commits)}\n",
            when + number * SECOND,
            salt=(project_id, branch, len(repository.commits)),
        )
        parents = (made.sha,)
        shas.append(made.sha)
    protected = branch == repository.default_branch
    repository.branches[branch] = Branch(branch, parents[0] if parents else "", protected)
    repository.changed()
    _project_fact(world, project_id, empty_repo=False)
    return shas


def force_push(
    world: World,
    project_id: int,
    *,
    branch: str = "main",
    back: int = 1,
    count: int = 1,
) -> list[str]:
    """Rewrite a branch: go ``back`` so many commits and put new ones there. Newest last."""
    repository = world.repository(project_id)
    tip = repository.commits[_resolve(world, project_id, branch)]
    for _ in range(back):
        if not tip.parents:
            message = f"{branch} has no commit that far back"
            raise MutationError(message)
        tip = repository.commits[tip.parents[0]]
    return push_commits(
        world,
        project_id,
        branch=branch,
        count=count,
        start=tip.sha,
        message="Rewritten",
    )


def _resolve(world: World, project_id: int, revision: str) -> str:
    try:
        return world.repository(project_id).resolve(revision)
    except UnknownRevisionError as error:
        message = f"no such revision in project {project_id}: {revision}"
        raise MutationError(message) from error


def create_branch(world: World, project_id: int, branch: str, *, start: str = "main") -> Json:
    """Make a branch that points at a revision."""
    repository = world.repository(project_id)
    repository.branches[branch] = Branch(branch, _resolve(world, project_id, start))
    repository.changed()
    return {"sha": repository.branches[branch].sha}


def delete_branch(world: World, project_id: int, branch: str) -> Json:
    """Delete a branch; its commits stay until garbage is collected."""
    repository = world.repository(project_id)
    if repository.branches.pop(branch, None) is None:
        message = f"no such branch: {branch}"
        raise MutationError(message)
    repository.changed()
    return {}


def create_tag(
    world: World,
    project_id: int,
    tag: str,
    *,
    start: str = "main",
    message: str = "",
) -> Json:
    """Make a tag that points at a revision; with a message it is an annotated one."""
    repository = world.repository(project_id)
    sha = _resolve(world, project_id, start)
    repository.tags[tag] = Tag(tag, sha, message, world.clock.now() if message else None)
    repository.changed()
    return {"sha": sha}


def delete_tag(world: World, project_id: int, tag: str) -> Json:
    """Delete a tag."""
    repository = world.repository(project_id)
    if repository.tags.pop(tag, None) is None:
        message = f"no such tag: {tag}"
        raise MutationError(message)
    repository.changed()
    return {}


def collect_garbage(world: World, project_id: int) -> Json:
    """Drop the commits that no ref of a repository reaches."""
    return {"commits": world.repository(project_id).collect_garbage()}


def push_to_merge_request(world: World, row_id: int, *, count: int = 1) -> list[str]:
    """Push commits to the source branch of a merge request, which moves it."""
    found, row = _row(world, "merge_requests", row_id)
    repository = world.repository(row.project_id or 0)
    shas = list(row.facts.get("commit_shas", []))
    made = []
    for _ in range(count):
        parents = (shas[0],) if shas else ()
        one = new_commit(
            repository,
            parents,
            f"More work {len(repository.commits)}\n",
            world.clock.now(),
            salt=(row_id, len(repository.commits)),
        )
        shas.insert(0, one.sha)
        made.append(one.sha)
    row.facts.update({"commit_shas": shas, "sha": shas[0]})
    row.updated = world.clock.now()
    _told(world, found, row)
    return made


def link_epic_issue(world: World, epic_id: int, issue_id: int) -> Json:
    """Put an issue under an epic."""
    _table, _epic = _row(world, "epics", epic_id)
    found, row = _row(world, "issues", issue_id)
    facts = {"epic_id": epic_id, "issue_id": issue_id}
    link = world.epic_issues.add(Row(world.epic_issues.next_id(), facts))
    row.facts["epic_id"] = epic_id
    row.updated = world.clock.now()
    _told(world, found, row)
    return {"epic_issue_id": link.id}


OPERATIONS: dict[str, Callable[..., Any]] = {
    change.__name__: change
    for change in (
        create,
        update,
        delete,
        touch,
        unreadable,
        move_project,
        rename_project,
        archive,
        hide_project,
        show_project,
        set_visibility,
        set_feature,
        add_member,
        remove_member,
        create_pipeline,
        retry_job,
        finish_job,
        push_commits,
        force_push,
        create_branch,
        delete_branch,
        create_tag,
        delete_tag,
        collect_garbage,
        push_to_merge_request,
        link_epic_issue,
    )
}
