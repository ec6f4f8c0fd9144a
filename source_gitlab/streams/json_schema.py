"""Columns as a JSON schema (draft 7), for the faces whose users expect one.

Catalogs get no `$ref`, because destinations take none: an object is written out wherever it is.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from source_gitlab.streams.columns import JSON, entity_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from source_gitlab.streams.columns import Column

Schema = dict[str, Any]

_TYPES: Final[Mapping[str, Schema]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "time": {
        "type": "string",
        "format": "date-time",
        "airbyte_type": "timestamp_with_timezone",
    },
    JSON: {"type": "object", "additionalProperties": True},
}


def json_schema(columns: Iterable[Column]) -> Schema:
    """The schema of one row with these columns; GitLab adds fields, so it is open."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "additionalProperties": True,
        "properties": {column.name: _property(column) for column in columns},
    }


def _property(column: Column) -> Schema:
    schema = dict(_TYPES[column.item])
    if column.entity:
        schema["properties"] = _inside(column.entity)
    for _ in range(column.lists):
        if column.item_description:
            schema["description"] = column.item_description
        schema = {"type": "array", "items": _nullable(schema)}
    if column.nullable:
        schema = _nullable(schema)
    if column.description:
        schema["description"] = column.description
    return schema


def _nullable(schema: Schema) -> Schema:
    return {**schema, "type": ["null", schema["type"]]}


@cache
def _inside(entity: str) -> Schema:
    return {column.name: _property(column) for column in entity_columns(entity).values()}
