"""What to write instead of a name that GitLab does not know, as far as its own lists tell."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from source_gitlab.client.errors import FatalError, GitlabError
from source_gitlab.client.lookup import encoded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_gitlab.client.http import Client, Query
    from source_gitlab.reading.slices import Row

# How much alike a path, and its last part, must be to that of a name.
_ALIKE = 0.6
_GUEST = 10
_MOST = 100

_CHECK = "Check its path or id, and that the token's user is a member of it."


class Advice:
    """Looks names up for people; each costs five requests at most. Not thread-safe.

    GitLab takes a name with a slash, or a number, for a project, and any path or number for a group
    (`find_project` and `find_group` in lib/api/helpers.rb).
    """

    def __init__(self, client: Client) -> None:
        """Ask nothing yet."""
        self._client = client
        self._mine: dict[str, list[str]] = {}

    def on(self, kind: str, name: str) -> str:
        """What may help with a name of "groups" or "projects" that was not found: a sentence."""
        other = "projects" if kind == "groups" else "groups"
        if self._is_there(other, name):
            return f"It is a {other[:-1]}: name it in {other}_list (--{other[:-1]})."
        if kind == "groups" and "/" not in name and self._ask("users", {"username": name}):
            return (
                "It is a user, whose projects lie in no group: name them in projects_list"
                " (--project)."
            )
        listed = [path for paths in self._candidates(kind, name) for path in paths]
        close = closest(name, [path for path in listed if path.lower() != name.lower()])
        return f"Did you mean {close!r}?" if close else _CHECK

    def _is_there(self, kind: str, name: str) -> bool:
        if kind == "projects" and "/" not in name and not name.isdigit():
            return False
        query = {"with_projects": False} if kind == "groups" else {}
        try:
            self._client.named(kind, name, query)
        except FatalError:
            raise
        except GitlabError:
            return False
        return True

    def _candidates(self, kind: str, name: str) -> Iterator[list[str]]:
        parent, _, last = name.rpartition("/")
        below = "projects" if kind == "projects" else "subgroups"
        query: Query = {"per_page": _MOST}
        if kind == "projects":
            query |= {"simple": True, "order_by": "last_activity_at", "sort": "desc"}
        if parent:
            yield self._ask(f"groups/{encoded(parent)}/{below}", query)
        query |= {"membership": True} if kind == "projects" else {"min_access_level": _GUEST}
        yield self._ask(kind, {**query, "search": last})
        if kind not in self._mine:
            self._mine[kind] = self._ask(kind, query)
        yield self._mine[kind]

    def _ask(self, path: str, query: Query) -> list[str]:
        """The paths of what a list holds; none where it cannot be read, for that is no news."""
        try:
            rows = self._client.rows(path, query).data
        except FatalError:
            raise
        except GitlabError:
            return []
        return [path_of(row) for row in rows]


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
