"""When to write a state: often enough to lose little, seldom enough to cost little."""

from __future__ import annotations

import time

# A killed read repeats 5,000 rows of a stream at most: these, and the pages by which a watermark
# may lag behind its rows (coverage.py).
_ROWS = 2_000
_SECONDS = 15.0
# A state has a few bytes for each project, so in large scopes it is written less often: all states
# together then are under a hundredth of rows of 800 bytes.
_BYTES_A_ROW = 8


class Checkpoint:
    """Decides for one stream; not thread-safe."""

    def __init__(self) -> None:
        """Nothing has been written yet."""
        self._rows = 0
        self._seldom = 1.0
        self._written = time.monotonic()

    def due(self, rows: int) -> bool:
        """Count `rows` more as delivered, and say whether a state should be written now."""
        self._rows += rows
        is_late = time.monotonic() - self._written >= _SECONDS * self._seldom
        return (is_late and self._rows > 0) or self._rows >= _ROWS * self._seldom

    def written(self, size: int) -> None:
        """A state of so many bytes was written."""
        self._rows = 0
        self._seldom = max(1.0, size / (_BYTES_A_ROW * _ROWS))
        self._written = time.monotonic()
