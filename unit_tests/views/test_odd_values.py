"""Views answer whatever stands in columns of JSON and at the ends of times and numbers."""

# The only texts put into SQL here are names of views.
# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

from source_gitlab.interfaces.duckdb.store import Store
from source_gitlab.interfaces.duckdb_types import table_of
from source_gitlab.streams import streams
from source_gitlab.views.catalog import SCHEMA, views

if TYPE_CHECKING:
    from pathlib import Path

    from source_gitlab.streams import Stream

ODD: tuple[Any, ...] = (
    *(None, "", "x", 0, -1, [], {}, True),
    [None, 1, "a", [1], {"id": "z"}, {"id": "99999999999999999999"}, {"id": 1e300}],
    {"id": "no", "finished_at": "nope", "committed_date": 5, "kind": ["x"], "username": 7},
)
VALUES: dict[str, tuple[Any, ...]] = {
    "text": ("merged", "opened", "success", "failed", "closed", "DETECTED"),
    "integer": (2**40, -(2**40), 0),
    "number": (1e300, -1e300, 0.0),
    "boolean": (True, False),
    "date": ("0001-01-01", "9999-12-31"),
    "time": ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1970-01-01T00:00:00Z"),
}
KEYS: dict[str, str] = {"date": "2026-01-{:02}", "time": "2026-01-{:02}T00:00:00Z", "text": "{}"}


def row(stream: Stream, number: int, odd: object) -> dict[str, Any]:
    """A row in which every column of JSON has the odd value, and half of the others one."""
    found: dict[str, Any] = {}
    for column in stream.columns.values():
        if column.name in stream.key:
            text = KEYS.get(column.kind, "").format(number)
            found[column.name] = number if column.kind == "integer" else text
        elif column.kind == "json":
            found[column.name] = odd
        elif number % 2:
            listed = VALUES[column.kind]
            found[column.name] = listed[number % len(listed)]
    if stream.name == "groups":
        found["parent_id"] = number % 3 + 1  # above one another, which GitLab does not let be
    return found


def test_every_view_answers(tmp_path: Path) -> None:
    """What no schema says, GitLab or a proxy may still send; one such row breaks no view."""
    path = tmp_path / "odd.duckdb"
    names = {
        name
        for view in views().values()
        for name in (*view.requires, *view.requires_any, *view.uses)
    }
    said: list[str] = []
    with Store(path, {name: table_of(streams()[name]) for name in names}, warn=said.append) as one:
        for name in names:
            stream = streams()[name]
            one.write(name, [row(stream, number, odd) for number, odd in enumerate(ODD, 1)])
        one.commit({})
    assert [text for text in said if "is not made" in text] == []
    with duckdb.connect(str(path), read_only=True) as connection:
        counted = {
            name: len(connection.execute(f"SELECT * FROM {SCHEMA}.{name}").fetchall())
            for name in views()
        }
    assert len(counted) == len(views())
    assert sum(counted.values()) > 100
