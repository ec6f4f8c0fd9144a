"""docs/configuration.md: the fields of a configuration."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tools.markdown import GENERATED, code_list, markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_SPEC = Path(__file__).parent.parent / "source_gitlab" / "config" / "spec.yaml"


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
    spec = yaml.safe_load(_SPEC.read_text(encoding="utf-8"))
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
