"""Write the pages of docs/ that follow from the declarations.

`python -m tools.docs` writes them; `--check` changes nothing, names the stale pages and exits 1.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from source_gitlab.streams import Stream, streams
from source_gitlab.streams.relations import Reference, references
from source_gitlab.streams.vocabulary import KINDS, OFFERINGS, REDACTIONS
from source_gitlab.streams.walks import WALKS
from tools.declarations_page import declarations_page, editor_schema
from tools.markdown import GENERATED, code_list, markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "source_gitlab"
STREAMS = PACKAGE / "streams"


# --- streams.md


def endpoints(stream: Stream) -> list[str]:
    """The requests of a stream, as GitLab's documentation writes them."""
    path = re.sub(r"{(\w+)}", r":\1", stream.path)
    if stream.kind == "inventory":
        return [f"GET /{stream.name}"]
    if stream.walk == "graphql":
        kinds = stream.containers if stream.kind == "selection" else (stream.kind,)
        rows = str(stream.rows).removesuffix(".nodes")
        homes = [stream.global_id or "" if one == "child" else one for one in kinds]
        return [f"GraphQL {home[:1].lower()}{home[1:]}.{rows}" for home in homes]
    if stream.walk == "derived":
        return [f"rows of {stream.parent}"]
    if stream.kind in {"child", "instance"}:
        return [f"GET /{path}"]
    scopes = stream.containers if stream.kind == "selection" else (stream.kind,)
    return [f"GET /{scope}s/:{scope}_id/{path}" for scope in scopes]


def remarks(text: str) -> dict[str, list[str]]:
    """The comments of each stream of a file of `declared/`: they say what is odd about a list.

    Lines of comment that follow each other are one remark; one right above a stream is about it.
    """
    found: dict[str, list[str]] = {}
    name, above, continues = "", [], False
    for line in text.splitlines():
        comment = re.match(r"( *)# (.*)", line)
        if comment and comment[1]:
            notes = found.setdefault(name, [])
            if continues:
                notes[-1] += " " + comment[2]
            else:
                notes.append(comment[2])
        elif comment:
            above.append(comment[2])
        elif head := re.match(r"(\w+):", line):
            name = head[1]
            if above:
                found[name] = [" ".join(above)]
        continues = comment is not None
        if not comment:
            above = []
    return found


def needs(stream: Stream) -> str:
    """The least tier and role, and the project feature, that a stream asks for; `-` for none."""
    parts = []
    if stream.tier != "free":
        parts.append(stream.tier.capitalize())
    if stream.role != "guest":
        parts.append(stream.role.capitalize())
    return ", ".join(parts) or "-"


def stream_notes(stream: Stream, comments: Sequence[str]) -> Iterator[str]:
    """What a user should know about a stream, a line each."""
    yield f"- Slices: {KINDS[stream.kind].replace('`parent`', f'`{stream.parent}`')}."
    if stream.kind != "inventory":
        yield f"- Read {WALKS[stream.walk].meaning}."
    if stream.moved_by:
        yield f"- A changed row of `{stream.moved_by.stream}` has its parent read again."
    if stream.add:
        yield f"- Added to GitLab's row: {code_list(stream.add)}."
    if stream.drop:
        yield f"- Never leaves, because it is secret: {code_list(stream.drop)}."
    yield from _limits(stream)
    yield from _read_again(stream)
    if stream.feature:
        yield f"- Skipped where the project has its `{stream.feature}` feature switched off."
    for comment in comments:
        yield f"- {comment}"


def _limits(stream: Stream) -> Iterator[str]:
    """What is hidden, and who has a stream."""
    if stream.takes:
        yield f"- Of GitLab's row, only these columns are taken: {code_list(stream.takes)}."
    for column, how in stream.redact.items():
        yield f"- `{column}`: {REDACTIONS[how]}, because the rest may hold a secret."
    if stream.where:
        yield f"- Only {OFFERINGS[stream.where]} has it."
    if stream.since_version:
        yield f"- GitLab has it since {stream.since_version[0]}.{stream.since_version[1]}."
    if stream.less_below:
        role = stream.less_below.capitalize()
        yield f"- Below the role {role} GitLab shows only a part of the rows, which the read says."


