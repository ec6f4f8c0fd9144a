"""What editors are told of streams.yaml is what the declarations take."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from source_gitlab.streams import Stream

PACKAGE = Path(__file__).resolve().parents[2] / "source_gitlab"
SCHEMA: dict[str, Any] = json.loads(
    (PACKAGE / "streams" / "streams.schema.json").read_text(encoding="utf-8")
)
DECLARED = yaml.safe_load((PACKAGE / "streams" / "streams.yaml").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
MINIMAL = {"kind": "project", "path": "x", "key": ["id"], "doc": "https://docs.gitlab.com/api/"}


def test_the_streams_fit_their_schema() -> None:
    """And the schema is one."""
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert [error.message for error in VALIDATOR.iter_errors(DECLARED)] == []


def test_the_schema_has_each_attribute_of_a_stream() -> None:
    """One that is missing would be underlined as a mistake, one too many would do nothing."""
    described = set(SCHEMA["additionalProperties"]["properties"])
    assert described == {entry.name for entry in fields(Stream)} - {"name"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"again": "weekly"},
        {"again": {"query": {}}},
        {"again": {"path": "labels", "signal": "list"}},
        {"kind": "child"},
        {"parent": "issues"},
        {"key": "id"},
        {"descendants_since": [16]},
        {"walks": "pages"},
    ],
)
def test_mistakes_are_found(wrong: dict[str, Any]) -> None:
    """A wrong value, a missing part, an attribute that does not exist."""
    assert VALIDATOR.is_valid({"some": MINIMAL})
    assert not VALIDATOR.is_valid({"some": {**MINIMAL, **wrong}})
