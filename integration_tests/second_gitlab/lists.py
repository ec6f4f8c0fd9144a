"""Endpoints: which query each list is, and which object each address names (lib/api/*.rb)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from integration_tests.second_gitlab.access import ROLES, SEEN
from integration_tests.second_gitlab.world import REPORTER

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from integration_tests.second_gitlab.rows import Json, Rows
    from integration_tests.second_gitlab.world import World

# Every group that lies in one of the groups, itself among them.
_BELOW: Final = """
  select id from above where upper = :group
"""
_TRUE: Final = frozenset({"true", "1", "t", "on", "yes"})
_VERSION: Final = {"version": "18.5.0-ee", "revision": "0123456789a"}


class Refused(Exception):
    """An answer that is not a 200; `message` is what its body says."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True)
class Listed:
    """A list: a query, and how a row of it is shown. `order` is SQL; `keyset` may be asked for."""

    select: str
    values: dict[str, Any]
    order: str
    show: Callable[[sqlite3.Row], Json]
    keyset: bool = False


def moment(text: str) -> int:
    """Microseconds of a time in a query."""
    when = datetime.fromisoformat(text.replace("Z", "+00:00"))
    when = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
    return round((when - datetime(1970, 1, 1, tzinfo=timezone.utc)).total_seconds() * 1_000_000)


