"""Repositories: pushes, forced ones too, branches, tags, merge requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration_tests.gitlab.changes.base import MutationError, active, find_row, time_or, told
from integration_tests.gitlab.changes.projects import set_project_facts
from integration_tests.gitlab.clock import SECOND
from integration_tests.gitlab.default_code import new_commit
from integration_tests.gitlab.repository import Branch, Tag, UnknownRevisionError

if TYPE_CHECKING:
    from integration_tests.gitlab.rows import Json
    from integration_tests.gitlab.world import World


def push_commits(  # noqa: PLR0913 - a push is as much
    world: World,
    project_id: int,
    *,
    branch: str = "main",
    count: int = 1,
    committed_at: str | None = None,
    start: str | None = None,
    message: str = "Pushed",
    sha: str | None = None,
) -> list[str]:
    """Push commits onto a branch, which is made from ``start`` when it is new. Newest last.

    ``committed_at`` lets them carry an old date, as after a rebase or a late push. The newest has
    the id ``sha``, if that is given.
    """
    repository = world.repository(project_id)
    if branch in repository.branches:
        tip = (
            repository.branches[branch].sha if start is None else resolve(world, project_id, start)
        )
        parents: tuple[str, ...] = (tip,)
    elif repository.empty:
        parents = ()
    else:
        parents = (resolve(world, project_id, start or repository.default_branch),)
    when = time_or(committed_at, world.clock.now())
    shas = []
    for number in range(count):
        made = new_commit(
            repository,
            parents,
            f"{message} {len(repository.commits)}\n",
            when + number * SECOND,
            salt=(project_id, branch, len(repository.commits)),
            sha=sha if number == count - 1 else None,
        )
        parents = (made.sha,)
        shas.append(made.sha)
    protected = branch == repository.default_branch
    repository.branches[branch] = Branch(branch, parents[0] if parents else "", protected)
    repository.changed()
    active(world, project_id)
    set_project_facts(world, project_id, empty_repo=False)
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
    tip = repository.commits[resolve(world, project_id, branch)]
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


def resolve(world: World, project_id: int, revision: str) -> str:
    try:
        return world.repository(project_id).resolve(revision)
    except UnknownRevisionError as error:
        message = f"no such revision in project {project_id}: {revision}"
        raise MutationError(message) from error


def create_branch(world: World, project_id: int, branch: str, *, start: str = "main") -> Json:
    """Make a branch that points at a revision."""
    repository = world.repository(project_id)
    repository.branches[branch] = Branch(branch, resolve(world, project_id, start))
    repository.changed()
    active(world, project_id)
    return {"sha": repository.branches[branch].sha}


def delete_branch(world: World, project_id: int, branch: str) -> Json:
    """Delete a branch; its commits stay until garbage is collected."""
    repository = world.repository(project_id)
    if repository.branches.pop(branch, None) is None:
        message = f"no such branch: {branch}"
        raise MutationError(message)
    repository.changed()
    active(world, project_id)
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
    sha = resolve(world, project_id, start)
    repository.tags[tag] = Tag(tag, sha, message, world.clock.now() if message else None)
    repository.changed()
    active(world, project_id)
    return {"sha": sha}


def delete_tag(world: World, project_id: int, tag: str) -> Json:
    """Delete a tag."""
    repository = world.repository(project_id)
    if repository.tags.pop(tag, None) is None:
        message = f"no such tag: {tag}"
        raise MutationError(message)
    repository.changed()
    active(world, project_id)
    return {}


def collect_garbage(world: World, project_id: int) -> Json:
    """Drop the commits that no ref of a repository reaches."""
    return {"commits": world.repository(project_id).collect_garbage()}


def push_to_merge_request(world: World, row_id: int, *, count: int = 1) -> list[str]:
    """Push commits to the source branch of a merge request, which moves it."""
    found, row = find_row(world, "merge_requests", row_id)
    repository = world.repository(row.project_id or 0)
    for known in row.commits(repository):
        repository.commits.setdefault(known.sha, known)
    shas = [known.sha for known in row.commits(repository)]
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
    row.learn(commit_shas=shas, sha=shas[0])
    row.updated = world.clock.now()
    told(world, found, row)
    return made
