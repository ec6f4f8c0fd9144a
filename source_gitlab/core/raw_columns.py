"""Which lists are read as text, and the columns that a read looks at in their rows.

This is decided by the declarations alone. Where it leaves a column out that a walk asks for, the
walk gets it all the same: `RawRow` then decodes the whole row.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING

from source_gitlab.core.walks.children import columns_of_parent
from source_gitlab.gitlab.raw_rows import RawColumns
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from source_gitlab.streams import Stream

# What walks tell rows apart by, and go by.
_OF_WALKS = ("created_at", "group_id", "project_id", "updated_at")
# Of what these walks bring, the rows are no list that is an answer.
_OTHER_ANSWERS = frozenset({"derived", "graphql", "groups", "object", "projects"})


def leaves_rows(stream: Stream) -> bool:
    """Whether users get a stream's rows as GitLab wrote them, but for columns that are added."""
    changes = stream.drop or stream.redact or stream.takes or stream.null_as_empty
    return stream.walk not in _OTHER_ANSWERS and not changes


@cache
def raw_columns(name: str, read: str) -> RawColumns | None:
    """The columns of the rows in the lists of the stream `name`, for reading the stream `read`.

    None: its rows are decoded whole. `read` is the same stream, or one below it.
    """
    stream = streams()[name]
    below = None if name == read else _below(stream, streams()[read])
    if not leaves_rows(stream) or (below is not None and below.walk == "derived"):
        return None
    plain = {*_OF_WALKS, *stream.key, *stream.add}
    plain |= {path.partition(".")[0] for path in stream.row_key}
    plain |= {one for one in (stream.cursor, stream.where_set) if one}
    if below is not None:
        plain |= {*columns_of_parent(below)[0], *below.only, *stream.row_key}
        if below.probe is not None:
            plain |= {"id", below.probe.by, *below.probe.of}
    inside: defaultdict[str, set[str]] = defaultdict(set)
    each: defaultdict[str, set[str]] = defaultdict(set)
    for path in stream.add.values():
        start, _, rest = path.partition(".")
        if start in {"parent", "slice"}:
            continue
        if start.endswith("[]"):
            each[start.removesuffix("[]")].add(rest)
        elif rest:
            inside[start].add(rest)
        else:
            plain.add(start)
    plain |= inside.keys() & each.keys()
    return RawColumns(plain, inside, each, [one for one in stream.row_key if one in plain])


def _below(stream: Stream, read: Stream) -> Stream | None:
    """The stream whose lists are below the rows of `stream`, on the way to `read`."""
    while read.parent is not None and read.parent != stream.name:
        read = streams()[read.parent]
    return read if read.parent == stream.name else None
