"""What may happen to the repositories of the small world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration_tests.gitlab.clock import MINUTE, stamp

if TYPE_CHECKING:
    from integration_tests.support.history_changes import Changes

BRANCHES = ("main", "feature", "topic")


def push(it: Changes, a: int, b: int) -> bool:
    """Commits on a branch, new or old, some of them with dates of long ago."""
    back = {"committed_at": stamp(it.now - b * 3 * MINUTE)} if b % 3 == 0 else {}
    project_id, branch = it.project(b), BRANCHES[a % 3]
    if it.emulator.world.repository(project_id).empty:
        branch = BRANCHES[0]
    return it.do("push_commits", project_id=project_id, branch=branch, count=1 + a % 7, **back)


def force_push(it: Changes, a: int, b: int) -> bool:
    """A branch rewritten; the commits that it had may be collected as garbage at once."""
    project_id, branch = it.project(b), BRANCHES[a % 3]
    repository = it.emulator.world.repository(project_id)
    if branch not in repository.branches:
        return False
    back = 0
    tip = repository.commits[repository.branches[branch].sha]
    while tip.parents and back < 1 + a % 4:
        tip = repository.commits[tip.parents[0]]
        back += 1
    if not back:
        return False
    it.do("force_push", project_id=project_id, branch=branch, back=back, count=a % 3)
    return b % 2 == 0 or it.do("collect_garbage", project_id=project_id)


def delete_branch(it: Changes, a: int, b: int) -> bool:
    """A branch less, never the default one."""
    branch, project_id = BRANCHES[1 + a % 2], it.project(b)
    if branch not in it.emulator.world.repository(project_id).branches:
        return False
    return it.do("delete_branch", project_id=project_id, branch=branch)


def push_to_merge_request(it: Changes, a: int, b: int) -> bool:
    """Commits of a merge request."""
    row = it.some("merge_requests", b)
    return row is not None and it.do("push_to_merge_request", id=row.id, count=1 + a % 4)


def tag(it: Changes, a: int, b: int) -> bool:
    """A tag more, with a message or without one, or a tag less."""
    project_id = it.project(b)
    repository = it.emulator.world.repository(project_id)
    names = list(repository.tags)
    if names and a % 3 == 0:
        return it.do("delete_tag", project_id=project_id, tag=names[a % len(names)])
    if "main" not in repository.branches:
        return False
    message = f"Tagged {it.done}" if a % 2 else ""
    return it.do("create_tag", project_id=project_id, tag=f"v{it.done}.{a}", message=message)
