"""docs/erd.md: which column of a stream points at which other stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_gitlab.streams import streams
from source_gitlab.streams.relations import Reference, references
from tools.markdown import GENERATED, markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def diagram(found: Iterable[Reference]) -> Iterator[str]:
    """A Mermaid diagram with one edge for each pair of streams, labelled with its columns."""
    edges: dict[tuple[str, str], list[str]] = {}
    for reference in found:
        columns = edges.setdefault((reference.target, reference.stream), [])
        if reference.column not in columns:
            columns.append(reference.column)
    yield "```mermaid"
    yield "erDiagram"
    for (target, stream), columns in edges.items():
        yield f'    {target} ||--o{{ {stream} : "{", ".join(columns)}"'
    yield "```"


def erd_page() -> Iterator[str]:
    """docs/erd.md, with a diagram and a table for each area: one of all is too large to draw."""
    by_area: dict[str, list[Reference]] = {}
    for one in dict.fromkeys(references()):
        by_area.setdefault(streams()[one.stream].area, []).append(one)
    yield GENERATED.format(source="streams/schemas/")
    yield ""
    yield "# How the streams hang together"
    yield ""
    yield (
        "An edge goes from the stream that a column points at to the stream that has the column, "
        "whose area it is drawn in. The diagrams show top-level columns; the tables have all. "
        "Join by the column and by what the table says beside it: then each row finds one row or "
        "none, and none is counted twice. A milestone is in one of two streams. The stream "
        "`people` has one row for each person with a part in any project that is read; who wrote "
        "something and has a part in none now is not in it, nor are the members of a group "
        "without projects."
    )
    for area, found in by_area.items():
        yield ""
        yield f"## {area.replace('_', ' ').capitalize()}"
        yield ""
        yield from diagram(one for one in found if _is_top_level(one))
        yield ""
        yield from markdown_table(
            ("Stream", "Column", "Points at", "Where also"),
            (
                (
                    _link(one.stream),
                    f"`{one.column}`",
                    f"`{one.target}.{one.target_column}`",
                    "<br>".join(f"`{one.target}.{theirs} = {ours}`" for theirs, ours in one.others),
                )
                for one in found
            ),
        )


def _is_top_level(one: Reference) -> bool:
    return "[" not in one.column and "." not in one.column


def _link(stream: str) -> str:
    return f"[{stream}](streams/{streams()[stream].area}.md#{stream})"
