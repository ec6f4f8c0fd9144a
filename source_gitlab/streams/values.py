"""What attributes of a declaration may hold: as a JSON schema, in words, and as a check."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from source_gitlab.streams.vocabulary import REDACTIONS, REFRESHES

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_gitlab.streams.json_schema import Schema


class Value(NamedTuple):
    """What an attribute may hold: its JSON schema, in words, and the check itself."""

    schema: Schema
    allowed: str
    fits: Callable[[Any], bool]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _are_texts(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(map(_is_text, value))
        and len(set(value)) == len(value)
    )


def _is_map(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value))


def one_of(*names: str) -> Value:
    """One of these words."""
    return Value({"enum": list(names)}, f"one of {', '.join(names)}", lambda found: found in names)


def some_of(*names: str) -> Value:
    """A list of these words."""
    schema: Schema = {"type": "array", "items": {"enum": list(names)}, "minItems": 1}
    allowed = f"a list of {' and '.join(names)}"
    return Value(schema, allowed, lambda found: _are_texts(found) and set(found) <= set(names))


TEXT = Value({"type": "string", "minLength": 1}, "a text", _is_text)
PATH = Value({"type": "string"}, "a text", lambda found: isinstance(found, str))
COLUMNS = Value(
    {
        "type": "array",
        "items": {"type": "string", "minLength": 1},
        "minItems": 1,
        "uniqueItems": True,
    },
    "a list of columns",
    _are_texts,
)
KEYS = Value(
    {"type": "array", "items": COLUMNS.schema, "minItems": 1},
    "a list of lists of columns",
    lambda found: isinstance(found, list) and bool(found) and all(map(_are_texts, found)),
)
ORIGINS = Value(
    {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}},
    "a map of columns to where they come from",
    lambda found: _is_map(found) and all(map(_is_text, found.values())),
)
QUERY = Value({"type": "object"}, "a map of parameters to values", _is_map)
QUERIES = Value(
    {"type": "array", "items": {"type": "object"}, "minItems": 2},
    "a list of two or more maps of parameters to values",
    lambda found: isinstance(found, list) and len(found) > 1 and all(map(_is_map, found)),
)
# What stands behind a path, without what could end it or be filled in.
_BELOW = r"[\w.-]+(/[\w.-]+)*"
REQUESTS = Value(
    {
        "type": "object",
        "minProperties": 2,
        "additionalProperties": {"type": "string", "pattern": f"^{_BELOW}$"},
    },
    "a map of two or more columns to paths below `path`, each of which stands there once",
    lambda found: (
        _is_map(found)
        and len(found) > 1
        and _are_texts([*found.values()])
        and all(re.fullmatch(_BELOW, one) for one in found.values())
    ),
)
YES = Value({"const": True}, "true", lambda found: found is True)
BAD_REQUEST = Value({"const": 400}, "400", lambda found: type(found) is int and found == 400)  # noqa: PLR2004 -- the HTTP status itself
BOOLEAN = Value({"type": "boolean"}, "true or false", lambda found: isinstance(found, bool))
VERSION = Value(
    {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
    "a version as [major, minor]",
    lambda found: (
        isinstance(found, list) and len(found) == 2 and all(type(one) is int for one in found)  # noqa: PLR2004
    ),
)
DAYS = Value(
    {"type": "integer", "minimum": 1},
    "a number of days",
    lambda found: type(found) is int and found > 0,
)
SPAN = Value(
    {
        "type": "object",
        "required": ["days", "kept"],
        "additionalProperties": False,
        "properties": {
            "days": DAYS.schema,
            "kept": DAYS.schema,
            "until": TEXT.schema,
            "sums": YES.schema,
        },
    },
    "a map with `days` and `kept`, both numbers of days, and, with `keyset`, `until`, or, with"
    " `graphql`, `sums`",
    lambda found: (
        _is_map(found)
        and {"days", "kept"} <= found.keys() <= {"days", "kept", "until", "sums"}
        and all(DAYS.fits(found[name]) for name in ("days", "kept"))
        and _is_text(found.get("until", "until"))
        and found.get("sums", True) is True
    ),
)
REDACTED = Value(
    {"type": "object", "additionalProperties": {"enum": list(REDACTIONS)}, "minProperties": 1},
    f"a map of columns to {' or '.join(REDACTIONS)}",
    lambda found: _is_map(found) and bool(found) and set(found.values()) <= set(REDACTIONS),
)
GLOBAL_IDS = Value(
    {"type": "object", "additionalProperties": TEXT.schema, "minProperties": 1},
    "a map of columns to types",
    lambda found: _is_map(found) and bool(found) and all(map(_is_text, found.values())),
)
ONLY = Value(
    {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {
            "oneOf": [{"const": True}, {"type": "array", "items": {}, "minItems": 1}]
        },
    },
    "a map of columns to lists of values, or to true for any value but null, 0 and empty",
    lambda found: (
        _is_map(found)
        and bool(found)
        and all(one is True or (isinstance(one, list) and one) for one in found.values())
    ),
)
MOVED_BY = Value(
    {
        "type": "object",
        "required": ["stream", "parent"],
        "additionalProperties": False,
        "properties": {"stream": {"type": "string"}, "parent": {"type": "string"}},
    },
    "a map with stream and parent",
    lambda found: _is_map(found) and found.keys() == {"stream", "parent"},
)
PROBE = Value(
    {
        "type": "object",
        "required": ["field", "by", "of", "rows", "proof"],
        "additionalProperties": False,
        "properties": {
            **dict.fromkeys(("field", "by", "rows", "proof"), TEXT.schema),
            "of": ONLY.schema,
        },
    },
    "a map with `field`, `by`, `of`, `rows` and `proof`",
    lambda found: (
        _is_map(found)
        and found.keys() == {"field", "by", "of", "rows", "proof"}
        and ONLY.fits(found["of"])
        and all(_is_text(value) for name, value in found.items() if name != "of")
    ),
)
ROWS = Value(
    {
        "oneOf": [
            {"type": "string", "minLength": 1},
            {
                "type": "object",
                "required": ["key", "value"],
                "additionalProperties": False,
                "properties": {"key": {"type": "string"}, "value": {"type": "string"}},
            },
        ]
    },
    "a path with dots, or a map with `key` and `value`",
    lambda found: (
        _is_text(found)
        or (
            isinstance(found, dict)
            and found.keys() == {"key", "value"}
            and all(map(_is_text, found.values()))
        )
    ),
)
PROBES = tuple(name for name in REFRESHES if name != "list")
REFRESH = Value(
    {
        "oneOf": [
            {"enum": list(PROBES)},
            {
                "type": "object",
                "required": ["path"],
                "additionalProperties": False,
                "properties": {"path": {"type": "string"}, "query": {"type": "object"}},
            },
        ]
    },
    f"one of {', '.join(PROBES)}, or a map with path and query",
    lambda found: (
        found in PROBES
        if isinstance(found, str)
        else _is_map(found) and "path" in found and found.keys() <= {"path", "query"}
    ),
)
