"""Lists that two streams have alike, kept by the one that reads them first for the other one.

The users of a project are rows of `users` and of `people`. What is kept is GitLab's text of each
row, once however many lists hold it, so that a person in a thousand projects takes the memory of
one. Where that grows too large, further lists are not kept, and both streams ask for them.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

import orjson

from source_gitlab.core.walks.pages import PER_PAGE
from source_gitlab.gitlab.raw_rows import text_of_row
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from source_gitlab.core.slices import Row
    from source_gitlab.gitlab.lists import Lists
    from source_gitlab.streams import Stream

_MOST_BYTES = 32 * 1024 * 1024
# What a text takes beside its bytes, and what it takes in each list.
_TEXT_BYTES = 150
_PLACE_BYTES = 8


class _Kept:
    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.texts: list[bytes] | None = None
        self.reader = ""


class SharedLists:
    """Lists of one read, by what is asked for. Thread-safe."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        """Nothing has been read yet; about `most_bytes` are kept at most."""
        readers = Counter(map(_list_of, streams().values()))
        self._streams = {one.name for one in streams().values() if readers[_list_of(one)] > 1}
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}
        self._texts: dict[bytes, bytes] = {}
        self._left = most_bytes

    def pages(
        self, stream: Stream, lists: Lists, asked: str, read: Callable[[], Iterator[list[Row]]]
    ) -> Iterator[list[Row]]:
        """What `read` yields of what is `asked` for, from memory if another stream read it.

        `asked` is the path of the list with its query, which may name the group or project.

        Of two streams that ask at the same time the second waits for the first, unless the list
        turns out to be long: then both read it.

        Raises:
            GitlabError: as `read` does; the next one to ask tries again.
        """
        if stream.name not in self._streams:
            yield from read()
            return
        with self._lock:
            kept = self._kept.setdefault(asked, _Kept())
        first: list[list[Row]] = []
        with kept.lock:
            texts = None if kept.reader == stream.name else kept.texts
            rest = self._keeping(kept, stream, lists, read)
            if texts is None:
                for rows in rest:
                    first.append(rows)
                    if sum(map(len, first)) >= PER_PAGE:
                        break
        if texts is None:
            yield from first
            yield from rest
        else:
            for number in range(0, len(texts), PER_PAGE):
                yield [orjson.loads(text) for text in texts[number : number + PER_PAGE]]

    def _keeping(
        self, kept: _Kept, stream: Stream, lists: Lists, read: Callable[[], Iterator[list[Row]]]
    ) -> Iterator[list[Row]]:
        """The pages, of which the rows are kept once all of them are there."""
        texts: list[bytes] = []
        is_kept = True
        missed = lists.noted
        for rows in read():
            is_kept = is_kept and self._add(texts, rows)
            yield rows
        # What was stepped over is noted for this stream only; the other one asks itself.
        if is_kept and lists.noted == missed:
            with kept.lock:
                kept.texts, kept.reader = texts, stream.name

    def _add(self, texts: list[bytes], rows: list[Row]) -> bool:
        """Add the texts of rows, and say whether there was room for all."""
        try:
            added = list(map(text_of_row, rows))
        except orjson.JSONEncodeError:
            # A value that can be read and not be written, such as one that is nested too deep.
            return False
        with self._lock:
            for text in added:
                size = _PLACE_BYTES + (0 if text in self._texts else len(text) + _TEXT_BYTES)
                if size > self._left:
                    return False
                self._left -= size
                texts.append(self._texts.setdefault(text, text))
        return True


def _list_of(stream: Stream) -> tuple[str, ...]:
    """What streams have in common that read the same lists, whole ones."""
    if stream.kind not in {"group", "project"} or stream.walk != "pages" or stream.since:
        return (stream.name,)
    return (stream.kind, stream.path, *(f"{key}={value}" for key, value in stream.query.items()))
