"""A DuckDB file with two tables, written in runs of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from integration_tests.support.stream_tables import stream_table
from source_gitlab.interfaces.duckdb.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from source_gitlab.gitlab.pagination import Row


ISSUES_LINES = {
    "id": "integer! It's the key.",
    "title": "text",
    "confidential": "boolean",
    "weight": "number",
    "created_at": "time",
    "due_date": "date",
    "labels": "text[]",
    "author": "object",
    "order": "integer",
}
BRANCHES_LINES = {"project_id": "integer!", "name": "text!", "commit": "object"}
ISSUES = stream_table("issues", ISSUES_LINES, ["id"], comment="Issues of the projects in scope.")
BRANCHES = stream_table("branches", BRANCHES_LINES, ["project_id", "name"])
TABLES = {"issues": ISSUES, "branches": BRANCHES}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a test's DuckDB file goes."""
    return tmp_path / "gitlab.duckdb"


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """What a user who opens the file sees."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def fail(message: str) -> None:
    """Where warnings go that a test does not expect."""
    pytest.fail(message)


def put(
    path: Path,
    stream: str,
    *pages: list[Row],
    instance: str | None = None,
    warn: Callable[[str], None] = fail,
) -> None:
    """Write pages in one run, with a state that counts them."""
    with Store(path, TABLES, instance=instance, warn=warn) as store:
        for page in pages:
            store.write(stream, page)
        store.commit({stream: {"pages": len(pages)}})
