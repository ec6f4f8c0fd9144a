"""When to write a state: often enough to lose little, seldom enough to cost little."""

from __future__ import annotations

import time

# A killed read repeats 5,000 rows of a stream at most: these, and the pages by which a watermark
# may lag behind its rows (core/membership.py).
_ROWS = 2_000
_SECONDS = 15.0
# A state has a few bytes for each project, so in large scopes it is written less often: all states
# together then are under a hundredth of rows of 800 bytes.
_BYTES_A_ROW = 8


class Checkpoint:
    """Decides for one stream, or for one transaction; not thread-safe.

    It is due after so many `rows` or `seconds`, or later where what was written last was large.
    """

    def __init__(self, rows: int = _ROWS, seconds: float = _SECONDS) -> None:
        """Nothing has been written yet."""
        self._most_rows = rows
        self._seconds = seconds
        self._rows = 0
        self._seldom = 1.0
        self._written = time.monotonic()

    def due(self, rows: int) -> bool:
        """Count `rows` more as delivered, and say whether a state should be written now.

        A state may move without rows: where lists are empty, time alone counts.
        """
        self._rows += rows
        is_late = time.monotonic() - self._written >= self._seconds * self._seldom
        return is_late or self._rows >= self._most_rows * self._seldom

    def written(self, size: int = 0) -> None:
        """So many bytes of states were written."""
        self._rows = 0
        self._seldom = max(1.0, size / (_BYTES_A_ROW * _ROWS))
        self._written = time.monotonic()
