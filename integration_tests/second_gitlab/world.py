"""The rows of a GitLab in SQLite, and the ways in which they change.

Times are whole microseconds since the epoch, as PostgreSQL stores them. The clock stands still
until it is told to go on.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from datetime import datetime, timezone
from typing import Any, Final

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

GUEST, REPORTER, DEVELOPER, MAINTAINER, OWNER = 10, 20, 30, 40, 50

START: Final = int(datetime(2026, 3, 1, 12, tzinfo=timezone.utc).timestamp()) * SECOND + 345_678

_SCHEMA: Final = """
create table users (id integer primary key, username text, name text, created_at integer);
create table groups (
  id integer primary key, path text, name text, parent_id integer, visibility text,
  created_at integer
);
create table projects (
  id integer primary key, path text, name text, group_id integer, visibility text,
  archived integer default 0, issues_access text default 'enabled',
  merge_requests_access text default 'enabled', created_at integer, updated_at integer,
  last_activity_at integer
);
create table members (
  source text, source_id integer, user_id integer, level integer, created_at integer,
  primary key (source, source_id, user_id)
);
create table issues (
  id integer primary key, iid integer, project_id integer, title text, state text,
  confidential integer default 0, author_id integer, labels text default '[]',
  notes integer default 0, moved_to_id integer, closed_at integer, created_at integer,
  updated_at integer, unique (project_id, iid)
);
create table merge_requests (
  id integer primary key, iid integer, project_id integer, title text, state text,
  author_id integer, labels text default '[]', notes integer default 0, merged_at integer,
  created_at integer, updated_at integer, unique (project_id, iid)
);
create index issues_updated on issues (updated_at);
create index merge_requests_updated on merge_requests (updated_at);
"""


class World:
    """One instance. Every method may be called from any thread."""

    def __init__(self) -> None:
        """Make an empty one, whose clock stands at START."""
        self.now = START
        self._lock = threading.RLock()
        self._rows = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._rows.row_factory = sqlite3.Row
        self._rows.executescript(_SCHEMA)
        self._uncommitted: list[tuple[int, str, tuple[Any, ...]]] = []

    def close(self) -> None:
        """Let go of the database."""
        self._rows.close()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += int(seconds * SECOND)

    def query(self, sql: str, values: tuple[Any, ...] = ()) -> list[sqlite3.Row]:
        """The rows of a query, among what is committed by now."""
        with self._lock:
            due = [one for one in self._uncommitted if one[0] <= self.now]
            self._uncommitted = [one for one in self._uncommitted if one[0] > self.now]
            for _, write, given in due:
                self._rows.execute(write, given)
            return self._rows.execute(sql, values).fetchall()

    def one(self, table: str, number: int) -> sqlite3.Row:
        """The row of a table with this id."""
        (row,) = self.query(f"select * from {table} where id = ?", (number,))
        return row

    # What changes

    def insert(self, table: str, *, after: float = 0.0, **values: Any) -> None:
        """Add a row, whose transaction is committed so many seconds later."""
        columns, marks = ", ".join(values), ", ".join("?" * len(values))
        sql = f"insert into {table} ({columns}) values ({marks})"
        self._write(sql, tuple(values.values()), after)

    def user(self, number: int, username: str) -> int:
        """Add a user."""
        self.insert("users", id=number, username=username, name=username, created_at=START - DAY)
        return number

    def group(
        self, number: int, path: str, parent: int | None = None, visibility: str = "private"
    ) -> int:
        """Add a group."""
        place = {"parent_id": parent, "visibility": visibility}
        old = START - 400 * DAY
        named: dict[str, Any] = {"path": path, "name": path.title(), **place}
        self.insert("groups", id=number, created_at=old, **named)
        return number

    def project(
        self, number: int, path: str, group: int, visibility: str = "private", **more: Any
    ) -> int:
        """Add a project."""
        old = START - 300 * DAY
        times = {"created_at": old, "updated_at": old, "last_activity_at": old}
        place = {"group_id": group, "visibility": visibility}
        self.insert(
            "projects", id=number, path=path, name=path.title(), **{**times, **place, **more}
        )
        return number

    def member(self, source: str, source_id: int, user_id: int, level: int) -> None:
        """Make a user a member of a `group` or `project`, or change the role."""
        self._write(
            "insert or replace into members values (?, ?, ?, ?, ?)",
            (source, source_id, user_id, level, self.now),
        )

    def create(self, table: str, project_id: int, *, after: float = 0.0, **more: Any) -> int:
        """Open an issue or merge request; its id. `after`: see `insert`.

        Numbers are given when a row is written, not when its transaction is committed.
        """
        with self._lock:
            number = max(self._highest(table), *self._reserved(table), 0) + 1
            values = {
                "id": number,
                "iid": number,  # unique in the project, as GitLab's is, and easy to tell apart
                "project_id": project_id,
                "title": f"Number {number}",
                "state": "opened",
                "author_id": 1,
                "created_at": self.now,
                "updated_at": self.now,
                **more,
            }
            self.insert(table, after=after, **values)
        return number

    def update(self, table: str, number: int, *, after: float = 0.0, **values: Any) -> None:
        """Change columns of a row, which moves its `updated_at`."""
        values.setdefault("updated_at", self.now)
        columns = ", ".join(f"{column} = ?" for column in values)
        sql = f"update {table} set {columns} where id = ?"
        self._write(sql, (*values.values(), number), after)

    def touch(self, table: str, number: int, **values: Any) -> None:
        """Change what belongs to a row, which touches it (app/models/concerns/throttled_touch.rb).

        A touch within a minute of the last one leaves `updated_at` where it is.
        """
        moved = self.one(table, number)["updated_at"]
        due = self.now - moved > MINUTE
        self.update(table, number, **values, updated_at=self.now if due else moved)

    def label(self, table: str, number: int, *names: str) -> None:
        """Give a row other labels."""
        self.touch(table, number, labels=json.dumps(names))

    def comment(self, table: str, number: int) -> None:
        """Write a note on a row."""
        self.touch(table, number, notes=self.one(table, number)["notes"] + 1)

    def move_issue(self, number: int, project_id: int) -> int:
        """Move an issue: it is closed, and opened anew elsewhere (Issues::MoveService)."""
        old = self.one("issues", number)
        made = self.create("issues", project_id, title=old["title"], labels=old["labels"])
        self.update("issues", number, state="closed", closed_at=self.now, moved_to_id=made)
        return made

    def transfer(self, project_id: int, group_id: int) -> None:
        """Move a project into another group; what is in it does not change."""
        self.update("projects", project_id, group_id=group_id)

    def delete(self, table: str, number: int) -> None:
        """Remove a row."""
        self._write(f"delete from {table} where id = ?", (number,))

    def _write(self, sql: str, values: tuple[Any, ...], after: float = 0.0) -> None:
        with self._lock:
            if after:
                self._uncommitted.append((self.now + int(after * SECOND), sql, values))
            else:
                self._rows.execute(sql, values)

    def _highest(self, table: str) -> int:
        (row,) = self.query(f"select coalesce(max(id), 0) as highest from {table}")
        return int(row["highest"])

    def _reserved(self, table: str) -> list[int]:
        waiting = (one for one in self._uncommitted if one[1].startswith(f"insert into {table} "))
        return [int(given[0]) for _, _, given in waiting]
