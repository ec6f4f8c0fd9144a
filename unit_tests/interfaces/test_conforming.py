"""Rows that fit a JSON schema, whatever came."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from source_gitlab.interfaces.singer.schema import fields_of, schema_of
from source_gitlab.streams import streams
from source_gitlab.tables.conforming import Conformer

ISSUES = fields_of(streams()["issues"])
VALIDATOR = Draft7Validator(schema_of(ISSUES))
# What is decoded has no integers beyond 64 bits.
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "name", "other"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def conformed(row: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What becomes of a row of an issue."""
    return Conformer(ISSUES, (), lambda _: None, **more).conform(row)


@given(st.dictionaries(st.sampled_from([*ISSUES, "unknown"]), JSON, max_size=8))
def test_any_row_fits_and_loses_nothing(row: dict[str, Any]) -> None:
    """Each value is in its column, or in `_extra` as it came."""
    kept = {name: value for name, value in row.items() if name not in {"id", "updated_at"}}
    fitted = conformed(kept)
    VALIDATOR.validate(orjson.loads(orjson.dumps(fitted)))
    extra = fitted.pop("_extra", {})
    assert not fitted.keys() & extra.keys()
    assert fitted.keys() | extra.keys() == kept.keys()
    assert all(extra[name] == kept[name] for name in extra)


@pytest.mark.parametrize(
    ("column", "value", "fits"),
    [
        ("weight", 3, True),
        ("weight", "3", True),
        ("weight", 1.5, False),
        ("weight", True, False),
        ("weight", 2**63, False),
        ("confidential", "yes", False),
        ("closed_at", "2024-02-29T12:00:00.000Z", True),
        ("closed_at", "2023-02-29T12:00:00.000Z", False),
        ("closed_at", "2024-01-31T12:00:00+02:00", True),
        ("closed_at", "2024-01-31 12:00:00", False),
        ("due_date", "2024-02-29", True),
        ("due_date", "2100-02-29", False),
        ("due_date", "tomorrow", False),
        ("labels", ["a", None], True),
        ("labels", [1], False),
        ("labels", {}, False),
        ("author", {"id": 1, "unknown": [1]}, True),
        ("author", {"id": "1"}, False),
        ("author", [], False),
    ],
)
def test_what_fits(column: str, value: Any, *, fits: bool) -> None:
    """Types as the schema has them, and times that there are."""
    fitted = conformed({"id": 1, column: value})
    assert ("_extra" not in fitted) is fits
    VALIDATOR.validate(fitted)


def test_it_is_said_once_what_is_kept_aside() -> None:
    """Of each column, and not of what was not wanted."""
    said: list[str] = []
    conformer = Conformer(ISSUES, {"not_wanted"}, said.append)
    for _ in range(2):
        row = {"id": 1, "weight": "x", "labels": 1, "strange": 1, "not_wanted": 2}
        conformer.conform(row)
    assert said == [
        ".weight: a value is no integer; kept in _extra",
        ".labels: a value has another type; kept in _extra",
        ".strange: the schema does not know it; kept in _extra",
    ]


def test_without_a_column_for_it_it_is_left_out() -> None:
    """Whoever leaves `_extra` out is told what is missing."""
    said: list[str] = []
    conformer = Conformer(ISSUES, (), said.append, has_extra=False)
    assert conformer.conform({"id": 1, "weight": "x", "strange": 1}) == {"id": 1}
    assert said == [".weight: a value is no integer; left out, for _extra is not selected"]
