"""The queries of streams that are read through GraphQL, from `graphql/<stream>.graphql`.

A file has an operation for each kind of container whose list GitLab has (`group`, `project`,
`instance`), or the one `child`, whose field of that name is the parent; and one for each connection
inside the rows, which is named by the path to it (`issueLinks`, `scanner_issues`) and goes on with
the rows of one object.

| variable                                   | value                                              |
| ------------------------------------------ | -------------------------------------------------- |
| `$first`, `$after`                         | rows a page, and the cursor behind which it starts |
| `$path`, in `group` and `project`          | the full path of the container                     |
| `$id`, there in its place                  | the global id of the container                     |
| `$id`, in connections                      | the global id of the object that has it            |
| others there, and those of `child`         | fields of the object, or columns of the parent     |
| `$since`, if the stream declares `since`   | the lower bound of time                            |
| `$updatedBefore`, `$createdAfter` and      | then, too: further bounds, which are absent where  |
| `$createdBefore`                           | there are none                                     |
| `$counting`                                | then, too: true to ask for `count` and for no rows |
| `$since`, `$until`, with `span`            | the first and the last day of what is asked for    |

Where `$path` names the container, its `id` comes first: another one may have the path by then.
Rows whose path does not end with `nodes` are a plain list, or one object, without pages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_LETTER = re.compile(r"_(.)")

# With which the lists of a stream that declares `since` are counted.
COUNTING = ("updatedBefore", "createdAfter", "createdBefore", "counting")
CONTAINERS = ("group", "project", "instance", "child")
_OPERATION = re.compile(r"^query (\w+)\(([^)]*)\)", re.MULTILINE)
_VARIABLE = re.compile(r"\$(\w+):")
_COMMENT = re.compile(r"^\s*#.*\n?|^\s+", re.MULTILINE)


@dataclass(frozen=True)
class Queries:
    """A document of GraphQL, and the variables of each of its operations by name."""

    document: str
    operations: Mapping[str, frozenset[str]]

    @property
    def nested(self) -> frozenset[str]:
        """The operations that go on with a connection inside a row."""
        return frozenset(self.operations) - frozenset(CONTAINERS)


def parsed(text: str) -> Queries:
    """The queries of a file."""
    operations = {
        found[1]: frozenset(_VARIABLE.findall(found[2])) for found in _OPERATION.finditer(text)
    }
    # GitLab takes 10,000 characters.
    return Queries(_COMMENT.sub("", text), operations)


def variable_of(column: str) -> str:
    """The variable of a query that holds a column: `$projectId` for `project_id`."""
    return _LETTER.sub(lambda found: found[1].upper(), column)


@cache
def queries_of(stream: str) -> Queries | None:
    """The queries of a stream; None when it has no file."""
    found = resources.files(__package__).joinpath(f"graphql/{stream}.graphql")
    return parsed(found.read_text(encoding="utf-8")) if found.is_file() else None
