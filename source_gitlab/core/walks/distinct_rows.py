"""Which rows a read has brought, where several lists have the same ones."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from source_gitlab.core.slices import Row


class DistinctRows:
    """The keys of the rows of one stream that any slice has brought. Thread-safe."""

    def __init__(self) -> None:
        """None yet."""
        self._lock = threading.Lock()
        self._keys: set[tuple[object, ...]] = set()

    def of(self, rows: list[Row], key: Sequence[str]) -> list[Row]:
        """Those of the rows that no slice has brought before; `key` are their key columns."""
        fresh = []
        with self._lock:
            for row in rows:
                name = tuple(row[column] for column in key)
                if name not in self._keys:
                    self._keys.add(name)
                    fresh.append(row)
        return fresh
