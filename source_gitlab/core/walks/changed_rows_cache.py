"""Short lists of what moved, kept for the other streams of the same read that ask for the same.

Four streams start from the pipelines that moved since the last read, or from all of them. In a
quiet project none did, and one request can tell it to all four. Long lists are not kept, nor more
than some thousand rows: they would fill memory, and their requests are few beside those that their
rows lead to.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

import orjson

from source_gitlab.core.slices import Row
from source_gitlab.core.walks.pages import PER_PAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from source_gitlab.core.walks.seek import Seek

Found = tuple[list[Row], str | None]


class _Kept:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.found: list[Found] | None = None
        self.is_long = False


class ChangedRowsCache:
    """What seeks of this read found, `most_rows` of them at most. Thread-safe."""

    def __init__(self, most_rows: int) -> None:
        """Nothing has been found yet."""
        self._most_rows = most_rows
        self._lock = threading.Lock()
        self._kept: dict[bytes, _Kept] = {}
        self._full: deque[tuple[_Kept, int]] = deque()
        self._rows = 0

    def rows(
        self, seek: Seek, since: str | None, found: Callable[[str | None], Iterator[Found]]
    ) -> Iterator[Found]:
        """What `found(since)` yields for `seek`, from memory if another stream asked before.

        The first to ask reads, the others wait for it, unless the list turns out to be long.

        Raises:
            GitlabError: as `found` does; the next one to ask tries again.
        """
        identity = orjson.dumps([seek.path, sorted(seek.query.items()), since], default=str)
        with self._lock:
            kept = self._kept.setdefault(identity, _Kept())
        with kept.lock:
            known = kept.found
            if known is not None:
                pages, rest = _copied(known), None
            elif kept.is_long:
                pages, rest = [], found(since)
            else:
                missed = seek.client.noted
                pages, rest = _first_page(found(since))
                # What was stepped over is noted for this stream only; the others ask themselves.
                kept.is_long = rest is not None or seek.client.noted > missed
                if not kept.is_long:
                    kept.found = _copied(pages)
                    self._make_room(kept)
        yield from pages
        if rest is not None:
            yield from rest

    def _make_room(self, kept: _Kept) -> None:
        """Forget the lists that were kept first, where there are too many rows by now."""
        size = sum(len(rows) for rows, _ in kept.found or ())
        if not size:
            return
        with self._lock:
            self._full.append((kept, size))
            self._rows += size
            while self._rows > self._most_rows:
                oldest, size = self._full.popleft()
                oldest.found = None
                self._rows -= size


def _first_page(found: Iterator[Found]) -> tuple[list[Found], Iterator[Found] | None]:
    """What is found, and what is left when that is more than a page."""
    pages: list[Found] = []
    for page in found:
        pages.append(page)
        if sum(len(rows) for rows, _ in pages) >= PER_PAGE:
            return pages, found
    return pages, None


def _copied(pages: list[Found]) -> list[Found]:
    # Streams shape rows in place, so each gets rows of its own.
    return [([row.copy() for row in rows], through) for rows, through in pages]
