"""Space on a disk for what is not known yet, taken before something is spent to get it."""

from __future__ import annotations

import os
import re
import secrets
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_RANDOM: Final = 6  # bytes


class Space:
    """A file beside `target` that is written, synced, and can take the target's place.

    `cut_off` tells that an earlier space was neither filled nor given back: its process died, or
    never learned whether what it spent was taken.

    Raises:
        OSError: from every method: there is no space, or the directory cannot be written to.
    """

    def __init__(self, target: Path, room: int, mode: int = 0o600) -> None:
        """Take `room` bytes, for a file with this mode."""
        leftovers = [path for path in target.parent.iterdir() if _is_of(path, target)]
        self.cut_off = bool(leftovers)
        self.path = target.parent / f".{target.name}.{secrets.token_hex(_RANDOM)}.tmp"
        for leftover in leftovers:
            leftover.unlink()
        self._target = target
        self._file = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            self.path.chmod(mode)
            # Written, not only allocated: not every file system can promise unwritten blocks.
            self.write(bytes(room))
        except OSError:
            self.give_back()
            raise

    def write(self, data: bytes) -> None:
        """Hold this, and nothing else, safe on the disk; the target is as it was."""
        os.lseek(self._file, 0, os.SEEK_SET)
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
        os.ftruncate(self._file, len(data))
        os.fsync(self._file)

    def fill(self, data: bytes) -> None:
        """Put this in the place of the target, whole or not at all."""
        self.write(data)
        self._close()
        self.path.replace(self._target)
        sync_directory(self._target.parent)

    def give_back(self) -> None:
        """Free the space: nothing was spent."""
        self._close()
        self.path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def sync_directory(path: Path) -> None:
    """Bring onto the disk which files a directory has."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows cannot, and does not need to
        return
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _is_of(path: Path, target: Path) -> bool:
    pattern = rf"\.{re.escape(target.name)}\.[0-9a-f]{{{2 * _RANDOM}}}\.tmp"
    return re.fullmatch(pattern, path.name) is not None
