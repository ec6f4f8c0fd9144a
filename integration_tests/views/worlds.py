"""Small worlds whose numbers were worked out by hand: `worlds/*.yaml`.

Each has the rows of some streams, what views must make of them, and the reasoning between. A test
of views over any destination fills tables with the rows and compares.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FOLDER = Path(__file__).parent / "worlds"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
NOW = "2026-07-01T00:00:00Z"
"""The instant to which the ages in every world refer."""


@dataclass(frozen=True)
class World:
    """Rows by stream, and expected rows by view.

    An expected row has the columns that it is about; the others are not looked at.
    """

    rows: Mapping[str, list[dict[str, Any]]]
    expected: Mapping[str, list[dict[str, Any]]]


def world(name: str) -> World:
    """The world of this name."""
    return World(**yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))


def _plain(value: Any) -> Any:
    """A value of a database as the worlds write it."""
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return value.replace("+00:00", "Z")  # PostgreSQL's JSON
    return float(value) if isinstance(value, Decimal) else value


def check(view: str, found: Iterable[Mapping[str, Any]], expected: list[dict[str, Any]]) -> None:
    """Compare what a view has with what it must have, whatever the order of rows."""
    rows = [{name: _plain(value) for name, value in row.items()} for row in found]
    assert len(rows) == len(expected), f"{view}: {rows}"
    for one in expected:
        like = [row for row in rows if _is_like(row, one)]
        assert len(like) == 1, f"{view} has {len(like)} rows like {one} in {rows}"


def _is_like(row: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    assert set(expected) <= set(row), f"no columns {set(expected) - set(row)}"
    return all(
        row[name] == (pytest.approx(value) if isinstance(row[name], float) else value)
        for name, value in expected.items()
    )
