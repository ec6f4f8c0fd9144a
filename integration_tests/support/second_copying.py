"""A copy of the second GitLab, kept over many reads, and what it lacks by the rules written here.

What a reader should have is worked out in Python from the tables, not with the queries that serve
the lists: a mistake in these shows.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from integration_tests.second_gitlab.server import TOKEN
from integration_tests.second_gitlab.world import GUEST, REPORTER
from source_gitlab.config import parse
from source_gitlab.core.session import Session
from source_gitlab.core.state import StreamState
from source_gitlab.gitlab.client import Retries
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration_tests.second_gitlab.server import SecondGitlab

Row = dict[str, Any]


class SecondCopy:
    """A destination that appends and dedupes by key; the reader's token is that of `user`."""

    def __init__(self, gitlab: SecondGitlab, **settings: Any) -> None:
        self.gitlab = gitlab
        self.settings = {"groups_list": ["top"], "num_workers": 1, **settings}
        self.tables: dict[str, dict[tuple[Any, ...], Row]] = defaultdict(dict)
        self.states: dict[str, Any] = {}
        self.failed: list[str] = []

    def sync(self, *names: str, most_pages: int = 0) -> dict[str, list[Row]]:
        """Read these streams; the rows that each one brought.

        With `most_pages`, the read dies there: the rows behind the last state are lost.
        """
        found: dict[str, list[Row]] = {name: [] for name in names}
        token = {"auth_type": "access_token", "access_token": TOKEN}
        config = parse({"api_url": self.gitlab.url, "credentials": token, **self.settings})
        with Session(config, retries=Retries(tries=3, first=0.0)) as session:
            for name in names:
                for rows in self._pages(session, name):
                    found[name] += rows
                    most_pages -= 1
                    if not most_pages:
                        return found
            self.failed = [entry.message for entry in session.report.failed]
        return found

    def _pages(self, session: Session, name: str) -> Iterator[list[Row]]:
        stream, state = streams()[name], StreamState.load(self.states.get(name))
        waiting: list[Row] = []
        for slice_ in session.plan(stream, state):
            for page in session.read(stream, json.loads(json.dumps(slice_)), state):
                self._write(name, waiting)
                self.states[name] = json.loads(json.dumps(state.to_json()))
                waiting = [dict(row) for row in page.rows]
                yield waiting
        self._write(name, waiting)
        self.states[name] = json.loads(json.dumps(state.to_json()))

    def _write(self, name: str, rows: list[Row]) -> None:
        for row in rows:
            self.tables[name][tuple(row[column] for column in streams()[name].key)] = row

    def lacks(self, *names: str) -> list[str]:
        """What the copy lacks of what its reader sees, or has otherwise."""
        return [text for name in names for text in self._lacks(name)]

    def _lacks(self, name: str) -> list[str]:
        found = []
        for row in expected(self.gitlab, name, user=self.gitlab.tokens[TOKEN]):
            key = tuple(row[column] for column in streams()[name].key)
            held = self.tables[name].get(key)
            if held is None:
                found.append(f"{name} {key} is missing")
                continue
            found += [
                f"{name} {key} has {column} {held.get(column)!r}, not {value!r}"
                for column, value in row.items()
                if held.get(column) != value
            ]
        return found


def expected(gitlab: SecondGitlab, name: str, user: int, top: int = 10) -> list[Row]:
    """The rows of a stream that a user sees below a group, by the rules of GitLab's handbook.

    A private project shows its issues from guest on, and its merge requests from reporter on; a
    confidential issue needs a reporter; a feature that is switched off shows nothing.
    """
    world, rows = gitlab.world, gitlab.rows
    inside = _projects(gitlab, user, top)
    below = {row["id"]: row for row in world.query("select * from groups")}
    below = {number: row for number, row in below.items() if top in _above(below, number)}
    if name == "projects":
        return [rows.project(project) for project, _ in inside.values()]
    if name == "groups":
        return [rows.group(row) for row in below.values()]
    if name in {"project_members", "group_members"}:
        source = name.removesuffix("_members")
        members = world.query("select * from members where source = ?", (source,))
        where: dict[int, Any] = {**inside} if source == "project" else {**below}
        return [
            {**rows.member(row), f"{source}_id": row["source_id"]}
            for row in members
            if row["source_id"] in where
        ]
    show = rows.issue if name == "issues" else rows.merge_request
    return [
        show(row)
        for row in world.query(f"select * from {name}")
        if row["project_id"] in inside and _is_shown(name, row, *inside[row["project_id"]], user)
    ]


def _is_shown(name: str, row: Any, project: Any, level: int, user: int) -> bool:
    access = project[f"{name}_access"]
    if access == "disabled":
        return False
    if name == "issues":
        open_to_all = access != "private" or level >= GUEST
        return open_to_all and (
            not row["confidential"] or level >= REPORTER or row["author_id"] == user
        )
    return (project["visibility"] != "private" and access != "private") or level >= REPORTER


def _projects(gitlab: SecondGitlab, user: int, top: int) -> dict[int, tuple[Any, int]]:
    """The projects below a group that a user sees, each with the user's role in it."""
    world = gitlab.world
    groups = {row["id"]: row for row in world.query("select * from groups")}
    roles = {
        (row["source"], row["source_id"]): row["level"]
        for row in world.query("select * from members where user_id = ?", (user,))
    }
    inside = {}
    for project in world.query("select * from projects"):
        over = list(_above(groups, project["group_id"]))
        level = max(
            roles.get(("project", project["id"]), 0),
            *(roles.get(("group", group), 0) for group in over),
        )
        if top in over and (project["visibility"] != "private" or level >= GUEST):
            inside[project["id"]] = (project, level)
    return inside


def _above(groups: dict[int, Any], number: int | None) -> Iterator[int]:
    """A group and those above it."""
    while number is not None:
        yield number
        number = groups[number]["parent_id"]
