"""`--verbose`: every request as a line on standard error, with the time."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator


def add_verbose(parser: argparse.ArgumentParser) -> None:
    """Let a command take `--verbose`."""
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="write each request to standard error: address, status, milliseconds, waits",
    )


class _Lines(logging.Handler):
    """What is logged below warnings, which are told elsewhere, with the time in UTC."""

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__(logging.DEBUG)
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < logging.WARNING:
            moment = datetime.fromtimestamp(record.created, timezone.utc)
            stamp = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            self._write(f"{stamp} {record.getMessage()}")


@contextmanager
def requests_told(write: Callable[[str], None], *, is_wanted: bool) -> Iterator[None]:
    """In the block, `write` gets a line for each request, if that is wanted."""
    if not is_wanted:
        yield
        return
    logger = logging.getLogger("source_gitlab")
    handler, level = _Lines(write), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