def _read_again(stream: Stream) -> Iterator[str]:
    """Which parents are read, beside those that changed."""
    if stream.sweep:
        yield "- Some changes do not move the parent: all parents are read again once a week."
    if stream.recheck:
        yield f"- Parents that moved in the last {stream.recheck} days are read by each read."
    if stream.only:
        yield f"- Asked only of parents with {_only(stream)}."


def _only(stream: Stream) -> str:
    parts = [
        f"any `{column}`" if values is True else f"`{column}` {' or '.join(map(str, values))}"
        for column, values in stream.only.items()
    ]
    return " and ".join(parts)


def streams_page() -> Iterator[str]:
    """docs/streams.md."""
    comments: dict[str, list[str]] = {}
    for path in (STREAMS / "declared").glob("*.yaml"):
        comments |= remarks(path.read_text(encoding="utf-8"))
    declared = list(streams().values())
    yield GENERATED.format(source="streams/declared/")
    yield ""
    yield "# Streams"
    yield ""
    yield (
        f"{len(declared)} streams, all of them GitLab's own rows plus the keys of their parents. "
        "A stream with a cursor reads only what is new or changed after its first sync; "
        "one without is read in full each time. "
        "*Needs* is the tier and the role in the group or project that GitLab asks for."
    )
    yield ""
    yield from markdown_table(
        ("Stream", "Endpoint", "Slices", "Key", "Cursor", "Needs", "Columns"),
        (
            (
                f"[{stream.name}](#{stream.name})",
                "<br>".join(f"[`{endpoint}`]({stream.doc})" for endpoint in endpoints(stream)),
                stream.kind,
                code_list(stream.key),
                f"`{stream.cursor}`" if stream.cursor else "full refresh",
                needs(stream),
                str(len(stream.columns)),
            )
            for stream in declared
        ),
    )
    for stream in declared:
        yield ""
        yield f"## {stream.name}"
        yield ""
        yield from stream_notes(stream, comments.get(stream.name, ()))


# --- erd.md


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
    """docs/erd.md."""
    found = references()
    plain = [one for one in found if "[" not in one.column and "." not in one.column]
    places = [one for one in plain if one.target in {"groups", "projects"}]
    people = [one for one in plain if one.target == "people"]
    rest = [one for one in plain if one not in places and one not in people]
    yield GENERATED.format(source="streams/schemas/")
    yield ""
    yield "# How the streams hang together"
    yield ""
    yield (
        "An edge goes from the stream that a column points at to the stream that has the column. "
        "The diagrams show top-level columns; the table has all. "
        "Join by the column and by what the table says beside it: then each row finds one row or "
        "none, and none is counted twice. A milestone is in one of two streams. The stream "
        "`people` has one row for each person with a part in any project that is read; who wrote "
        "something and has a part in none now is not in it, nor are the members of a group "
        "without projects."
    )
    for title, part in (
        ("What belongs to which group and project", places),
        ("Who did what", people),
        ("Issues, merge requests, code and pipelines", rest),
    ):
        yield ""
        yield f"## {title}"
        yield ""
        yield from diagram(part)
    yield ""
    yield "## Every reference"
    yield ""
    yield from markdown_table(
        ("Stream", "Column", "Points at", "Where also"),
        (
            (
                one.stream,
                f"`{one.column}`",
                f"`{one.target}.{one.target_column}`",
                "<br>".join(f"`{one.target}.{theirs} = {ours}`" for theirs, ours in one.others),
            )
            for one in dict.fromkeys(found)
        ),
    )


# --- configuration.md


