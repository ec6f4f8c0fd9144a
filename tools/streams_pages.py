"""docs/streams.md, and a page in docs/streams/ for each area."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from source_gitlab.streams import streams
from source_gitlab.streams.in_words.costs import (
    choice,
    cost,
    endpoints,
    is_paged,
    needs,
    needs_in_full,
)
from source_gitlab.streams.in_words.remarks import remarks_of
from source_gitlab.streams.in_words.rows import row_in_words
from source_gitlab.streams.relations import references
from tools.deletions_in_words import deletion
from tools.markdown import GENERATED, code_list, markdown_table, plain
from tools.reading_in_words import cursor_in_words, hidden, reading, unseen
from tools.stream_links import key_of, stream_link

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from source_gitlab.streams import Stream
    from source_gitlab.streams.columns import Column
    from source_gitlab.streams.relations import Reference

_CHOICE = """\
Without a choice, `sync` and `check` take the streams that are read *by default*. Those *by name*
cost a request for each parent or project, or ask for a role that few have. Names, patterns and
areas are separated by commas or spaces, and both flags take all of them:

```sh
source-gitlab sync --to gitlab.duckdb --group my-group --select issues,issue_*,area:security
source-gitlab sync --to gitlab.duckdb --group my-group --exclude jobs,area:activity
source-gitlab check --group my-group --select area:ci
```

Quote a pattern where the shell would take it for names of files. With Airbyte and PyAirbyte, the
catalog chooses."""

_READING_THE_TABLES = """\
A stream without a *cursor* is read in full each time. *Needs* is the least tier and the least role
in the group or project, the only offering, and the first version that has it. *Costs* is what an
incremental read asks for beside the list of groups and projects; a first read asks every place and
every parent, and a list of more than a hundred rows takes a request for each further hundred.
`sync` costs the same, and more once a day and in the hour behind that: lists without a filter of
time are read in every place then, because only whole lists tell what is gone; weekly ones once a
week."""


def areas() -> list[str]:
    """The areas that have a stream, in their order."""
    return list(dict.fromkeys(one.area for one in streams().values()))


def _title(area: str) -> str:
    return area.replace("_", " ")


# --- the index


def streams_index() -> Iterator[str]:
    """docs/streams.md."""
    yield GENERATED.format(source="streams/declared/")
    yield ""
    yield "# Streams"
    yield ""
    yield (
        f"{len(streams())} streams in {len(areas())} areas, all of them GitLab's own rows plus the"
        " keys of their parents. The page of an area has every column. How they are joined:"
        " [references](erd.md)."
    )
    yield ""
    yield "## How to choose"
    yield ""
    yield from _CHOICE.splitlines()
    yield ""
    yield "## What the tables say"
    yield ""
    yield from _READING_THE_TABLES.splitlines()
    for area in areas():
        found = [one for one in streams().values() if one.area == area]
        yield ""
        # Not the bare name: links to #issues are to the stream.
        yield f"## Area {_title(area)}"
        yield ""
        yield f"All columns: [streams/{area}.md](streams/{area}.md). All streams: `area:{area}`."
        yield ""
        yield from markdown_table(
            ("Stream", "A row is", "Key", "Cursor", "Needs", "Read", "Costs"),
            (
                (
                    f'<a id="{one.name}"></a>[{one.name}](streams/{area}.md#{one.name})',
                    plain(row_in_words(one)),
                    code_list(one.key),
                    f"`{one.cursor}`" if one.cursor else "-",
                    needs(one),
                    choice(one),
                    cost(one),
                )
                for one in found
            ),
        )


# --- the page of an area


def area_page(area: str) -> Iterator[str]:
    """docs/streams/<area>.md."""
    found = [one for one in streams().values() if one.area == area]
    yield GENERATED.format(source=f"streams/declared/{area}.yaml and schemas/{area}.yaml")
    yield ""
    yield f"# Streams: {_title(area)}"
    yield ""
    links = ", ".join(f"[{one.name}](#{one.name})" for one in found)
    yield f"[All areas](../streams.md). Here: {links}."
    for stream in found:
        yield ""
        yield f"## {stream.name}"
        yield ""
        yield f"A row is {plain(row_in_words(stream))}."
        yield ""
        yield from _facts(stream)
        yield ""
        yield from markdown_table(
            ("Column", "Type", "Refers to", "Description"),
            (
                (
                    f"`{one.name}`" + (" (key)" if one.in_key else ""),
                    _type(one),
                    _targets(stream.name, one.name),
                    plain(_description(one)),
                )
                for one in stream.columns.values()
            ),
        )


def _facts(stream: Stream) -> Iterator[str]:
    where = ", ".join(f"[`{endpoint}`]({stream.doc})" for endpoint in endpoints(stream))
    yield f"- **Endpoint**: {where}"
    yield f"- **Key**: {key_of(stream)}"
    yield f"- **Cursor**: {plain(cursor_in_words(stream))}"
    by_name = "" if stream.selected else f" (`--select {stream.name}`)"
    yield f"- **Read**: {choice(stream)}{by_name}. {' '.join(reading(stream))}"
    yield f"- **Needs**: {needs_in_full(stream)}."
    more = " A list of more rows takes one for each further hundred." if is_paged(stream) else ""
    yield f"- **Costs**: {cost(stream)}.{more}"
    yield from _listed("Does not see", unseen(stream))
    yield f"- **Deletions**: {deletion(stream)}"
    yield from _listed("Never leaves", hidden(stream))
    yield from _listed("To know", map(plain, remarks_of(stream.name)))


def _listed(name: str, sentences: Iterable[str]) -> Iterator[str]:
    found = " ".join(sentences)
    if found:
        yield f"- **{name}**: {found}"


def _type(column: Column) -> str:
    kind = "object" if column.item == "json" else column.item
    return "list of " * column.lists + kind + ("" if column.nullable else ", never null")


def _description(column: Column) -> str:
    parts = [column.description or ""]
    if column.item_description:
        parts.append(f"Each: {column.item_description}")
    if column.inner:
        parts.append(f"Fields: {code_list(column.inner)}.")
    return " ".join(filter(None, parts))


def _targets(stream: str, column: str) -> str:
    return "<br>".join(map(_target, _references().get((stream, column), ())))


def _target(one: Reference) -> str:
    joined = "".join(f", `{theirs} = {ours}`" for theirs, ours in one.others)
    return stream_link(one.target, f"`{one.target}.{one.target_column}`") + joined


@cache
def _references() -> dict[tuple[str, str], list[Reference]]:
    """The references of top-level columns, by stream and column."""
    found: dict[tuple[str, str], list[Reference]] = {}
    for one in dict.fromkeys(references()):
        found.setdefault((one.stream, one.column.replace("[]", "")), []).append(one)
    return found
