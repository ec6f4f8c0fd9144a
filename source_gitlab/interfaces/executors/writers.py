"""Where workers put rows: a writer is a call that opens a place for the rows of one part."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    Write: TypeAlias = "Callable[[str, list[dict[str, Any]]], object]"
    Writer: TypeAlias = "Callable[[], AbstractContextManager[Write]]"


@dataclass(frozen=True)
class JsonLines:
    """Rows as lines of JSON, in a folder that all workers see: one file for a stream and a part.

    A file is in place when all its rows are: one that a worker was killed over ends in `.part`, and
    its rows come again. A row may be in several files; of rows with one key the newest counts.
    """

    folder: str

    @contextmanager
    def __call__(self) -> Iterator[Write]:
        """Open files as streams need them, and put them in place at the end."""
        folder, name = Path(self.folder), uuid.uuid4().hex
        folder.mkdir(parents=True, exist_ok=True)
        files: dict[str, BinaryIO] = {}

        def write(stream: str, rows: list[dict[str, Any]]) -> None:
            if stream not in files:
                files[stream] = (folder / f"{stream}-{name}.jsonl.part").open("wb")
            files[stream].write(
                b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
            )

        try:
            yield write
        finally:
            for file in files.values():
                file.close()
        for stream in files:
            file_name = folder / f"{stream}-{name}.jsonl"
            file_name.with_name(f"{file_name.name}.part").rename(file_name)


@contextmanager
def collected(rows: dict[str, list[dict[str, Any]]]) -> Iterator[Write]:
    """Keep rows in memory, by stream: they go back with the result."""

    def write(stream: str, more: list[dict[str, Any]]) -> None:
        rows.setdefault(stream, []).extend(more)

    yield write
