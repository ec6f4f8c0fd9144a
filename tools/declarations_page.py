"""What a declaration may say: the page that explains it, and the schema for editors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from source_gitlab.streams.attributes import ATTRIBUTES
from source_gitlab.streams.schema import TYPES
from source_gitlab.streams.vocabulary import KINDS, PAGINGS, REFRESHES
from source_gitlab.streams.walks import WALKS
from tools.markdown import GENERATED, code_list, markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterator


def schema() -> dict[str, Any]:
    """JSON schema (draft 7) of one file of `declared/`."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Streams of source-gitlab (declared/*.yaml)",
        "type": "object",
        "propertyNames": {"pattern": "^[a-z][a-z0-9_]*$"},
        "additionalProperties": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                name: {"description": _plain(attribute.meaning), **attribute.value.schema}
                for name, attribute in ATTRIBUTES.items()
            },
        },
    }


def editor_schema() -> Iterator[str]:
    """The lines of declared.schema.json."""
    yield from json.dumps(schema(), indent=2).splitlines()


def declarations_page() -> Iterator[str]:
    """docs/declarations.md."""
    yield GENERATED.format(source="streams/model.py")
    yield ""
    yield "# How a stream is declared"
    yield ""
    yield (
        "A stream is a few lines in one of the files of `source_gitlab/streams/declared/`, and one"
        " line for each column in `source_gitlab/streams/schemas/`. What follows from its kind and"
        " its walk is not written. A declaration that could lose a row is refused at load."
    )
    yield ""
    yield from markdown_table(
        ("Attribute", "Meaning", "Value", "Without it"),
        (
            (f"`{name}`", attribute.meaning, attribute.value.allowed, attribute.default)
            for name, attribute in ATTRIBUTES.items()
        ),
    )
    for name, meanings in (
        ("kind", KINDS),
        ("walk", {name: walk.meaning for name, walk in WALKS.items()}),
        ("paging", PAGINGS),
        ("refresh", REFRESHES),
    ):
        yield ""
        yield f"## {name}"
        yield ""
        yield from markdown_table(
            ("Value", "Meaning"), ((f"`{one}`", meaning) for one, meaning in meanings.items())
        )
    yield ""
    yield "## Columns"
    yield ""
    yield (
        "`TYPE [-> STREAM.COLUMN] DESCRIPTION`. `TYPE` is one of "
        f"{code_list(TYPES)}, or an object of `entities.yaml`; `TYPE[]` is a list of such, `TYPE!`"
        " is never null, which key columns are. The arrow names the column of another stream whose"
        " values this one holds: `people.id`; `project_milestones.id | group_milestones.id` where"
        " the row is in one of two streams; `commits.id(project_id=source_project_id)` where a"
        " second column has to be joined by. `Each: …` at the end describes the items of a list."
    )


def _plain(text: str) -> str:
    return text.replace("`", "")