class Lists:
    """What the addresses below /api/v4 answer to one user."""

    def __init__(
        self, world: World, rows: Rows, user: int | None, query: Mapping[str, str]
    ) -> None:
        """`user` is None for somebody without a token."""
        self._world = world
        self._rows = rows
        self._user = user
        self._query = query

    def answer(self, path: str) -> Listed | Json:
        """The list or object at a path.

        Raises:
            Refused: there is none, or not for this user.
        """
        for pattern, method in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match:
                found: Listed | Json = getattr(self, method)(*map(unquote, match.groups()))
                return found
        message = "404 Not Found"
        raise Refused(404, message)

    # Objects

    def version(self) -> Json:
        """GET /version and /metadata."""
        if self._user is None:
            message = "401 Unauthorized"
            raise Refused(401, message)
        return {**_VERSION, "enterprise": True}

    def user(self) -> Json:
        """GET /user."""
        if self._user is None:
            message = "401 Unauthorized"
            raise Refused(401, message)
        return self._rows.user(self._user)

    def token(self) -> Json:
        """GET /personal_access_tokens/self."""
        scopes = {"scopes": ["read_api"], "active": True, "revoked": False, "expires_at": None}
        return {"id": 1, "user_id": self._user, "name": "reader", **scopes}

    def group(self, name: str) -> Json:
        """GET /groups/:id."""
        return self._rows.group(self._found_group(name))

    def project(self, name: str) -> Json:
        """GET /projects/:id, which shows the user's role, as lists of groups do not."""
        row = self._found_project(name)
        return self._with_access(row)

    # Lists

    def groups(self) -> Listed:
        """GET /groups: with a token those that its user is in, unless all are asked for."""
        where = "" if self._is("all_available") else "where seen_groups.level > 0"
        select = f"select groups.* from groups join seen_groups using (id) {where}"
        return Listed(select, {}, self._ordered("groups", "name", "asc"), self._rows.group)

    def descendants(self, name: str) -> Listed:
        """GET /groups/:id/descendant_groups."""
        group = self._found_group(name)
        select = (
            "select groups.* from groups join seen_groups using (id) "
            f"where id in ({_BELOW}) and id != :group"
        )
        values = {"group": group["id"]}
        return Listed(select, values, self._ordered("groups", "name", "asc"), self._rows.group)

    def projects(self) -> Listed:
        """GET /projects."""
        where = ["1"]
        if self._is("membership"):
            where.append("seen.level > 0")
        select, values = self._projects(where)
        order = self._ordered("projects", "created_at", "desc")
        return Listed(select, values, order, self._with_access, keyset=True)

    def group_projects(self, name: str) -> Listed:
        """GET /groups/:id/projects."""
        group = self._found_group(name)
        inside = f"in ({_BELOW})" if self._is("include_subgroups") else "= :group"
        select, values = self._projects([f"projects.group_id {inside}"])
        order = self._ordered("projects", "created_at", "desc")
        return Listed(select, {**values, "group": group["id"]}, order, self._rows.project)

    def shared(self, name: str) -> Listed:
        """GET /groups/:id/projects/shared: no project is shared with a group here."""
        self._found_group(name)
        order = self._ordered("projects", "created_at", "desc")
        return Listed("select * from projects where 0", {}, order, self._rows.project)

    def of_group(self, name: str, table: str) -> Listed:
        """GET /groups/:id/issues and merge_requests: archived projects are left out by default."""
        group = self._found_group(name)
        where = f"project_id in (select id from projects where group_id in ({_BELOW}))"
        if self._query.get("non_archived", "true") in _TRUE:
            where += " and project_id not in (select id from projects where archived)"
        return self._issuables(table, where, {"group": group["id"]})

    def of_project(self, name: str, table: str) -> Listed:
        """GET /projects/:id/issues and merge_requests; only the second asks for a permission."""
        row = self._found_project(name)
        level = self._level(row["id"])
        needed = {"enabled": 0, "private": REPORTER}.get(row["merge_requests_access"])
        if row["visibility"] == "private":
            needed = None if needed is None else REPORTER
        if table == "merge_requests" and (needed is None or level < needed):
            message = "403 Forbidden"
            raise Refused(403, message)
        return self._issuables(table, "project_id = :project", {"project": row["id"]})

    def group_members(self, name: str, inherited: str | None = None) -> Listed:
        """GET /groups/:id/members."""
        group = self._found_group(name)
        if inherited:
            select = (
                "select source, source_id, user_id, max(level) as level, created_at, user_id as id "
                "from members where source = 'group' and source_id in "
                "(select upper from above where id = :group) group by user_id"
            )
        else:
            select = (
                "select *, user_id as id from members where source = 'group' and source_id = :group"
            )
        return Listed(select, {"group": group["id"]}, "user_id", self._rows.member)

    def project_members(self, name: str, inherited: str | None = None) -> Listed:
        """GET /projects/:id/members."""
        row = self._found_project(name)
        direct = "source = 'project' and source_id = :project"
        if inherited:
            above = "select upper from above where id = :home"
            direct = f"(({direct}) or (source = 'group' and source_id in ({above})))"
        select = (
            "select source, source_id, user_id, max(level) as level, created_at, user_id as id "
            f"from members where {direct} group by user_id"
        )
        values = {"project": row["id"], "home": row["group_id"]}
        return Listed(select, values, "user_id", self._rows.member)

    def project_users(self, name: str) -> Listed:
        """GET /projects/:id/users: everybody with a role in it."""
        listed = self.project_members(name, "all")
        return Listed(
            listed.select, listed.values, listed.order, lambda row: self._rows.user(row["user_id"])
        )

    # What these share

    def _issuables(self, table: str, where: str, values: dict[str, Any]) -> Listed:
        conditions = [where]
        if self._query.get("scope", "created_by_me") == "created_by_me":
            conditions.append("author_id = :user")
        for name, comparison in (("updated_after", ">="), ("updated_before", "<=")):
            if self._query.get(name):
                conditions.append(f"updated_at {comparison} :{name}")
                values[name] = moment(self._query[name])
        if self._query.get("state", "all") != "all":
            conditions.append("state = :state")
            values["state"] = self._query["state"]
        select = f"select * from ({SEEN[table]}) where {' and '.join(conditions)}"
        show = {"issues": self._rows.issue, "merge_requests": self._rows.merge_request}[table]
        column = self._query.get("order_by", "created_at")
        way = "asc" if self._query.get("sort", "desc") == "asc" else "desc"
        # Ties are broken by the newest first, whichever way the list goes (app/models/concerns/
        # issuable.rb, `with_order_id_desc`).
        return Listed(select, values, f"{_column(column)} {way}, id desc", show)

    def _projects(self, where: list[str]) -> tuple[str, dict[str, Any]]:
        values: dict[str, Any] = {}
        if "archived" in self._query:
            where.append("projects.archived = :archived")
            values["archived"] = self._is("archived")
        for name, comparison in (("id_after", ">"), ("id_before", "<")):
            if self._query.get(name):
                where.append(f"projects.id {comparison} :{name}")
                values[name] = int(self._query[name])
        if self._query.get("min_access_level"):
            where.append("seen.level >= :min_access_level")
            values["min_access_level"] = int(self._query["min_access_level"])
        select = (
            "select projects.* from projects join seen on seen.id = projects.id "
            f"where {' and '.join(where)}"
        )
        return select, values

    def _ordered(self, table: str, column: str, way: str) -> str:
        column = _column(self._query.get("order_by", column))
        way = "asc" if self._query.get("sort", way) == "asc" else "desc"
        return f"{table}.{column} {way}, {table}.id {way}"

    def _is(self, name: str) -> bool:
        return self._query.get(name, "").lower() in _TRUE

    def _level(self, project_id: int) -> int:
        found = self.find("select level from seen where id = :id", {"id": project_id})
        return int(found[0]["level"]) if found else 0

    def _with_access(self, row: sqlite3.Row) -> Json:
        level = self._level(row["id"])
        access = {"access_level": level, "notification_level": 3} if level else None
        permissions = {"project_access": access, "group_access": None}
        return {**self._rows.project(row), "permissions": permissions}

    def _found_group(self, name: str) -> sqlite3.Row:
        for row in self.find("select groups.* from groups join seen_groups using (id)", {}):
            if name in {str(row["id"]), self._rows.path_of(row["id"])}:
                return row
        message = "404 Group Not Found"
        raise Refused(404, message)

    def _found_project(self, name: str) -> sqlite3.Row:
        for row in self.find("select projects.* from projects join seen using (id)", {}):
            if name in {str(row["id"]), self._rows.project_path(row["id"])}:
                return row
        message = "404 Project Not Found"
        raise Refused(404, message)

    def find(self, select: str, values: dict[str, Any], behind: str = "") -> list[sqlite3.Row]:
        """The rows of a query, of which the user sees what its role allows."""
        sql, ordered = _positional(f"{ROLES} {select} {behind}", {**values, "user": self._user})
        return self._world.query(sql, ordered)


