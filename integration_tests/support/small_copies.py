"""Copies of small GitLabs, and rows that are made in them."""

from __future__ import annotations

from random import Random
from typing import Any

from integration_tests.support.copying import Copy
from integration_tests.support.history_changes import micros
from integration_tests.support.history_world import (
    small_world,
)

HOUR = 3_600


def copy(most_per_page: int = 100, seed: int = 1, **settings: Any) -> Copy:
    """A copy of a small GitLab; equal seeds make equal worlds."""
    return Copy(small_world(Random(seed), most_per_page), **settings)


def create(it: Copy, table: str, project_id: int, when: int, count: int = 1) -> list[int]:
    """Rows that were created and updated at one moment, in microseconds."""
    times = {"created_at": micros(when), "updated_at": micros(when)}
    made: list[int] = it.change("create", table=table, project_id=project_id, count=count, **times)
    return made


def ids(rows: list[dict[str, Any]]) -> list[int]:
    """The ids of rows, in order."""
    return sorted(row["id"] for row in rows)
