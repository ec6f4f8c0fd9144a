"""Rows of plain lists in JSON: the entry's row with its ``$words`` filled in."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson

from integration_tests.gitlab.clock import optional_stamp, plus_days, stamp
from integration_tests.gitlab.graphql.shape import in_seconds
from integration_tests.gitlab.plain.resource import ResourceError, resources
from integration_tests.gitlab.plain.tables import all_rows, home_of, owner_of, rows_below
from integration_tests.gitlab.present import ci, code, people, planning, structure
from integration_tests.gitlab.repository import make_sha

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration_tests.gitlab.plain.resource import Resource
    from integration_tests.gitlab.rows import Json, Row
    from integration_tests.gitlab.world import World

_WORD = re.compile(
    r"\$(?:(?P<date>day|today)(?P<shift>[+-]\d+)?(?!\w)|"
    r"(?P<plain>\w+(?:\.\w+)*)|\{(?P<braced>\w+(?:\.\w+)*)\})"
)
CHOOSE = "$choose"
SELF = "$self"
"""A row of the world's own as the rest of the emulator shows it."""


def _account(world: World, row: Row) -> Json:
    return people.user_profile(world, row.id) or {}


PRESENTERS: dict[str, Callable[[World, Row], Json]] = {
    "projects": structure.project,
    "groups": structure.group,
    "issues": planning.issue,
    "epics": planning.epic,
    "milestones": planning.milestone,
    "labels": planning.label,
    "boards": planning.board,
    "merge_requests": code.merge_request,
    "releases": code.release,
    "pipelines": ci.pipeline_basic,
    "jobs": ci.job,
    "bridges": ci.bridge,
    "deployments": ci.deployment,
    "group_members": people.member,
    "project_members": people.member,
    "users": _account,
}
"""How rows of the tables that are not plain are shown, where a plain row shows one."""


class Filled:
    """Fills the words of one row."""

    def __init__(self, world: World, resource: Resource, row: Row) -> None:
        self.world = world
        self._resource = resource
        self.row = row
        self._number = row.facts.get("number", row.id)

    def value(self, template: Any) -> Any:
        """A template with every word filled in, at any depth."""
        if isinstance(template, str):
            return self._text(template) if "$" in template else template
        if isinstance(template, list):
            return [self.value(one) for one in template]
        if isinstance(template, dict):
            if CHOOSE in template:
                choices = template[CHOOSE]
                return self.value(choices[(self._number - 1) % len(choices)])
            return {
                (self._text(name) if "$" in name else name): self.value(one)
                for name, one in template.items()
            }
        return template

    def _text(self, text: str) -> Any:
        optional = text.endswith("?")
        whole = _WORD.fullmatch(text.removesuffix("?"))
        if whole is not None:
            return self._word(whole, optional=optional)
        return _WORD.sub(lambda found: str(self._word(found)), text)

    def _word(self, match: re.Match[str], *, optional: bool = False) -> Any:
        if match["date"]:
            moment = self.row.created if match["date"] == "day" else self.world.clock.now()
            return plus_days(moment, int(match["shift"] or 0))
        name, *rest = _path(match)
        found = self._named(name, optional=optional)
        for part in rest:
            found = found.get(part) if isinstance(found, dict) else None
        return found

    def _named(self, name: str, *, optional: bool) -> Any:
        if name in self.row.facts:
            return self.row.facts[name]
        if name in _WORDS:
            return _WORDS[name](self)
        if name == "self":
            return _presented(self.world, self._resource.table, self.row)
        table = f"{name}s"
        if table in PRESENTERS or table in resources():
            return self._neighbour(table)
        if optional:
            return None
        raise ResourceError(self._resource.name, "row", f"${name}", "see resources/README.md")

    def user_id(self, shift: int = 0) -> int:
        """An account's id: another one for the next row, and for the next shift."""
        users = sorted(one.id for one in self.world.users if not one.facts.get("bot"))
        return users[(self.row.id + shift) % len(users)]

    def user(self, shift: int = 0) -> Json | None:
        """An account as rows embed it."""
        return people.user_basic(self.world, self.user_id(shift))

    def owner_iid(self) -> int | None:
        """The iid of what the row stands below."""
        owner = owner_of(self.world, self._resource, self.row)
        return None if owner is None else owner.iid

    def owner(self) -> Any:
        """What the row stands below, as GitLab shows it."""
        owner = owner_of(self.world, self._resource, self.row)
        return None if owner is None else _presented(self.world, self._resource.below, owner)

    def project(self) -> Json | None:
        """The row's project."""
        project_id = self.row.project_id
        if project_id is None:
            return None
        return structure.project(self.world, self.world.projects[project_id])

    def group(self) -> Json | None:
        """The row's group."""
        group_id = self.row.group_id
        return (
            None if group_id is None else structure.group(self.world, self.world.groups[group_id])
        )

    def below_group(self) -> int | None:
        """The id of a project of the row's group, or of one below it."""
        found = self.world.projects_below(self.row.group_id or 0)
        return found[self._number % len(found)].id if found else None

    def is_gone(self, part_of: str) -> bool:
        """Whether what the row is deleted with is no longer there."""
        word = part_of.removesuffix("?")
        may_lack = word != part_of and self.row.facts.get(_picked(f"{word}s")) is None
        return not may_lack and self._neighbouring(f"{word}s") is None

    def _neighbour(self, table: str) -> Any:
        """A row of another table in the same project or group; null where there is none."""
        found = self._neighbouring(table)
        return None if found is None else _presented(self.world, table, found)

    def _neighbouring(self, table: str) -> Row | None:
        """The same as a row: it stays the same one, until that is deleted."""
        home = home_of(self.world, self.row)
        rows = all_rows(self.world, table) if home is None else rows_below(self.world, table, home)
        # A suite of tests names the builds it sums (lib/gitlab/ci/reports/test_suite_summary.rb).
        if table == "jobs" and self._resource.below == "pipelines":
            rows = [one for one in rows if one.pipeline_id == self.row.facts["owner_id"]]
        picked = _picked(table)
        if picked not in self.row.facts:
            self.row.learn(**{picked: rows[self._number % len(rows)].id if rows else None})
        return next((one for one in rows if one.id == self.row.facts[picked]), None)


