"""When to write a state: often enough to lose little, seldom enough to cost little."""

from __future__ import annotations

import time

# A killed read repeats 5,000 rows of a stream at most: these, and the pages by which a watermark
# may lag behind its rows (coverage.py).
_ROWS = 2_000
_SECONDS = 15.0


class Checkpoint:
    """Decides for one stream; not thread-safe."""

    def __init__(self) -> None:
        """Nothing has been written yet."""
        self._rows = 0
        self._written = time.monotonic()

    def due(self, rows: int) -> bool:
        """Count `rows` more as delivered, and say whether a state should be written now."""
        self._rows += rows
        late = self._rows > 0 and time.monotonic() - self._written >= _SECONDS
        return late or self._rows >= _ROWS

    def written(self) -> None:
        """A state was written."""
        self._rows = 0
        self._written = time.monotonic()
