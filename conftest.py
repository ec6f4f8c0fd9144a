"""What all tests share: whoever leaves a connection, file or process open is the one to fail."""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name a test by the size of its bytes: what is in them may differ from process to process."""
    return f"{len(val)} bytes" if isinstance(val, bytes) else None


# The files of tests that take longest, the longest first. Several processes run the tests, each a
# file at a time, and one that is left with a long file at the end lets the others wait.
SLOWEST = tuple(
    f"integration_tests/{name}.py"
    for name in (
        "faults/test_faults",
        "interfaces/test_dlt",
        "completeness/test_histories",
        "completeness/test_sync_histories",
        "completeness/test_distributed_histories",
        "completeness/test_completeness_lists",
        "completeness/test_relations",
        "completeness/test_streams",
        "faults/test_named_addresses",
        "completeness/test_shards",
        "completeness/test_progress",
        "views/test_dbt",
        "completeness/test_long_lists",
        "credentials/test_secrecy",
        "interfaces/test_singer",
        "interfaces/test_singer_killed",
        "interfaces/test_protocol",
        "interfaces/test_spark",
        "interfaces/test_spark_streams",
        "interfaces/test_image",
        "interfaces/test_singer_targets",
        "interfaces/test_executors",
        "interfaces/test_sync",
        "interfaces/test_sync_gone",
        "interfaces/test_flow",
        "interfaces/test_flow_kills",
        "interfaces/test_singer_histories",
        "faults/test_deep_rows",
        "faults/test_fuzz",
        "faults/test_hostile",
        "faults/test_stepping",
        "selection/test_selection",
        "credentials/test_renewal_interrupted",
        "credentials/test_oauth_places",
        "completeness/test_quiet_projects",
        "completeness/test_days",
        "completeness/test_paging",
        "completeness/test_flow_histories",
        "completeness/test_refresh",
        "completeness/test_singles",
        "completeness/test_raw_rows",
        "interfaces/test_generations",
        "interfaces/test_cost",
        "interfaces/test_sync_deleted",
        "interfaces/test_standard",
        "verify/test_command",
        "demonstrations/test_airflow",
        "demonstrations/test_dagster",
        "demonstrations/test_demo",
        "demonstrations/test_demo_faces",
        "demonstrations/test_first_steps",
        "site/test_site",
    )
)
_PLACES = {path: place for place, path in enumerate(SLOWEST)}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the slowest files; the order within each stays."""
    items.sort(key=lambda item: _PLACES.get(item.nodeid.partition("::")[0], len(SLOWEST)))


def pytest_collection_finish() -> None:
    """Let the collector leave alone what stays until the end, and look less often at the rest.

    A worker holds half a million objects of all tests, which would be walked again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_unconfigure() -> None:
    """Let the end of the process find it all: DuckDB tells of what it still holds then."""
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Let the garbage of a test be found in it, when allocations are traced.

    `python -X tracemalloc=20 -m pytest` tells where what was left open was made. Collecting after
    each test costs a few minutes in all, so it is not done otherwise.
    """
    yield
    if tracemalloc.is_tracing():
        gc.collect()
