"""What every JSON schema of a stream has to keep, so that a catalog made of them is sound."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from source_gitlab.streams import streams
from source_gitlab.streams.schema import schemas

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]

PROJECT_ROOT = Path(__file__).resolve().parents[2]
RECORDED = PROJECT_ROOT.parent / "shared" / "recorded"

DECLARED = streams()

# Files of real rows, by the stream whose endpoint answered them.
RECORDED_AS = {
    "deployments": ["deployments.jsonl"],
    "issues": ["issues.jsonl"],
    "jobs": ["job.jsonl", "trigger_job.jsonl"],
    "merge_request_commits": ["merge_request_commits.jsonl"],
    "merge_requests": ["merge_requests.jsonl"],
    "pipelines": ["pipeline.jsonl"],
    "pipelines_extended": ["pipeline_details.jsonl"],
    "project_members": ["users.jsonl"],
}

# Destinations cannot make columns of these, or Airbyte's acceptance tests refuse them.
FORBIDDEN = {
    *("$ref", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "enum", "const"),
    *("patternProperties", "prefixItems", "dependencies", "required", "default"),
}
SCALARS = {"boolean", "integer", "number", "string"}
ANNOTATIONS = {"description"}
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")

FORMATS = jsonschema.FormatChecker()


@FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    """Check RFC 3339, which jsonschema skips unless an extra package is installed."""
    if not isinstance(value, str):
        return True
    if DATE_TIME.fullmatch(value) is None:
        return False
    datetime.strptime(value[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    return True


def _schema(stream: str) -> Schema:
    return DECLARED[stream].schema


def _kind(node: Schema) -> str:
    declared = node["type"]
    return str(declared if isinstance(declared, str) else declared[-1])


def _properties(node: Schema, path: str = "") -> Iterator[tuple[str, str, Schema]]:
    """Yield path, name and schema of every property at any depth, through arrays as well."""
    for name, child in node.get("properties", {}).items():
        child_path = f"{path}.{name}" if path else name
        yield child_path, name, child
        yield from _properties(child, child_path)
    if "items" in node:
        yield from _properties(node["items"], f"{path}[]")


def _nodes(node: Schema) -> Iterator[Schema]:
    """Yield the schema and every schema inside it, the items of arrays included."""
    yield node
    for child in node.get("properties", {}).values():
        yield from _nodes(child)
    if "items" in node:
        yield from _nodes(node["items"])


def _unknown(value: object, node: Schema, path: str = "") -> Iterator[str]:
    """Yield the path of every field that the schema does not describe.

    An object without `properties` is a map with free keys, such as the trailers of a commit.
    """
    if isinstance(value, dict) and "properties" in node:
        for name, child in value.items():
            child_path = f"{path}.{name}" if path else name
            if name in node["properties"]:
                yield from _unknown(child, node["properties"][name], child_path)
            else:
                yield child_path
    elif isinstance(value, list):
        for item in value:
            yield from _unknown(item, node["items"], f"{path}[]")


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def _says_something(name: str, description: str) -> bool:
    fillers = {"a", "an", "and", "for", "in", "is", "of", "on", "or", "the", "this", "to"}
    new = set(_words(description)) - set(_words(name.replace("_", " "))) - fillers
    return len(description) >= 15 and len(new) >= 3


every_stream = pytest.mark.parametrize("stream", DECLARED)


def test_each_stream_has_a_schema_and_each_schema_a_stream() -> None:
    """A renamed stream must take its schema along."""
    assert schemas().keys() == DECLARED.keys()


@every_stream
def test_is_draft_7_and_open(stream: str) -> None:
    """GitLab adds fields at any time, so no object may be closed."""
    schema = _schema(stream)
    jsonschema.Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["type"] == "object"
    objects = [node for node in _nodes(schema) if _kind(node) == "object"]
    assert all(node.get("additionalProperties") is True for node in objects)


@every_stream
def test_every_property_is_described(stream: str) -> None:
    """A description that repeats the name helps nobody."""
    mute = [
        path
        for path, name, node in _properties(_schema(stream))
        if not _says_something(name, node.get("description", ""))
    ]
    assert mute == []


@every_stream
def test_no_forbidden_keyword(stream: str) -> None:
    """Some destinations cannot make a column of a choice between schemas."""
    found = {key for node in _nodes(_schema(stream)) for key in node} & FORBIDDEN
    assert found == set()


@every_stream
def test_only_the_key_is_never_null(stream: str) -> None:
    """GitLab leaves out or nulls almost anything, depending on role, plan and version."""
    key = set(DECLARED[stream].key)
    properties = _schema(stream)["properties"]
    assert key <= set(properties)
    assert list(properties)[: len(key)] == list(DECLARED[stream].key)
    assert all(properties[name]["type"] in SCALARS for name in key)
    nullable = [
        path
        for path, _, node in _properties(_schema(stream))
        if path not in key and (node["type"][0], len(node["type"])) != ("null", 2)
    ]
    assert nullable == []


@every_stream
def test_types_are_complete(stream: str) -> None:
    """An array says of what, and a time says that it has a zone."""
    wrong = []
    for path, _, node in _properties(_schema(stream)):
        kind = _kind(node)
        expected = {"type", *ANNOTATIONS}
        if kind == "array":
            expected |= {"items"}
        elif kind == "object":
            expected |= {"additionalProperties", "properties"}
        elif node.get("format") == "date-time":
            expected |= {"format", "airbyte_type"}
        elif node.get("format") == "date":
            expected |= {"format"}
        required = expected - {"properties"}
        if (
            kind not in {*SCALARS, "array", "object"}
            or not required <= set(node) <= expected
            or node.get("airbyte_type", "timestamp_with_timezone") != "timestamp_with_timezone"
            or ("format" in node and kind != "string")
        ):
            wrong.append(path)
    assert wrong == []


@every_stream
def test_declared_columns_are_there(stream: str) -> None:
    """What a stream is ordered by, adds or is chosen by has to be a column."""
    declared = DECLARED[stream]
    columns = {*declared.key, *declared.add, declared.cursor, declared.where_set} - {None}
    assert columns - set(_schema(stream)["properties"]) == set()


@pytest.mark.parametrize("stream", [name for name in DECLARED if DECLARED[name].cursor])
def test_cursor_is_a_time(stream: str) -> None:
    """A cursor of another kind could not be compared with a start date; figures go by days."""
    cursor, span = DECLARED[stream].cursor, DECLARED[stream].span
    wanted = "date" if span is not None and span.until is None else "date-time"
    assert _schema(stream)["properties"][str(cursor)]["format"] == wanted


@every_stream
def test_copied_columns_have_the_type_of_their_origin(stream: str) -> None:
    """`author_id: author.id` must not turn a number into text."""
    schema = _schema(stream)
    parent = DECLARED[stream].parent
    different = []
    for column, origin in DECLARED[stream].add.items():
        first, _, rest = origin.partition(".")
        if first == "slice" or column in DECLARED[stream].placed:
            continue
        copied = schema["properties"][column]
        if first == "parent":
            source = _schema(str(parent))["properties"][rest]
        elif first.endswith("[]"):
            listed = schema["properties"][first.removesuffix("[]")]
            source, copied = listed["items"]["properties"][rest], copied["items"]
        else:
            source = schema["properties"][first]["properties"][rest]
        if (_kind(source), source.get("format")) != (_kind(copied), copied.get("format")):
            different.append(f"{column}: {origin}")
    assert different == []


@every_stream
def test_secrets_are_no_columns(stream: str) -> None:
    """A dropped column must not come back empty through the schema."""
    assert set(DECLARED[stream].drop) & set(_schema(stream)["properties"]) == set()


@every_stream
def test_owners_are_references(stream: str) -> None:
    """Every stream below a group or project must be joined to it in the diagram."""
    columns = DECLARED[stream].columns
    for column, owner in (("project_id", "projects.id"), ("group_id", "groups.id")):
        if column in columns:
            assert columns[column].references == (owner,)


def _recorded() -> Iterator[Any]:
    for stream, names in RECORDED_AS.items():
        for name in names:
            yield pytest.param(stream, RECORDED / name, id=f"{stream}-{Path(name).stem}")


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded rows are not beside the project")
@pytest.mark.parametrize(("stream", "file"), _recorded())
def test_real_rows_fit(stream: str, file: Path) -> None:
    """What a real GitLab answered is valid, and described to the last field."""
    schema = _schema(stream)
    validator = jsonschema.Draft7Validator(schema, format_checker=FORMATS)
    rows = [json.loads(line)["data"] for line in file.read_text(encoding="utf-8").splitlines()]
    assert rows
    errors = {
        f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
        for row in rows
        for error in validator.iter_errors(row)
    }
    assert errors == set()
    assert {path for row in rows for path in _unknown(row, schema)} == set()


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ("2022-07-26T09:38:27.000+00:00", True),
        ("2019-03-13T14:14:24.109Z", True),
        ("2022-07-26", False),
        ("2022-07-26 09:38:27 UTC", False),
        ("2022-13-26T09:38:27Z", False),
    ],
)
def test_date_times_are_really_checked(value: str, *, valid: bool) -> None:
    """Without the check above, a bad time would pass unseen."""
    schema = {"type": "string", "format": "date-time"}
    validator = jsonschema.Draft7Validator(schema, format_checker=FORMATS)
    assert validator.is_valid(value) is valid
