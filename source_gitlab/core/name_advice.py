"""How groups and projects are asked for, and what helps with names that GitLab does not know."""

from __future__ import annotations

import threading
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final, Protocol

from requests import codes

from source_gitlab.gitlab.errors import FatalError, GitlabError, Skipped
from source_gitlab.gitlab.lookup import encoded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_gitlab.config import Config
    from source_gitlab.gitlab.pagination import Answer, Query, Row

# Guest: less than this is not a member (https://docs.gitlab.com/api/access_requests/).
_GUEST: Final = 10
# How much alike a path, and its last part, must be to that of a name.
_ALIKE: Final = 0.6
_MOST: Final = 100
# Names that are looked up: whoever wrote more of them wrongly sees why by then.
_MOST_ADVICE: Final = 5


class Asker(Protocol):
    """What asks GitLab: a client, or the budget of a check."""

    def named(self, kind: str, name: str, query: Query) -> Row:
        """A group or project by its name."""

    def rows(self, path: str, query: Query) -> Answer:
        """One page of a list."""


def by_name(kind: str) -> Query:
    """The query of one of the "groups" or "projects": a group comes without its projects."""
    return {"with_projects": False} if kind == "groups" else {}


def of_member(kind: str) -> Query:
    """The filter of those "groups" or "projects" that the token is a member of."""
    return {"min_access_level": _GUEST} if kind == "groups" else {"membership": True}


def unarchived(config: Config) -> Query:
    """The filter that leaves archived projects out of a list, unless they are wanted."""
    return {} if config.include_archived else {"archived": False}


def of_group(config: Config) -> Query:
    """The query of all projects of a group and of the groups below it."""
    return {"include_subgroups": True, "with_shared": False, **unarchived(config)}


class Advice:
    """Looks names up for people; each costs five requests at most. Thread-safe.

    GitLab takes a name with a slash, or a number, for a project, and any path or number for a group
    (`find_project` and `find_group` in lib/api/helpers.rb).
    """

    # What asking may end with, without any news of the name.
    untold: tuple[type[Exception], ...] = (GitlabError,)

    def __init__(self, asker: Asker, *, anonymous: bool, member: str = "user") -> None:
        """Ask nothing yet.

        `anonymous` tells that there is no token, and `member` who has to be a member of what it
        is to see.
        """
        self._asker = asker
        self._hidden = "it is not public" if anonymous else "this token may not see it"
        self._check = (
            "Check its path, or give a token."
            if anonymous
            else f"Check its path or id, and that the token's {member} is a member of it."
        )
        self._lock = threading.Lock()
        self._mine: dict[str, list[Row]] = {}
        self._advised = 0

    def problem(self, kind: str, name: str, error: GitlabError) -> str:
        """What is wrong with a name of "groups" or "projects", and, of the first, what may help."""
        start = f"The {kind[:-1]} {name!r} in {kind}_list"
        if not isinstance(error, Skipped) or error.status != codes.not_found:
            return f"{start} cannot be read: {error}"
        with self._lock:
            self._advised += 1
            advised = self._advised <= _MOST_ADVICE
        advice = f" {self._on(kind, name)}" if advised else ""
        return f"{start} was not found, or {self._hidden}.{advice}"

    def _on(self, kind: str, name: str) -> str:
        other = "projects" if kind == "groups" else "groups"
        if self._is_there(other, name):
            return f"It is a {other[:-1]}: name it in {other}_list (--{other[:-1]})."
        if kind == "groups" and "/" not in name and self._is_user(name):
            return (
                "It is a user, whose projects lie in no group: name them in projects_list"
                " (--project)."
            )
        listed = [path_of(row) for rows in self._candidates(kind, name) for row in rows]
        close = closest(name, [path for path in listed if path.lower() != name.lower()])
        return f"Did you mean {close!r}?" if close else self._check

    def mine(self, kind: str) -> list[Row]:
        """A page of what the token is a member of, listed once."""
        with self._lock:
            if kind not in self._mine:
                self._mine[kind] = self._ask(kind, {**of_member(kind), **self._order(kind)})
            return self._mine[kind]

    def _is_there(self, kind: str, name: str) -> bool:
        if kind == "projects" and "/" not in name and not name.isdigit():
            return False
        try:
            self._asker.named(kind, name, by_name(kind))
        except FatalError:
            raise
        except self.untold:
            return False
        return True

    def _is_user(self, name: str) -> bool:
        return bool(self._ask("users", {"username": name}))

    def _candidates(self, kind: str, name: str) -> Iterator[list[Row]]:
        """Lists that may hold what was meant."""
        parent, _, last = name.rpartition("/")
        below = "projects" if kind == "projects" else "subgroups"
        simple: Query = {"simple": True} if kind == "projects" else {}
        query: Query = {**self._order(kind), **simple}
        if parent:
            yield self._ask(f"groups/{encoded(parent)}/{below}", query)
        yield self._ask(kind, {**query, **of_member(kind), "search": last})
        yield self.mine(kind)

    @staticmethod
    def _order(kind: str) -> Query:
        if kind == "groups":
            return {"order_by": "id", "sort": "asc", "per_page": _MOST}
        return {"order_by": "last_activity_at", "sort": "desc", "per_page": _MOST}

    def _ask(self, path: str, query: Query) -> list[Row]:
        """The rows of a list; none where it cannot be read, for that is no news."""
        try:
            rows: list[Row] = self._asker.rows(path, query).data
        except FatalError:
            raise
        except self.untold:
            return []
        return [row for row in rows if type(row.get("id")) is int]


def path_of(row: Row) -> str:
    """The full path of a group, a project or a user."""
    return str(row.get("path_with_namespace") or row.get("full_path") or row.get("username") or "")


def closest(name: str, paths: list[str]) -> str | None:
    """The path that is most like a name, as a whole and in its last part; None when none is."""
    wanted = name.lower()

    def likeness(path: str) -> float:
        found = path.lower()
        last = _ratio(wanted.rpartition("/")[2], found.rpartition("/")[2])
        # A name without the groups above it is found by its last part alone.
        return min(last, _ratio(wanted, found)) if "/" in wanted else last

    best = max(paths, key=likeness, default=None)
    return best if best and likeness(best) >= _ALIKE else None


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()
