"""States that Singer taps for GitLab wrote.

Taken are the instants up to which a tap has read issues, merge requests and epics of single
projects or groups. Of everything else their states do not tell what is covered: they follow commits
by date, leave out child pipelines, and have one instant for all projects. Those are read in full.

- ``{"project_12_issues": "…Z", "group_3_epics": "…Z"}``: MeltanoLabs/tap-gitlab before its rewrite,
  and what singer-io/tap-gitlab grew from (`project_12` alone is the last activity of a project).
- ``{"bookmarks": {"issues": {"partitions": [{"context": {"project_path": "acme/web"},
  "replication_key": "updated_at", "replication_key_value": "…Z"}]}}}``: MeltanoLabs/tap-gitlab,
  with the paths or ids that its configuration has.
- ``{"bookmarks": {"issues": {"updated_at": "…Z"}}}``: singer-io/tap-gitlab, one for all projects.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from source_gitlab.core.state.parts import moment
from source_gitlab.timestamps import is_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

BOOKMARKS: Final = "bookmarks"

_SCOPES: Final[Mapping[str, str]] = {
    "issues": "project",
    "merge_requests": "project",
    "epics": "group",
}
_CURSOR: Final = "updated_at"
_FLAT: Final = re.compile(r"(project|group)_(\d+)(?:_(\w+))?")


def is_flat(name: str) -> bool:
    """Whether a part of a state is called as a tap calls the instant of one project or group."""
    return _FLAT.fullmatch(name) is not None


def instants(
    raw: Mapping[str, Any], stream: str, number_of: Callable[[str, str], int | None]
) -> dict[int, str]:
    """Up to which instant a state covers which projects (or groups, of epics) of a stream.

    `number_of("project", name)` is the id of what a configuration names, None where that is not
    known. What cannot be understood is left out: it is read in full.
    """
    scope = _SCOPES.get(stream)
    if scope is None:
        return {}
    found: dict[int, str] = {}
    for number, value in (*_flat(raw, stream, scope), *_parted(raw, stream, scope, number_of)):
        if is_instant(value):
            # Of two instants of one project, only what lies before the first is certain.
            found[number] = min(moment(value), found.get(number, moment(value)))
    return found


def _flat(raw: Mapping[str, Any], stream: str, scope: str) -> Iterator[tuple[int, Any]]:
    for name, value in raw.items():
        match = _FLAT.fullmatch(name)
        if match and match[1] == scope and match[3] == stream:
            yield int(match[2]), value


def _parted(
    raw: Mapping[str, Any],
    stream: str,
    scope: str,
    number_of: Callable[[str, str], int | None],
) -> Iterator[tuple[int, Any]]:
    bookmarks = raw.get(BOOKMARKS)
    bookmark = bookmarks.get(stream) if isinstance(bookmarks, dict) else None
    partitions = bookmark.get("partitions") if isinstance(bookmark, dict) else None
    for one in partitions if isinstance(partitions, list) else ():
        context = one.get("context") if isinstance(one, dict) else None
        if not isinstance(context, dict) or one.get("replication_key") != _CURSOR:
            continue
        named = context.get(f"{scope}_id") or context.get(f"{scope}_path")
        number = _number(named, scope, number_of)
        if number is not None:
            yield number, one.get("replication_key_value")


def _number(named: object, scope: str, number_of: Callable[[str, str], int | None]) -> int | None:
    if isinstance(named, int) and not isinstance(named, bool):
        return named
    if not isinstance(named, str):
        return None
    return int(named) if named.isdecimal() else number_of(scope, named)
