"""Draft the columns of a stream: `make schema STREAM=environments [ENTITY=Environment]`.

Types come from the reference material beside the project, where it is there: `entities.json`, which
was checked against real rows, and GitLab's OpenAPI document, which finds the entity of a declared
stream by its path. The descriptions are left to write: `…` stands where one is missing.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from source_gitlab.streams.declaration_error import DeclarationError
from source_gitlab.streams.declarations import build, declared
from source_gitlab.streams.schema import entities, fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SHARED = Path(__file__).resolve().parents[2] / "shared"
TYPES = {
    "string": "text",
    "date-time": "time",
    "date": "date",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "object": "object",
    "any": "object",
}
MISSING = "…"


class DraftError(Exception):
    """Nothing can be drafted; the text says what is missing."""


def read(path: Path) -> Any:
    """One file of the reference material.

    Raises:
        DraftError: it is not there.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        message = f"{path.name} is not there: columns can be drafted beside the reference only"
        raise DraftError(message) from None


def entity_at(address: str, openapi: Mapping[str, Any]) -> str:
    """The entity that GitLab's OpenAPI document gives for `projects/:id/environments`.

    Raises:
        DraftError: there is no such path, or its answer has no entity.
    """
    wanted = re.sub(r"[:{]\w+}?", "{}", f"/{address.strip('/')}")
    for path, endpoint in openapi["endpoints"].items():
        if re.sub(r"{\w+}", "{}", path) == wanted:
            answer = endpoint["answer"]
            found = answer[0] if isinstance(answer, list) and answer else answer
            if isinstance(found, str) and found.startswith("@"):
                return re.sub(r"^API_(EE_)?Entities_", "", found[1:])
    message = f"GitLab's OpenAPI document names no entity for {address}: give ENTITY"
    raise DraftError(message)


def known_entities() -> dict[frozenset[str], str]:
    """The entities of entities.yaml by their columns."""
    return {frozenset(columns): name for name, columns in entities().items()}


def type_of(field: Mapping[str, Any], every: Mapping[str, Any]) -> str:
    """The type of a column as a line of a schema has it."""
    if field["type"] in {"array", "connection"}:
        return f"{type_of(field.get('items') or {'type': 'object'}, every)}[]"
    inner = every.get(field.get("entity", ""))
    if inner:
        columns = frozenset(inner["fields"])
        alike = [name for known, name in known_entities().items() if len(known ^ columns) <= 1]
        return alike[0] if alike else "object"
    return TYPES.get(field["type"], "object")


def lines(stream: str, entity: str, every: Mapping[str, Any]) -> Iterator[str]:
    """The stream's block of a file of schemas/.

    Raises:
        DraftError: there is no such entity.
    """
    if entity not in every:
        near = sorted(name for name in every if entity.lower() in name.lower())
        message = f"there is no entity {entity}" + (f": {', '.join(near)}?" if near else "")
        raise DraftError(message)
    written = declared().get(stream, {})
    try:
        added = dict(build(declared())[stream].add) if fields(stream) else {}
    except DeclarationError:
        added = {}
    key = written.get("key", ["id"])
    drop = written.get("drop", ())
    yield f"{stream}:"
    for name, field in every[entity]["fields"].items():
        if name not in drop:
            mark = "!" if name in key else ""
            yield f"  {name}: {type_of(field, every)}{mark} {_said(field)}"
    for name in [*added, *key]:
        if name not in every[entity]["fields"]:
            yield f"  {name}: integer{'!' if name in key else ''} {MISSING}"


def _said(field: Mapping[str, Any]) -> str:
    facts = [str(field[one]) for one in ("new", "gone") if one in field]
    if "enum" in field:
        facts.append(f"one of {', '.join(map(str, field['enum']))}")
    return f"{MISSING} ({'; '.join(facts)})" if facts else MISSING


def address_of(stream: str) -> str:
    """Where the list of a declared stream is.

    Raises:
        DraftError: no such stream is declared.
    """
    written = declared().get(stream)
    if written is None:
        message = f"{stream} is not declared: declare it first, or give ENTITY"
        raise DraftError(message)
    path = str(written.get("path", stream))
    if path.startswith("/"):
        return path.removeprefix("/")
    if "parent" in written:
        parent = declared()[written["parent"]]
        return "/".join(filter(None, [parent.get("item", ""), path]))
    container = "groups" if written.get("kind") == "group" else "projects"
    return f"{container}/:id/{path}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the draft, or one sentence on what is missing; 1 then."""
    parser = argparse.ArgumentParser(prog="python -m tools.draft_schema", description=__doc__)
    parser.add_argument("stream")
    parser.add_argument("--entity", default="")
    parser.add_argument("--shared", type=Path, default=SHARED, help="where the reference lies")
    given = parser.parse_args(arguments)
    try:
        every = read(given.shared / "entities.json")["entities"]
        entity = given.entity or entity_at(
            address_of(given.stream), read(given.shared / "reference" / "openapi-17.10.json")
        )
        print("\n".join(lines(given.stream, entity, every)))
    except DraftError as error:
        print(f"{given.stream}: {error}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
