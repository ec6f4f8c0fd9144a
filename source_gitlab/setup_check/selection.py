"""The tests of the groups and projects: each that was named, or those that the token reaches.

Unlike a read, this asks only what the report can say: of a membership of thousands, how many they
are and which were active last.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from source_gitlab.core.name_advice import Advice, by_name, of_group, of_member, path_of, unarchived
from source_gitlab.core.row_key import ID, must_have_id
from source_gitlab.core.selection import NO_MEMBERSHIP, archived
from source_gitlab.gitlab.errors import GitlabError, ReadError, Skipped
from source_gitlab.setup_check.budget import OutOfBudget
from source_gitlab.setup_check.result import FAILED, PASSED, WARNING, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_gitlab.config import Config
    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.gitlab.pagination import Row
    from source_gitlab.setup_check.budget import Budget
    from source_gitlab.setup_check.identity import Identity


# More names of a kind than this are looked up in one list of what the token is a member of.
_ONE_BY_ONE = 8
# Groups whose projects are counted, and projects of each that streams may be tried on.
_GROUPS_LOOKED_INTO = 3
_CANDIDATES = 20
_UNTESTED_NAMES = 5  # that a message spells out
_ACTIVE_FIRST: Final = {
    "order_by": "last_activity_at",
    "sort": "desc",
    "per_page": _CANDIDATES,
}


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


class _BoundedAdvice(Advice):
    """Advice of one list at most for all names of a kind, and of whose the token is."""

    untold = (GitlabError, OutOfBudget)

    def __init__(self, budget: Budget, identity: Identity) -> None:
        member = "user"
        if identity.kind in {"project", "group"}:
            member = f"{identity.kind} (a {identity.kind} access token sees no other)"
        super().__init__(budget, anonymous=identity.kind == "none", member=member)
        self._username = identity.username

    def _is_user(self, name: str) -> bool:
        return name.lower() == (self._username or "").lower()

    def _candidates(self, kind: str, name: str) -> Iterator[list[Row]]:
        del name
        yield self.mine(kind)


class SelectionTests:
    """Resolves the scope of a configuration within a budget."""

    def __init__(
        self, budget: Budget, prefetcher: Prefetcher, config: Config, identity: Identity
    ) -> None:
        """Ask nothing yet."""
        self._budget = budget
        self._prefetcher = prefetcher
        self._config = config
        self._identity = identity
        self._untested: list[str] = []
        self._advice = _BoundedAdvice(budget, identity)

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
        found = list(self._prefetcher.in_order(tasks, self._prefetcher.workers))
        rows = {int(row["id"]): row for row, _ in found if row}
        return list(rows.values()), [step for _, step in found if step]

    def _listed(self, kind: str) -> dict[str, Row]:
        """What the token is a member of, by path in small letters and by id; at most a page."""
        rows = self._advice.mine(kind)
        return {key: row for row in rows for key in (path_of(row).lower(), str(row["id"]))}

    def _resolve(
        self, kind: str, name: str, known: dict[str, Row]
    ) -> tuple[Row | None, Step | None]:
        title = f"{kind[:-1].capitalize()} {name}"
        row = known.get(name.lower())
        try:
            if row is None:
                row = self._budget.named(kind, name, by_name(kind))
                must_have_id(f"{self._config.api_url}/{kind}/{name}", row)
        except OutOfBudget:
            self._untested.append(name)
            return None, None
        except (Skipped, ReadError) as error:
            message = self._advice.problem(kind, name, error)
            return None, Step(title, FAILED, message, {"name": name, "status": error.status})
        path = path_of(row)
        details = {"name": name, "id": row["id"], "path": path}
        if not name.isdigit() and path.lower() != name.lower():
            message = f"{name} has moved to {path}. Write the new path in {kind}_list."
            return row, Step(title, WARNING, message, details)
        if row.get("archived") and not self._config.include_archived:
            return row, Step(title, WARNING, archived(path), details)
        message = f"The {kind[:-1]} {path} can be seen."
        return row, Step(title, PASSED, message, details, aside=True)

    def _look_into(self, found: Found) -> list[Step]:
        """Count the projects of the first groups, and take candidates to try streams on."""
        steps = []
        tasks = [partial(self._projects_of, row) for row in found.groups[:_GROUPS_LOOKED_INTO]]
        for row, (rows, total, problem) in zip(
            found.groups, self._prefetcher.in_order(tasks, self._prefetcher.workers), strict=False
        ):
            path = path_of(row)
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
        query: Row = {**of_group(self._config), **_ACTIVE_FIRST}
        try:
            path = f"groups/{group['id']}/projects"
            answer = ID.checked(path, self._budget.rows(path, query))
        except OutOfBudget:
            return [], None, "Its projects were not counted: the test ran out of time or requests."
        except (Skipped, ReadError) as error:
            return [], None, str(error)
        return answer.data, _total(answer.total, answer.data, last=answer.next is None), None

    def _membership(self) -> tuple[Found, list[Step]]:
        query: Row = {**of_member("groups"), "order_by": "id", "sort": "asc", "per_page": 100}
        try:
            answer = ID.checked("groups", self._budget.rows("groups", query))
            groups, group_count = (
                answer.data,
                _total(answer.total, answer.data, last=answer.next is None),
            )
        except Skipped:
            # Project access tokens and job tokens may not list groups.
            groups, group_count = [], 0
        query = {**of_member("projects"), **unarchived(self._config), **_ACTIVE_FIRST}
        try:
            answer = ID.checked("projects", self._budget.rows("projects", query))
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
            return found, [Step("Membership", FAILED, NO_MEMBERSHIP, details)]
        if self._identity.kind == "project" and len(answer.data) == 1:
            path = path_of(answer.data[0])
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


def _with_active(groups: list[Row], projects: list[Row]) -> list[Row]:
    """The groups, those first that hold the projects that were active last."""
    paths = [f"{path_of(project).lower()}/" for project in projects]

    def rank(group: Row) -> tuple[int, int]:
        inside = f"{path_of(group).lower()}/"
        first = next((n for n, path in enumerate(paths) if path.startswith(inside)), len(paths))
        return first, inside.count("/")

    return sorted(groups, key=rank)


def _total(told: int | None, rows: list[Row], *, last: bool) -> int | None:
    return told if told is not None else len(rows) if last else None


def _count(number: int | None, what: str) -> str:
    if number is None:
        return f"very many {what}s"
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
