"""Lists inside a response are replaced as a whole, and stay when a later response lacks them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

from integration_tests.interfaces.test_sync import sync

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

STREAM = "pipeline_test_cases"
ADDS = {"status": "success", "name": "adds", "classname": "Sum", "execution_time": 0.5}


def suites(path: Path, pipeline: int) -> dict[str, list[tuple[int, str]]]:
    """Places and results of a pipeline's tests in the file, by suite."""
    found: dict[str, list[tuple[int, str]]] = {}
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute(
            "SELECT suite_name, position, status FROM pipeline_test_cases WHERE pipeline_id = ?"
            " ORDER BY suite_name, position",
            [pipeline],
        ).fetchall()
    for suite, position, status in rows:
        found.setdefault(suite, []).append((position, status))
    return found


def report(gitlab: Emulator, pipeline: int, cases: dict[str, list[dict[str, Any]]]) -> None:
    """Let a pipeline have these tests from now on, and move."""
    made = [{"name": name, "test_cases": ones} for name, ones in cases.items()]
    gitlab.mutate("update", table=STREAM, id=pipeline * 10 + 1, set={"test_suites": made})
    gitlab.mutate("touch", table="pipelines", id=pipeline)
    gitlab.clock(advance=600)


def test_a_suite_is_replaced_and_an_expired_one_stays(
    changing_gitlab: Emulator, tmp_path: Path
) -> None:
    """Tests that a suite has no more go; those of a report that has expired are kept."""
    path, gitlab = tmp_path / "gitlab.duckdb", changing_gitlab
    gitlab.in_its_own_time()
    sync(gitlab, path, "--select", STREAM)
    pipeline = gitlab.world(streams=STREAM)[STREAM][0]["parent"]["pipeline_id"]
    all_of_it = {
        "1.10": [(1, "success")],
        "rspec": [(1, "error"), (2, "failed"), (3, "success")],
    }
    assert suites(path, pipeline) == all_of_it
    gitlab.clock(advance=600)

    report(gitlab, pipeline, {"rspec": [ADDS]})
    sync(gitlab, path, "--select", STREAM)
    one_suite_less = {"1.10": [(1, "success")], "rspec": [(1, "success")]}
    assert suites(path, pipeline) == one_suite_less

    report(gitlab, pipeline, {})
    sync(gitlab, path, "--select", STREAM)
    assert suites(path, pipeline) == one_suite_less
    sync(gitlab, path, "--select", STREAM, "--full-refresh")
    assert suites(path, pipeline) == one_suite_less
