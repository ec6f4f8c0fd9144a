"""The tests of the groups and projects: each that was named, or those that the token reaches.

Unlike a read, this asks only what the report can say: of a membership of thousands, how many they
are and which were active last.
"""

from __future__ import annotations

import difflib
import threading
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from source_gitlab.check.budget import OutOfBudget
from source_gitlab.check.result import FAILED, PASSED, WARNING, Step
from source_gitlab.client.errors import ReadError, Skipped

if TYPE_CHECKING:
    from source_gitlab.check.budget import Budget
    from source_gitlab.check.identity import Identity
    from source_gitlab.config import Config
    from source_gitlab.reading.ahead import Ahead

Row = dict[str, Any]

# More names of a kind than this are looked up in one list of what the token is a member of.
_ONE_BY_ONE = 8
# Groups whose projects are counted, and projects of each that streams may be tried on.
_GROUPS_LOOKED_INTO = 3
_CANDIDATES = 20
_GUEST = 10
_UNTESTED_NAMES = 5  # that a message spells out


@dataclass
class Found:
    """What is in scope, as far as the report needs it.

    `groups` are rows of GitLab; `projects` too, those first that were active last. `total` is the
    number of projects, None when GitLab does not tell.
    """

    groups: list[Row] = field(default_factory=list)
    projects: list[Row] = field(default_factory=list)
    total: int | None = 0
    whole: bool = True


