"""What documents are like: what each must be, and what is known of their columns.

A document that does not validate against the schema of its collection stops the task, and what
GitLab's rows hold is GitLab's matter. So the schema that discovery gives asks for the key alone,
lets everything else pass, and has the runtime infer the rest (`x-infer-schema`). What is declared
of the columns goes out as a sourced schema, which only ever widens what was inferred and is
therefore as narrow as can be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from source_gitlab.streams import Stream
    from source_gitlab.streams.columns import Column

Schema = dict[str, Any]

META: Final = "_meta"
DELETED: Final = "d"
WRITTEN: Final = "u"

_KEY_TYPES: Final[Mapping[str, Schema]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    # Written in another form, a time would be refused by its format.
    "date": {"type": "string"},
    "time": {"type": "string"},
}
# Documents widen bounds; one that is not there would be taken for none at all.
_TEXT: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 1}
_NUMBER: Final[Schema] = {"minimum": 1, "maximum": 1}
_TYPES: Final[Mapping[str, Schema]] = {
    "text": _TEXT,
    "integer": {"type": "integer", **_NUMBER},
    "number": {"type": "number", **_NUMBER},
    "boolean": {"type": "boolean"},
    "date": {**_TEXT, "format": "date"},
    "time": {**_TEXT, "format": "date-time"},
    "json": {"type": "object", "additionalProperties": False},
}
_OP: Final[Schema] = {
    "title": "Operation",
    "description": "u: the row as it is now; d: GitLab has this row no more.",
    "type": "string",
    "enum": [WRITTEN, DELETED],
}
_IS_DELETED: Final[Schema] = {
    "required": [META],
    "properties": {META: {"required": ["op"], "properties": {"op": {"const": DELETED}}}},
}


def document_schema(stream: Stream) -> Schema:
    """The schema that each document of a stream fits, whatever GitLab adds to its rows."""
    return {
        "type": "object",
        "required": [META, *stream.key],
        "properties": {
            META: {"type": "object", "required": ["op"], "properties": {"op": _OP}},
            **{name: _open(column) for name, column in stream.columns.items()},
        },
        "x-infer-schema": True,
        "if": _IS_DELETED,
        "then": {"reduce": {"strategy": "merge", "delete": True}},
        "else": {"reduce": {"strategy": "lastWriteWins"}},
    }


def sourced_schema(stream: Stream) -> Schema:
    """What is known of the columns: closed, and no wider than the declarations say."""
    # The runtime adds a UUID to each document.
    uuid = {"type": "string", "minLength": 36, "maxLength": 36}
    meta = {"op": {**_TEXT, "enum": [WRITTEN, DELETED]}, "uuid": uuid}
    return _object({META: _object(meta), **_properties(stream.columns.values())})


def _open(column: Column) -> Schema:
    schema: Schema = dict(_KEY_TYPES[column.kind]) if column.in_key else {}
    return {**schema, "description": column.description} if column.description else schema


def _properties(columns: Iterable[Column]) -> dict[str, Schema]:
    return {column.name: _closed(column) for column in columns}


def _closed(column: Column) -> Schema:
    schema = dict(_TYPES[column.item])
    if column.entity:
        schema = _object(_properties(column.inner.values()))
    for _ in range(column.lists):
        schema = {"type": "array", "items": _nullable(schema)}
    return _nullable(schema) if column.nullable else schema


def _object(properties: Mapping[str, Schema]) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _nullable(schema: Schema) -> Schema:
    return {**schema, "type": ["null", schema["type"]]}
