"""Changes to the world by name: what the control API and tests call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integration_tests.gitlab.changes import ci, code, projects, rows
from integration_tests.gitlab.changes.base import MutationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration_tests.gitlab.emulator import Emulator

_NAMES = {"id": "row_id", "set": "columns"}
"""Names of arguments that callers use and Python keeps for itself."""

OPERATIONS: dict[str, Callable[..., Any]] = {
    change.__name__: change
    for change in (
        rows.create,
        rows.update,
        rows.delete,
        rows.touch,
        rows.unreadable,
        rows.link_epic_issue,
        projects.move_project,
        projects.rename_project,
        projects.rename_group,
        projects.archive,
        projects.hide_project,
        projects.show_project,
        projects.set_visibility,
        projects.set_feature,
        projects.add_member,
        projects.remove_member,
        projects.make_admin,
        ci.create_pipeline,
        ci.retry_job,
        ci.finish_job,
        code.push_commits,
        code.force_push,
        code.create_branch,
        code.delete_branch,
        code.create_tag,
        code.delete_tag,
        code.collect_garbage,
        code.push_to_merge_request,
    )
}


def mutate(emulator: Emulator, op: str, args: dict[str, Any]) -> Any:
    """Apply one change; returns what came of it as JSON. Raises MutationError."""
    change = OPERATIONS.get(op)
    if change is None:
        message = f"no such op: {op}; there are {', '.join(sorted(OPERATIONS))}"
        raise MutationError(message)
    return change(emulator.world, **{_NAMES.get(name, name): args[name] for name in args})
