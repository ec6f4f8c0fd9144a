"""What an entry of ``resources/*.yaml`` says: see ``resources/README.md``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent.parent / "resources"

ROLES = {
    "guest": 10,
    "planner": 15,
    "reporter": 20,
    "developer": 30,
    "maintainer": 40,
    "owner": 50,
    "admin": 60,
}
TIERS = ("free", "premium", "ultimate")
CHANGING = ("description", "title", "body", "state")
"""Fields that change where an entry does not say which: the first that its row has."""
_TUPLES = {
    "singly",
    *("orders", "scopes", "beyond", "unsent", "secret", "linked", "span", "none", "blank"),
}
MOST_EACH = 9
"""Rows of one owner at most: the last digit of an id numbers them."""


class ResourceError(ValueError):
    """An entry that cannot be served."""

    def __init__(self, name: str, attribute: str, found: object, allowed: str) -> None:
        super().__init__(f"{name}: {attribute} is {found!r}, allowed: {allowed}")


@dataclass(frozen=True)
class Resource:
    """One list, or one object, of the API. ``resources/README.md`` explains each attribute."""

    name: str
    path: str
    row: Any
    graphql: tuple[str, ...] = ()
    span: tuple[int, ...] = ()
    named_by: str = ""
    singly: tuple[str, ...] = ()
    below: str = ""
    each: int = 2
    lacking: int = 0
    of: dict[str, Any] = field(default_factory=dict)
    apart: int = 1
    table: str = ""
    keep: dict[str, Any] = field(default_factory=dict)
    feature: str = ""
    refused: Any = 403
    switch: str = ""
    role: str = ""
    denied: int = 403
    public: bool = False
    own_below: str = ""
    tier: str = "free"
    since: str = ""
    anonymous: bool = True
    scopes: tuple[str, ...] = ("api", "read_api")
    job_token: bool = False
    order: str = "id asc"
    orders: tuple[str, ...] = ()
    filters: dict[str, str] = field(default_factory=dict)
    paging: str = "offset"
    paged_since: str = ""
    short: bool = False
    most: int = 0
    ancestors: dict[str, bool] = field(default_factory=dict)
    of_ancestors: bool = False
    descendants: dict[str, bool] = field(default_factory=dict)
    projects_below: dict[str, bool] = field(default_factory=dict)
    below_since: str = ""
    of_groups: bool = False
    of_projects: bool = False
    repeated: bool = False
    object: bool = False
    nothing: Any = 404
    none: tuple[Any, ...] = ()
    top: str = ""
    blank: tuple[str, ...] = ()
    once: str = ""
    adds: dict[str, Any] = field(default_factory=dict)
    for_admins: dict[str, Any] = field(default_factory=dict)
    one: str = ""
    one_adds: dict[str, Any] = field(default_factory=dict)
    touches: str = ""
    fixed: bool = False
    part_of: str = ""
    changes: dict[str, Any] = field(default_factory=dict)
    rows: Any = ""
    outer: dict[str, str] = field(default_factory=dict)
    numbered: str = ""
    snapshot: bool = False
    entity: str = ""
    beyond: tuple[str, ...] = ()
    unsent: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    linked: tuple[str, ...] = ()

    @property
    def level(self) -> int:
        """The access level that it takes; 0 for whoever sees the owner."""
        return ROLES[self.role] if self.role else 0

    @property
    def paths(self) -> tuple[str, ...]:
        """The addresses that answer it: its path, or one for each field that is asked for alone."""
        return tuple(f"{self.path}/{one}" for one in self.singly) or (self.path,)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters of the path but for the ``:id`` of a group or project."""
        found = re.findall(r":(\w+)", self.path)
        return tuple(found[1:] if self.root else found)

    @property
    def root(self) -> str:
        """``projects`` or ``groups`` when the path or the query names one, else nothing."""
        return _root_of(self.path, self.named_by)

    @property
    def sorting(self) -> list[tuple[str, bool]]:
        """The columns of the order unless a request says otherwise, and whether each descends."""
        words = [one.split() for one in self.order.removesuffix(" sort").split(",")]
        return [(column, direction == "desc") for column, direction in words]

    @property
    def shows_others(self) -> bool:
        """Whether its rows are rows of another table, which change for reasons of their own."""
        return isinstance(self.row, str) and not self.table

    @property
    def may_be_nothing(self) -> bool:
        """Whether a row may stand for one that was deleted, and is not listed then."""
        return isinstance(self.row, str) or bool(self.part_of)

    def change(self, text: str) -> dict[str, Any]:
        """Fields of a row that has changed; nothing where rows never do."""
        if self.fixed or not isinstance(self.row, dict):
            return {}
        known = [name for name in CHANGING if name in self.row]
        return self.changes or dict.fromkeys(known[:1], text)

    def check(self) -> None:
        """Raise ResourceError for an attribute that does not fit."""
        if not self.path.startswith("/"):
            raise ResourceError(self.name, "path", self.path, "a path below /api/v4, from its /")
        if self.parameters and not self.below:
            raise ResourceError(self.name, "below", self.below, "the table of what the path names")
        if self.singly and not (self.object and isinstance(self.row, dict)):
            raise ResourceError(self.name, "object", self.object, "true, for fields of one")
        for attribute, allowed in (
            ("paging", ("offset", "keyset", "token", "none")),
            ("tier", TIERS),
            ("role", ("", *ROLES)),
            ("own_below", ("", *ROLES)),
            ("touches", ("", "owner", "project", "activity")),
            ("refused", ("null", "denied", "empty") if self.graphql else (401, 403, 404, "empty")),
            ("denied", (400, 401, 403, 404)),
            ("nothing", (404, "null", "empty")),
        ):
            if attribute == "nothing" and isinstance(self.nothing, dict):
                continue
            if getattr(self, attribute) not in allowed:
                known = ", ".join(str(one) for one in allowed if one)
                raise ResourceError(self.name, attribute, getattr(self, attribute), known)
        if not 0 <= self.each <= MOST_EACH:
            raise ResourceError(self.name, "each", self.each, f"0 to {MOST_EACH}")


