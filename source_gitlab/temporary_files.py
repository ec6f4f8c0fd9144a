"""Files that a process needs while it runs: what is in them must not stay when it is killed.

Linux gives memory a name in /proc, which goes with the process. What must lie in a folder is
removed by the next process that makes one.
"""

from __future__ import annotations

import os
import shutil
import stat
import weakref
from contextlib import suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing_extensions import Self

_PREFIX: Final = "source-gitlab-"
_LOCK: Final = "lock"


def named_memory(name: str) -> tuple[int, Path] | None:
    """The descriptor and the path of empty memory; None on systems that have none.

    The path is for this process only, and holds until the descriptor is closed.
    """
    if not hasattr(os, "memfd_create"):
        return None
    try:
        number = os.memfd_create(name)
    except OSError:  # an older system has none, and a container may refuse it
        return None
    path = Path(f"/proc/self/fd/{number}")
    if path.exists():
        return number, path
    os.close(number)
    return None


class TemporaryFolder:
    """A folder that only this user can read, until `close`; `path` is where it is.

    The system holds a lock for the process that made it, and lets go of it however that ends. Where
    there are no such locks (Windows), a folder of a killed process stays.
    """

    def __init__(self) -> None:
        """Make it, and remove those of processes that were killed.

        Raises:
            OSError: there is no place for it.
        """
        for lock in Path(gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
            _remove_if_left(lock)
        self.path = Path(mkdtemp(prefix=_PREFIX))
        # Nobody else sees a lock that is not held yet.
        unnamed = self.path / f"{_LOCK}.new"
        number = os.open(unnamed, os.O_RDWR | os.O_CREAT, 0o600)
        self._remove = weakref.finalize(self, _remove, number, self.path)
        _take_lock(number)
        unnamed.rename(self.path / _LOCK)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove it, but for what somebody else holds open. Closing twice does nothing."""
        self._remove()


def _remove(number: int, folder: Path) -> None:
    os.close(number)
    shutil.rmtree(folder, ignore_errors=True)


def _remove_if_left(lock: Path) -> None:
    """Remove the folder of a lock that no process holds."""
    # It may be another user's, who may have put a link in its place, or be gone already.
    with suppress(OSError):
        there = lock.parent.lstat()
        if not stat.S_ISDIR(there.st_mode) or there.st_uid != os.getuid():
            return
        number = os.open(lock, os.O_RDWR | os.O_NOFOLLOW)
        if _take_lock(number):
            _remove(number, lock.parent)
        else:
            os.close(number)


def _take_lock(number: int) -> bool:
    """Take a lock for this process; whether it could be had."""
    try:
        import fcntl  # noqa: PLC0415 -- there is none on Windows
    except ImportError:
        return False
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
