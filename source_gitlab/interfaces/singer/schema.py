"""Columns as the JSON schema that Singer targets take: one type and null, no `$ref`, no `anyOf`.

Values inside objects have no `format`: singer-check-tap and targets that take objects apart stumble
over times in an object that is null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from source_gitlab.streams.columns import JSON
from source_gitlab.tables.conforming import Field
from source_gitlab.tables.table import EXTRA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.streams import Stream

Schema = dict[str, Any]

_TYPES: Final[Mapping[str, str]] = {
    "text": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "date": "string",
    "time": "string",
    JSON: "object",
}
_FORMATS: Final[Mapping[str, str]] = {"date": "date", "time": "date-time"}

EXTRA_SCHEMA: Final[Schema] = {
    "type": ["null", "object"],
    "additionalProperties": True,
    "description": "Fields without a column, and values of another type.",
}


def fields_of(stream: Stream) -> dict[str, Field]:
    """All columns of a stream, with everything that is in them."""
    return {name: Field.of(column) for name, column in stream.columns.items()}


def schema_of(fields: Mapping[str, Field], *, has_extra: bool = True) -> Schema:
    """The schema of rows with these columns."""
    properties = {name: _property(field, is_inside=False) for name, field in fields.items()}
    if has_extra:
        properties[EXTRA] = EXTRA_SCHEMA
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _property(field: Field, *, is_inside: bool) -> Schema:
    column = field.column
    schema: Schema = {"type": ["null", _TYPES[column.item]]}
    if column.item in _FORMATS and not is_inside and not column.lists:
        schema["format"] = _FORMATS[column.item]
    if column.item == JSON:
        schema["additionalProperties"] = True
        if field.inner is not None:
            schema["properties"] = {
                name: _property(one, is_inside=True) for name, one in field.inner.items()
            }
    for _ in range(column.lists):
        schema = {"type": ["null", "array"], "items": schema}
    if column.description:
        schema["description"] = column.description
    return schema