def parse(name: str, entry: dict[str, Any]) -> Resource:
    """An entry of a file; raises ResourceError for what does not fit."""
    known = {one.name: one for one in fields(Resource)}
    for attribute in entry:
        if attribute not in known or attribute == "name":
            raise ResourceError(name, "attribute", attribute, ", ".join(sorted(known)))
    given = dict(entry)
    if "graphql" in given:
        _in_graphql(name, given)
    lacking = next((one for one in ("path", "row") if one not in given), None)
    if lacking is not None:
        raise ResourceError(name, lacking, None, "one is needed")
    given["filters"] = _filters(given.get("filters", []))
    for attribute in _TUPLES & given.keys():
        given[attribute] = tuple(given[attribute])
    if "top" in given:
        given.setdefault("of", {"parent_id": None})
    for attribute in ("since", "below_since", "paged_since"):
        given[attribute] = str(given.get(attribute, ""))
    if given.get("object"):
        given.setdefault("each", 1)
    root = _root_of(given["path"], given.get("named_by", ""))
    if root and given["path"].count(":") <= 1:
        given.setdefault("below", root)
    made = Resource(name=name, **given)
    made.check()
    return made


def _root_of(path: str, named_by: str) -> str:
    if named_by:
        return "groups"
    match = re.match(r"/(projects|groups)/:id(/|$)", path)
    return match[1] if match else ""


def _in_graphql(name: str, given: dict[str, Any]) -> None:
    """Where a list of GraphQL stands: one of the fields is that of the projects, or groups."""
    fields_ = [given["graphql"]] if isinstance(given["graphql"], str) else given["graphql"]
    homes = [one.partition(".")[0] for one in fields_]
    if not {*homes} <= {"Project", "Group", "Query"} and "path" not in given:
        allowed = "fields of Project, Group or Query, or a path that tells the place"
        raise ResourceError(name, "graphql", given["graphql"], allowed)
    given["graphql"] = tuple(fields_)
    given.setdefault("path", f"/{'projects' if 'Project' in homes else 'groups'}/:id/{name}")
    given.setdefault("refused", "null")


def _filters(given: list[Any]) -> dict[str, str]:
    """``{parameter: column}``; a parameter that stands alone filters the column of its name."""
    found: dict[str, str] = {}
    for one in given:
        if isinstance(one, dict):
            found |= {str(name): str(column) for name, column in one.items()}
        elif one.endswith(("_after", "_before")):
            found[one] = f"{one.rpartition('_')[0]}_at"
        elif one in {"after", "before"}:
            found[one] = "created_at"
        else:
            found[one] = one
    return found


@cache
def resources() -> dict[str, Resource]:
    """Every plain list and object by its name."""
    found: dict[str, Resource] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        entries = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader) or {}
        for name, entry in entries.items():
            if name in found:
                raise ResourceError(name, "name", name, f"one entry; {path.name} has another")
            found[name] = parse(name, entry)
    return found


@cache
def rest_resources() -> dict[str, Resource]:
    """Those of the REST API."""
    return {name: one for name, one in resources().items() if not one.graphql}


@cache
def graphql_resources() -> dict[str, Resource]:
    """Those of GraphQL, by each field: ``Group.dora.metrics``."""
    return {name: one for one in resources().values() for name in one.graphql}
