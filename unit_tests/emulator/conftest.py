"""The emulated GitLab that the tests of the emulator share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.launch import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def process() -> Iterator[Emulator]:
    """A process of its own, with the default world."""
    with Emulator() as running:
        yield running


@pytest.fixture
def gitlab(process: Emulator) -> Emulator:
    """The same, as it was when it started."""
    process.reset()
    return process