def _column(name: str) -> str:
    if not re.fullmatch(r"[a-z_]+", name):
        message = "order_by does not have a valid value"
        raise Refused(400, message)
    return name


def _positional(sql: str, values: Mapping[str, Any]) -> tuple[str, tuple[Any, ...]]:
    """The same query with `?` for each name, and what stands there."""
    names: list[str] = []

    def place(match: re.Match[str]) -> str:
        names.append(match[1])
        return "?"

    made = re.sub(r":([a-z_]+)", place, sql)
    return made, tuple(values[name] for name in names)


_ONE: Final = r"([^/]+)"
_ROUTES: Final = (
    ("version|metadata", "version"),
    ("user", "user"),
    ("personal_access_tokens/self", "token"),
    ("groups", "groups"),
    (f"groups/{_ONE}", "group"),
    (f"groups/{_ONE}/descendant_groups", "descendants"),
    (f"groups/{_ONE}/projects", "group_projects"),
    (f"groups/{_ONE}/projects/shared", "shared"),
    (f"groups/{_ONE}/(issues|merge_requests)", "of_group"),
    (f"groups/{_ONE}/members", "group_members"),
    (f"groups/{_ONE}/members/(all)", "group_members"),
    ("projects", "projects"),
    (f"projects/{_ONE}", "project"),
    (f"projects/{_ONE}/(issues|merge_requests)", "of_project"),
    (f"projects/{_ONE}/members", "project_members"),
    (f"projects/{_ONE}/members/(all)", "project_members"),
    (f"projects/{_ONE}/users", "project_users"),
)