def field_type(field: Mapping[str, Any]) -> str:
    """A JSON schema type for people: `list of string`, `integer, 1 to 40`."""
    declared = field.get("type", "any")
    kind = " or ".join(declared) if isinstance(declared, list) else str(declared)
    if kind == "array":
        kind = f"list of {field_type(field.get('items', {}))}"
    if "enum" in field:
        kind = f"one of {code_list(field['enum'])}"
    if field.get("format"):
        kind += f" ({field['format']})"
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None:
        kind += f", {low} to {high}"
    elif low is not None:
        kind += f", at least {low}"
    elif high is not None:
        kind += f", at most {high}"
    return kind + (", secret" if field.get("airbyte_secret") else "")


def field_rows(
    fields: Mapping[str, Any], required: Iterable[str], prefix: str = ""
) -> Iterator[tuple[str, str, str, str]]:
    """Rows of the table of fields: name, type, default, description."""
    for name, field in fields.items():
        default = "required" if name in required else "-"
        if "const" in field:
            default = f"always `{field['const']}`"
        elif "default" in field:
            value = field["default"]
            default = f"`{value if isinstance(value, str) else json.dumps(value)}`"
        description = field.get("description", field.get("title", ""))
        description = re.sub(r"</?code>", "`", description)
        if examples := field.get("examples"):
            description = f"{description} For example {code_list(examples)}."
        yield f"`{prefix}{name}`", field_type(field), default, description


def configuration_page() -> Iterator[str]:
    """docs/configuration.md."""
    spec = yaml.safe_load((PACKAGE / "config" / "spec.yaml").read_text(encoding="utf-8"))
    specification = spec["connectionSpecification"]
    fields = specification["properties"]
    header = ("Field", "Type", "Default", "What it does")
    yield GENERATED.format(source="config/spec.yaml")
    yield ""
    yield "# Configuration"
    yield ""
    if description := specification.get("description"):
        yield description
        yield ""
    required = specification.get("required", ())
    hidden = {name: field for name, field in fields.items() if field.get("airbyte_hidden")}
    shown = {name: field for name, field in fields.items() if name not in hidden}
    yield from markdown_table(header, field_rows(shown, required))
    for name, field in fields.items():
        for variant in field.get("oneOf", ()):
            yield ""
            yield f"## {name}: {variant['title']}"
            yield ""
            if description := variant.get("description"):
                yield description
                yield ""
            yield from markdown_table(
                header,
                field_rows(variant["properties"], variant.get("required", ()), f"{name}."),
            )
    if hidden:
        yield ""
        yield "## Fields of other connectors"
        yield ""
        yield "A configuration written for another connector works as it is; no form shows these."
        yield ""
        yield from markdown_table(header, field_rows(hidden, required))


PAGES = {
    "docs/streams.md": streams_page,
    "docs/erd.md": erd_page,
    "docs/configuration.md": configuration_page,
    "docs/declarations.md": declarations_page,
    "source_gitlab/streams/declared.schema.json": editor_schema,
}


def render(page: str) -> str:
    """The text that a page of `PAGES` should have."""
    return "\n".join(PAGES[page]()) + "\n"


def is_stale(page: str, root: Path = ROOT) -> bool:
    """Whether a page below `root` is missing or differs from what the declarations say."""
    path = root / page
    return not path.exists() or path.read_text(encoding="utf-8") != render(page)


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Write the pages below `root`, or with `--check` report stale ones; 1 when there are any."""
    parser = argparse.ArgumentParser(prog="python -m tools.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 when stale")
    check = parser.parse_args(arguments).check
    stale = [page for page in PAGES if is_stale(page, root)]
    for page in stale:
        if check:
            print(f"{page} is stale: run `make docs`", file=sys.stderr)
        else:
            (root / page).parent.mkdir(parents=True, exist_ok=True)
            (root / page).write_text(render(page), encoding="utf-8")
            print(f"wrote {page}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
