"""Who sees what: roles by membership, inheritance and sharing, and visibility."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from integration_tests.gitlab.present.structure import feature
from integration_tests.gitlab.world import GUEST, OWNER, PLANNER, REPORTER

if TYPE_CHECKING:
    from collections.abc import Hashable

    from integration_tests.gitlab.rows import Row
    from integration_tests.gitlab.world import World


class Access:
    """Answers questions of access for one world; remembers answers until the structure changes.

    A viewer is a user's id, or None for an anonymous request.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[Hashable, object] = {}
        self._structure = -1

    def group_level(self, viewer: int | None, group: Row) -> int:
        """The viewer's access level in a group, inherited levels included; 0 is none."""
        self._refresh()
        key = ("group", viewer, group.id)
        if key not in self._known:
            self._known[key] = max(
                (
                    row.facts["access_level"]
                    for above in self._world.ancestors(group.id)
                    for row in self._world.group_members.of_group(above.id)
                    if row.facts["user_id"] == viewer
                ),
                default=0,
            )
        return self._number(key)

    def project_level(self, viewer: int | None, project: Row) -> int:
        """The viewer's access level in a project: direct, by group, by sharing or as owner."""
        self._refresh()
        key = ("project", viewer, project.id)
        if key not in self._known:
            self._known[key] = self._work_out_level(viewer, project)
        return self._number(key)

    def _work_out_level(self, viewer: int | None, project: Row) -> int:
        if viewer is None:
            return 0
        levels = [
            row.facts["access_level"]
            for row in self._world.project_members.of_project(project.id)
            if row.facts["user_id"] == viewer
        ]
        if project.group_id is not None:
            levels.append(self.group_level(viewer, self._world.groups[project.group_id]))
        elif project.facts["owner_id"] == viewer:
            levels.append(OWNER)
        for group_id, level in project.facts.get("shares", []):
            if group_id in self._world.groups:
                shared = self.group_level(viewer, self._world.groups[group_id])
                levels.append(min(level, shared))
        return max(levels, default=0)

    def is_admin(self, viewer: int | None) -> bool:
        """Whether the viewer administers the instance, and so sees all without a role in it."""
        return viewer is not None and bool(self._world.users[viewer].facts.get("admin"))

    def sees_group(self, viewer: int | None, group: Row) -> bool:
        """Whether the group exists for the viewer."""
        if group.facts.get("hidden"):
            return False
        visibility = group.facts["visibility"]
        if visibility == "public" or (visibility == "internal" and viewer is not None):
            return True
        return self.is_admin(viewer) or self.group_level(viewer, group) >= GUEST

    def sees_project(self, viewer: int | None, project: Row) -> bool:
        """Whether the project exists for the viewer."""
        if project.facts.get("hidden"):
            return False
        visibility = project.facts["visibility"]
        if visibility == "public" or (visibility == "internal" and viewer is not None):
            return True
        return self.is_admin(viewer) or self.project_level(viewer, project) >= GUEST

    def reads_builds(self, viewer: int | None, project: Row) -> bool:
        """Whether the viewer has `read_build`: everyone, or reporters where jobs are not public.

        (`public_builds` in app/policies/project_policy.rb)
        """
        return bool(project.facts.get("public_builds", True)) or self._reports(viewer, project)

    def reads_statuses(self, viewer: int | None, project: Row) -> bool:
        """Whether the viewer has `read_commit_status`: reporters, and all in an open project.

        (`public_access` and `reporter_access` in app/policies/project_policy.rb)
        """
        visibility = project.facts["visibility"]
        is_open = visibility == "public" or (visibility == "internal" and viewer is not None)
        return is_open or self._reports(viewer, project)

    def _reports(self, viewer: int | None, project: Row) -> bool:
        return self.is_admin(viewer) or self.project_level(viewer, project) >= REPORTER

    def shows(self, viewer: int | None, project: Row, name: str) -> bool:
        """Whether lists show the rows of a project's feature (`issues`, `merge_requests`).

        Merge requests take a Reporter where their project, or they themselves, are private; other
        features a member (min_access_level in app/finders/issuable_finder/params.rb and
        app/models/project_feature.rb).
        """
        level = feature(project, name)
        if level == "disabled" or not self.sees_project(viewer, project):
            return False
        if self.is_admin(viewer):
            return True
        least = REPORTER if name == "merge_requests" else GUEST
        shut = level == "private" or project.facts["visibility"] == "private"
        return not shut or self.project_level(viewer, project) >= least

    def shows_issue(self, viewer: int | None, row: Row) -> bool:
        """Whether lists show an issue: confidential ones take a Planner, or part in them.

        (with_confidentiality_access_check in app/finders/issues_finder.rb)
        """
        if not row.facts.get("confidential") or self.is_admin(viewer):
            return True
        if viewer in {row.facts["author_id"], *row.facts.get("assignee_ids", [])}:
            return viewer is not None
        project = self._world.projects[row.project_id or 0]
        return self.project_level(viewer, project) >= PLANNER

    def visible_projects(self, viewer: int | None, group_id: int | None = None) -> list[Row]:
        """The projects that the viewer sees: of the instance, or of a group and all below it."""
        self._refresh()
        key = ("visible", viewer, group_id)
        if key not in self._known:
            world = self._world
            some = world.projects if group_id is None else world.projects_below(group_id)
            self._known[key] = [row for row in some if self.sees_project(viewer, row)]
        found = self._known[key]
        return found if isinstance(found, list) else []

    def visible_between(self, viewer: int | None, after: int, before: float) -> list[Row]:
        """The projects of the instance that the viewer sees, whose ids are between two others."""
        rows = self.visible_projects(viewer)
        key = ("by id", viewer)
        if key not in self._known:
            self._known[key] = sorted(rows, key=lambda row: row.id)
        found = self._known[key]
        by_id: list[Row] = found if isinstance(found, list) else []
        start = bisect_right(by_id, after, key=lambda row: row.id)
        return by_id[start : bisect_left(by_id, before, key=lambda row: row.id)]

    def _number(self, key: Hashable) -> int:
        found = self._known[key]
        return found if isinstance(found, int) else 0

    def _refresh(self) -> None:
        if self._structure != self._world.structure:
            self._known = {}
            self._structure = self._world.structure
