"""Where rows wait for DuckDB to read them: in memory that has a name, else in one file.

Linux gives memory a name in /proc, so that nothing is left behind by a process that is killed, and
neither a folder for temporary files nor room in it is needed. Elsewhere it is one file beside the
database, of a name that the next sync uses again; DuckDB lets one process at a time have the
database, so nobody else uses it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from source_gitlab import temporary_files

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_KEPT: Final = 16 << 20

DEEPEST: Final = 120
"""How deep an answer may be nested whose rows DuckDB's reader takes; it reads 129 levels."""


class RowsFile:
    """One file to write to and to let DuckDB read, again and again."""

    def __init__(self, database: Path, *, named_memory: bool = True) -> None:
        """Open it; `named_memory` is false to do without, as on systems that have none.

        Raises:
            OSError: it cannot be made.
        """
        beside = database.with_name(f"{database.name}.rows")
        beside.unlink(missing_ok=True)
        self._beside: Path | None = None
        memory = temporary_files.named_memory("source-gitlab-rows") if named_memory else None
        if memory is not None:
            self._number, self.path = memory
            return
        self._number = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        self.path = self._beside = beside

    def write(self, parts: Iterable[bytes]) -> None:
        """Let it hold these bytes and nothing else.

        Raises:
            OSError: there is no room for them.
        """
        with os.fdopen(os.dup(self._number), "wb") as file:
            file.seek(0)
            for part in parts:
                file.write(part)
            file.truncate()

    def clear(self) -> None:
        """Give back room that is more than the next rows usually need."""
        # Getting it anew from the system each time costs more than filling it.
        if os.fstat(self._number).st_size > _KEPT:
            os.ftruncate(self._number, 0)

    def close(self) -> None:
        """Remove it. Closing twice does nothing."""
        if self._number >= 0:
            os.close(self._number)
            self._number = -1
        if self._beside is not None:
            self._beside.unlink(missing_ok=True)
