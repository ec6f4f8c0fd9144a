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


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Let the garbage of a test be found in it, when allocations are traced.

    `python -X tracemalloc=20 -m pytest` tells where what was left open was made. Collecting after
    each test costs a few minutes in all, so it is not done otherwise.
    """
    yield
    if tracemalloc.is_tracing():
        gc.collect()
