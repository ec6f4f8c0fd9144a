"""The ways to walk a list: what a declaration must know of each.

How each is done is in `core/walks/`, whose table has the same names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Walk(NamedTuple):
    """What a walk is for.

    `accepts` is what GitLab answers: "list" or "object"; "nothing" where no request is made.
    `cursor` is the column in whose order it meets rows, if it is one. A walk that `can_be_parent`
    brings each row again when it changed, and all of them to a first read.
    """

    meaning: str
    kinds: tuple[str, ...]
    accepts: str = "list"
    cursor: str | None = None
    can_be_parent: bool = True


WALKS: Mapping[str, Walk] = {
    "pages": Walk(
        "page by page; a list of several pages is read again when it shifted meanwhile",
        ("selection", "group", "project", "instance", "child"),
    ),
    "keyset": Walk(
        "by the last row of the page before, as GitLab's Link header says",
        ("group", "project", "instance", "child"),
    ),
    "seek": Walk(
        "by `updated_at`, ascending, always the first page",
        ("selection", "project"),
        cursor="updated_at",
    ),
    "commits": Walk("by what the heads of branches reach", ("project",), cursor="created_at"),
    "jobs": Walk(
        "by id, newest first, down to what was read before", ("project",), cursor="created_at"
    ),
    "days": Walk(
        "by day, ascending, from the day of the last row on", ("group", "project", "instance")
    ),
    "object": Walk(
        "one object, not a list", ("group", "project", "instance", "child"), accepts="object"
    ),
    "derived": Walk("from the row of the parent, without a request", ("child",), accepts="nothing"),
    "graphql": Walk(
        "by cursor, as the query in `graphql/<stream>.graphql` asks; global ids become numbers",
        ("selection", "group", "project", "instance", "child"),
    ),
    "groups": Walk("the groups of the selection", ("inventory",), can_be_parent=False),
    "projects": Walk("the projects of the selection", ("inventory",), can_be_parent=False),
}