class ScopeTests:
    """Resolves the scope of a configuration within a budget."""

    def __init__(self, budget: Budget, ahead: Ahead, config: Config, identity: Identity) -> None:
        """Ask nothing yet."""
        self._budget = budget
        self._ahead = ahead
        self._config = config
        self._identity = identity
        self._untested: list[str] = []
        self._listing = threading.Lock()
        self._lists: dict[str, dict[str, Row]] = {}

    def run(self) -> tuple[Found, list[Step]]:
        """What is in scope, and a step for each thing that was named.

        Raises:
            GitlabError: GitLab could not be asked.
        """
        config = self._config
        if not config.groups and not config.projects:
            return self._membership()
        groups, steps = self._named("groups", config.groups)
        projects, more = self._named("projects", config.projects)
        steps += more
        if not config.include_archived:
            projects = [row for row in projects if not row.get("archived")]
        projects.sort(key=lambda row: str(row.get("last_activity_at") or ""), reverse=True)
        found = Found(groups, projects, len(projects), whole=not config.projects)
        if found.whole:
            steps += self._look_into(found)
        if self._untested:
            steps.append(self._not_tested())
        elif all(step.status != FAILED for step in steps):
            counts = {"group": len(config.groups), "project": len(config.projects)}
            named = " and ".join(_count(number, what) for what, number in counts.items() if number)
            steps.append(
                Step("Scope", PASSED, f"Found everything that was named: {named}.", counts)
            )
        return found, steps

    def _named(self, kind: str, names: tuple[str, ...]) -> tuple[list[Row], list[Step]]:
        known = self._listed(kind) if len(names) > _ONE_BY_ONE else {}
        tasks = [partial(self._resolve, kind, name, known) for name in names]
        found = list(self._ahead.in_order(tasks, self._ahead.workers))
        rows = {int(row["id"]): row for row, _ in found if row}
        return list(rows.values()), [step for _, step in found if step]

    def _listed(self, kind: str) -> dict[str, Row]:
        """What the token is a member of, by path in small letters and by id; at most a page."""
        with self._listing:
            if kind not in self._lists:
                self._lists[kind] = self._list(kind)
            return self._lists[kind]

    def _list(self, kind: str) -> dict[str, Row]:
        query: Row = {"per_page": 100}
        if kind == "groups":
            query |= {"min_access_level": _GUEST, "order_by": "id", "sort": "asc"}
        else:
            query |= {"membership": True, "order_by": "last_activity_at", "sort": "desc"}
        try:
            rows = self._budget.rows(kind, query).data
        except (Skipped, ReadError, OutOfBudget):
            # Only a short cut is lost.
            return {}
        return {key: row for row in rows for key in (_path_of(row).lower(), str(row["id"]))}

    def _resolve(
        self, kind: str, name: str, known: dict[str, Row]
    ) -> tuple[Row | None, Step | None]:
        title = f"{kind[:-1].capitalize()} {name}"
        row = known.get(name.lower())
        try:
            if row is None:
                query = {"with_projects": False} if kind == "groups" else {}
                row = self._budget.named(kind, name, query)
        except OutOfBudget:
            self._untested.append(name)
            return None, None
        except Skipped as error:
            message = self._missing(kind, name)
            return None, Step(title, FAILED, message, {"name": name, "status": error.status})
        except ReadError as error:
            return None, Step(title, FAILED, str(error), {"name": name, "status": error.status})
        path = _path_of(row)
        details = {"name": name, "id": row["id"], "path": path}
        if not name.isdigit() and path.lower() != name.lower():
            message = f"{name} has moved to {path}. Write the new path in {kind}_list."
            return row, Step(title, WARNING, message, details)
        if row.get("archived") and not self._config.include_archived:
            message = f"{path} is archived, and include_archived is off: it is left out."
            return row, Step(title, WARNING, message, details)
        message = f"The {kind[:-1]} {path} can be seen."
        return row, Step(title, PASSED, message, details, aside=True)

    def _missing(self, kind: str, name: str) -> str:
        """What is wrong with a name, and what to do about it."""
        what, other = (kind[:-1], "projects" if kind == "groups" else "groups")
        start = f"The {what} {name!r} in {kind}_list was not found"
        if name.lower() == (self._identity.username or "").lower() and kind == "groups":
            return (
                f"{start}: it is the token's own user, not a group. Name the user's projects in"
                " projects_list, or leave both lists empty to read everything."
            )
        if self._is_there(other, name):
            return f"{start}: it is a {other[:-1]}. Move it to {other}_list."
        known = {_path_of(row).lower(): _path_of(row) for row in self._listed(kind).values()}
        close = difflib.get_close_matches(name.lower(), known, n=1)
        if close:
            return f"{start}, or this token may not see it. Did you mean {known[close[0]]}?"
        if self._identity.kind == "none":
            return f"{start}, or it is not public. Check its path, or give a token."
        member = "user"
        if self._identity.kind in {"project", "group"}:
            member = f"{self._identity.kind} (a {self._identity.kind} access token sees no other)"
        return (
            f"{start}, or this token may not see it. Check its path or id, and that the token's"
            f" {member} is a member of it."
        )

    def _is_there(self, kind: str, name: str) -> bool:
        if "/" not in name and kind == "projects":
            return False
        query = {"with_projects": False} if kind == "groups" else {}
        try:
            self._budget.named(kind, name, query)
        except (Skipped, ReadError, OutOfBudget):
            return False
        return True

    def _look_into(self, found: Found) -> list[Step]:
        """Count the projects of the first groups, and take candidates to try streams on."""
        steps = []
        tasks = [partial(self._projects_of, row) for row in found.groups[:_GROUPS_LOOKED_INTO]]
        for row, (rows, total, problem) in zip(
            found.groups, self._ahead.in_order(tasks, self._ahead.workers), strict=False
        ):
            path = _path_of(row)
            found.projects += rows
            known = found.total is not None and total is not None
            found.total = (found.total or 0) + (total or 0) if known else None
            details = {"group": path, "projects": total}
            if problem:
                steps.append(Step(f"Projects of {path}", WARNING, problem, details))
            elif total == 0:
                message = f"The group {path} has no project that this token may see."
                steps.append(Step(f"Projects of {path}", WARNING, message, details))
            else:
                message = f"{path} holds {_count(total, 'project')}."
                steps.append(Step(f"Projects of {path}", PASSED, message, details))
        if len(found.groups) > _GROUPS_LOOKED_INTO:
            found.total = None
        found.projects.sort(key=lambda row: str(row.get("last_activity_at") or ""), reverse=True)
        return steps

    def _projects_of(self, group: Row) -> tuple[list[Row], int | None, str | None]:
        query: Row = {"include_subgroups": True, "with_shared": False, "per_page": _CANDIDATES}
        query |= {"order_by": "last_activity_at", "sort": "desc"}
        query |= {} if self._config.include_archived else {"archived": False}
        try:
            answer = self._budget.rows(f"groups/{group['id']}/projects", query)
        except OutOfBudget:
            return [], None, "Its projects were not counted: the test ran out of time or requests."
        except (Skipped, ReadError) as error:
            return [], None, str(error)
        return answer.data, _total(answer.total, answer.data, last=answer.next is None), None

    def _membership(self) -> tuple[Found, list[Step]]:
        query: Row = {"min_access_level": _GUEST, "order_by": "id", "sort": "asc", "per_page": 100}
        try:
            answer = self._budget.rows("groups", query)
            groups, group_count = (
                answer.data,
                _total(answer.total, answer.data, last=answer.next is None),
            )
        except Skipped:
            # Project access tokens and job tokens may not list groups.
            groups, group_count = [], 0
        query = {"membership": True, "order_by": "last_activity_at", "sort": "desc"}
        query |= {} if self._config.include_archived else {"archived": False}
        try:
            answer = self._budget.rows("projects", {**query, "per_page": _CANDIDATES})
        except Skipped as error:
            message = (
                "What this token is a member of cannot be listed, so name what to read in"
                f" projects_list. {error}"
            )
            return Found(groups), [Step("Membership", FAILED, message, {"status": error.status})]
        total = _total(answer.total, answer.data, last=answer.next is None)
        found = Found(_with_active(groups, answer.data), answer.data, total)
        details = {"groups": group_count, "projects": total}
        if not groups and not answer.data:
            message = (
                "The token's user is a member of no group and no project, so there is nothing to"
                " read. Name groups or projects in groups_list or projects_list, or add the user"
                " to some."
            )
            return found, [Step("Membership", FAILED, message, details)]
        if self._identity.kind == "project" and len(answer.data) == 1:
            path = _path_of(answer.data[0])
            message = f"This project access token reads its one project, {path}."
            return found, [Step("Membership", PASSED, message, details)]
        message = (
            f"Everything that the token is a member of is read: {_count(group_count, 'group')},"
            f" {_count(total, 'project')}."
        )
        return found, [Step("Membership", PASSED, message, details)]

    def _not_tested(self) -> Step:
        shown = ", ".join(self._untested[:_UNTESTED_NAMES])
        more = len(self._untested) - _UNTESTED_NAMES
        message = (
            f"Not tested, because the test ran out of time or requests: {shown}"
            f"{f' and {more} more' if more > 0 else ''}. A read tells when one is missing."
        )
        return Step("Other names", WARNING, message, {"names": list(self._untested)})


def _path_of(row: Row) -> str:
    return str(row.get("path_with_namespace") or row.get("full_path") or row.get("id"))


def _with_active(groups: list[Row], projects: list[Row]) -> list[Row]:
    """The groups, those first that hold the projects that were active last."""
    paths = [f"{_path_of(project).lower()}/" for project in projects]

    def rank(group: Row) -> tuple[int, int]:
        inside = f"{_path_of(group).lower()}/"
        first = next((n for n, path in enumerate(paths) if path.startswith(inside)), len(paths))
        return first, inside.count("/")

    return sorted(groups, key=rank)


def _total(told: int | None, rows: list[Row], *, last: bool) -> int | None:
    return told if told is not None else len(rows) if last else None


def _count(number: int | None, what: str) -> str:
    if number is None:
        return f"very many {what}s"
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
