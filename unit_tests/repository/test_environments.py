"""Environments that tests make are not kept for ever."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from integration_tests.support.environments import remove_unused

if TYPE_CHECKING:
    from pathlib import Path


def test_what_nobody_uses_any_more_is_removed(tmp_path: Path) -> None:
    """By when it was used last; one that is being made has no mark yet, and stays."""
    for name, used in (("dbt-1", 1_000), ("dbt-2", 3_000), ("spark-3", None)):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / f"{name}.lock").touch()
        if used is not None:
            (tmp_path / name / ".complete").touch()
            os.utime(tmp_path / name / ".complete", (used, used))
    remove_unused(tmp_path, since=2_000.0)
    left = {one.name for one in tmp_path.iterdir()}
    assert left == {"dbt-2", "dbt-2.lock", "spark-3", "spark-3.lock"}
