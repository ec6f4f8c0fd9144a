"""What a viewer is, to a project or group and to a row of a plain list."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integration_tests.gitlab.call import Call
    from integration_tests.gitlab.plain.resource import Resource
    from integration_tests.gitlab.rows import Json, Row


def is_own(row: Json, viewer: int | None) -> bool:
    """Whether a row is about what the viewer did or has."""
    return viewer is not None and viewer in {row.get("author_id"), row.get("user_id")}


def level_in(call: Call, root: Row, resource: Resource) -> int:
    """The viewer's role in the project or group that a request names."""
    if resource.root == "projects":
        return call.access.project_level(call.viewer, root)
    return call.access.group_level(call.viewer, root)
