"""The order in which files of tests start, on which it depends when the last one ends."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import conftest

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]


def test_the_slowest_files_are_there() -> None:
    """One that was renamed would start at the end again."""
    assert [path for path in conftest.SLOWEST if not (ROOT / path).is_file()] == []
    assert len(set(conftest.SLOWEST)) == len(conftest.SLOWEST)


def test_they_come_first_and_nothing_else_moves() -> None:
    """Tests of one file stay together and in their order."""
    slower, slow = conftest.SLOWEST[:2]
    names = ["a.py::one", f"{slow}::b", f"{slow}::a", "b.py::one", f"{slower}::x[y::z]", "a.py::z"]
    items = cast("list[pytest.Item]", [SimpleNamespace(nodeid=name) for name in names])
    conftest.pytest_collection_modifyitems(items)
    assert [item.nodeid for item in items] == [names[i] for i in (4, 1, 2, 0, 3, 5)]
