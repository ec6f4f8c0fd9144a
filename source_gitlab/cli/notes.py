"""Warnings of the core, shown while a command runs."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_gitlab.interfaces.sync_progress import Progress


class _Notes(logging.Handler):
    """Warnings of the core, shown above the progress line."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(logging.WARNING)
        self._progress = progress
        self.told: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        self.told.add(message)
        self._progress.note(message)


@contextmanager
def notes(progress: Progress) -> Iterator[set[str]]:
    """Show warnings of the core; what was told so far."""
    logger = logging.getLogger("source_gitlab")
    handler = _Notes(progress)
    logger.addHandler(handler)
    try:
        yield handler.told
    finally:
        logger.removeHandler(handler)
