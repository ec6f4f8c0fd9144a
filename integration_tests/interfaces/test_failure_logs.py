"""What the log of a failed read holds, for whoever drives the source: sentences, no tracebacks."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import pytest
from airbyte_cdk.models import AirbyteStreamStatus

from integration_tests.support.reading import LOGGER, config_for, read
from source_gitlab.gitlab.client import Retries
from source_gitlab.gitlab.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration_tests.gitlab.launch import Emulator

QUICK = Retries(tries=1, first=0.0)
BROKEN = {"kind": "status", "status": 500, "body": "{}", "path": "/projects/102/repository/"}
NAMES = ("branches", "tags")


class Lines(logging.Handler):
    """Keeps what is logged, as a handler writes it."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.lines.append(self.format(record))


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What is logged through the logger that the source is given."""
    handler, level = Lines(), LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    yield handler.lines
    LOGGER.setLevel(level)
    LOGGER.removeHandler(handler)


def test_a_program_that_drives_the_source(faulty: Emulator, logged: list[str]) -> None:
    """A slice that fails is a sentence in the messages; what is logged beside them repeats none."""
    faulty.faults([BROKEN])
    reading = read(config_for(faulty), NAMES, retries=QUICK)
    assert len(reading.errors) == len(NAMES)
    assert any("Starting syncing" in line for line in logged)
    for line in [*logged, *reading.logs, *reading.errors, reading.failure or ""]:
        assert "Traceback" not in line
        assert "Exception(" not in line
    for error in reading.errors:
        assert not [line for line in logged if error in line]
        assert len([line for line in reading.logs if error in line]) == 1


class Mistaken(Timer):
    """A timer with a mistake that shows in the threads that read."""

    def now(self) -> float:
        """The time, or the mistake."""
        if threading.current_thread().name.startswith("slices"):
            raise NotImplementedError
        return super().now()


def test_a_mistake_in_a_program_keeps_its_traceback(faulty: Emulator, logged: list[str]) -> None:
    """Whoever is to mend it needs to see where it was made; each stream says that it is hit."""
    faulty.faults([])
    reading = read(config_for(faulty), NAMES, retries=Retries(timer=Mistaken()))
    (first, *_) = [line for line in logged if "NotImplementedError" in line]
    assert "Traceback" in first
    assert set(reading.statuses) == set(NAMES)
    assert set(reading.statuses.values()) == {AirbyteStreamStatus.INCOMPLETE}
    assert "An unexpected error occurred (NotImplementedError)" in (reading.failure or "")