def _picked(table: str) -> str:
    """The fact that has the id of a row's neighbour."""
    return f"picked {table}"


def _presented(world: World, table: str, row: Row) -> Any:
    if table in PRESENTERS:
        present = PRESENTERS[table]
        return orjson.loads(row.body(world.shown, present.__name__, lambda: present(world, row)))
    if table in resources():
        return shown(world, resources()[table], row)
    return dict(row.facts)


def shown(world: World, resource: Resource, row: Row) -> Any:
    """A row of a plain list as GitLab shows it; null where the entry's row comes to nothing."""
    if resource.row == SELF:
        return _presented(world, resource.table, row)
    filled = Filled(world, resource, row)
    if resource.part_of and filled.is_gone(resource.part_of):
        return None
    made = filled.value(resource.row)
    if resource.graphql:
        made = in_seconds(made)
    return row.overridden(made) if isinstance(made, dict) else made


def is_nothing(world: World, resource: Resource, row: Row) -> bool:
    """Whether `shown` comes to nothing for a row."""
    if resource.part_of:
        return Filled(world, resource, row).is_gone(resource.part_of)
    return shown(world, resource, row) is None


def may_be_nothing(resource: Resource) -> bool:
    """Whether `shown` may come to nothing for a row, which is not listed then."""
    is_coded = resource.row == SELF and resource.table in PRESENTERS
    return resource.may_be_nothing and not is_coded


def shown_to_admin(world: World, resource: Resource, row: Row) -> Any:
    """The same with the fields that administrators alone are shown."""
    more = Filled(world, resource, row).value(resource.for_admins)
    return {**shown(world, resource, row), **more}


def body(world: World, resource: Resource, row: Row) -> bytes:
    """The same as JSON, remembered where nothing but the row itself can change it."""
    if resource.row == SELF:
        present = PRESENTERS[resource.table]
        return row.body(world.shown, present.__name__, lambda: present(world, row))
    if not _stands_alone(resource):
        return orjson.dumps(shown(world, resource, row))

    def make() -> Json:
        made: Json = Filled(world, resource, row).value(resource.row)
        return made

    return row.body(world.shown, f"plain:{resource.name}", make)


@cache
def _words(name: str) -> frozenset[str]:
    """The words of a resource's row, without what follows their dots."""
    return frozenset(_path(found)[0] for found in _WORD.finditer(str(resources()[name].row)))


def _path(match: re.Match[str]) -> list[str]:
    """The name of a word, and the fields picked from it."""
    return str(match["date"] or match["plain"] or match["braced"]).split(".")


def _stands_alone(resource: Resource) -> bool:
    alone = {*_WORDS, "number", "owner_id", "day"} - _OTHERS
    return isinstance(resource.row, dict) and _words(resource.name) <= alone


_WORDS: dict[str, Callable[[Filled], Any]] = {
    "id": lambda it: it.row.id,
    "iid": lambda it: it.row.iid,
    "project_id": lambda it: it.row.project_id,
    "group_id": lambda it: it.row.group_id,
    "created": lambda it: stamp(it.row.created),
    "updated": lambda it: optional_stamp(it.row.updated),
    "url": lambda it: it.world.settings.external_url,
    "version": lambda it: it.world.settings.version,
    "sha": lambda it: make_sha("plain", it.row.id),
    "user_id": Filled.user_id,
    "user": Filled.user,
    "other_user": lambda it: it.user(1),
    "owner": Filled.owner,
    "owner_iid": Filled.owner_iid,
    "project": Filled.project,
    "group": Filled.group,
    "in_project": lambda it: it.row.project_id is not None,
    "below_group": Filled.below_group,
}

_OTHERS = {"owner", "owner_iid", "project", "group", "below_group"}
"""Words whose value another row changes. So do all those that stand for rows of tables."""
