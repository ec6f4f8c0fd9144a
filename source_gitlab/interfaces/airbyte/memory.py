"""The memory of the container, so that a read that runs out of it says so before it is killed.

A kill from outside has no words: the platform would only see that the process is gone. What ends a
read are pages of its own; files that the kernel keeps in memory are given back by it
(https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

CGROUP: Final = Path("/sys/fs/cgroup")
_MOST: Final = 0.95  # of what the container may have
_OWN: Final = 0.85  # of what it has: pages that cannot be given back
_PAUSE: Final = 1.0  # seconds between two looks
_MEGABYTE: Final = 1_000_000


class MemoryShort(Exception):
    """The container has hardly any memory left; the message says how much it may have."""


class Memory:
    """Looks from time to time whether there is memory left. For one thread."""

    def __init__(self, cgroup: Path = CGROUP, pause: float = _PAUSE) -> None:
        """Look into the files of `cgroup`; without a limit there, never look again."""
        self._cgroup = cgroup
        self._pause = pause
        self._next = time.monotonic()
        self._most = self._limit()

    def check(self) -> None:
        """Look, if it is time to.

        Raises:
            MemoryShort: there is hardly any memory left.
        """
        if self._most is None or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._pause
        try:
            used = int(self._text("memory.current"))
            counts = dict(line.split() for line in self._text("memory.stat").splitlines())
            own = int(counts["anon"])
        except (OSError, ValueError, KeyError):
            return  # who cannot tell is no reason to end a read
        if used >= _MOST * self._most and own >= _OWN * used:
            message = (
                f"The container may have {self._most // _MEGABYTE:,} MB of memory and uses"
                f" {used // _MEGABYTE:,} MB. Give it more, or read fewer streams at a time."
            )
            raise MemoryShort(message)

    def _limit(self) -> int | None:
        try:
            text = self._text("memory.max").strip()
            return None if text == "max" else int(text)
        except (OSError, ValueError):
            return None

    def _text(self, name: str) -> str:
        return (self._cgroup / name).read_text(encoding="ascii")
