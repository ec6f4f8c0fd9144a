"""Environments of their own for what cannot live beside the rest: one for each lock file."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
import uuid
from pathlib import Path

from filelock import FileLock

from tools.installing import build, make

ROOT = Path(__file__).parents[2]
# All processes of one run of pytest-xdist have the same.
TEST_RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
UNUSED_SECONDS = 14 * 86_400
REQUIREMENTS = ROOT / "requirements"


def _folder(name: str, locks: tuple[Path, ...]) -> Path:
    """Where an environment is kept: one for each set of lock files, Python and checkout."""
    identity = hashlib.sha256(f"{sys.version}\0{sys.base_prefix}\0{ROOT}".encode())
    for lock in locks:
        identity.update(lock.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "gitlab-warehouse-tests" / f"{name}-{identity.hexdigest()[:16]}"


def remove_unused(cache: Path, since: float) -> None:
    """Remove the environments in `cache` that nobody has used since an instant, in seconds."""
    for complete in cache.glob("*/.complete"):
        if complete.stat().st_mtime < since:
            shutil.rmtree(complete.parent)
            Path(f"{complete.parent}.lock").unlink(missing_ok=True)


def environment(name: str, *, with_package: bool) -> Path:
    """The `bin` folder of an environment that holds `requirements/NAME.txt`, made where it is not.

    It is kept until it is not used for two weeks, and of two processes of a test run, one waits
    while the other makes it. With `with_package` this package is put in, as a wheel, so that what
    is tested is what would be published; the lock file must hold what it needs then. A test run
    puts it in once: to do so again would take it from under the tests of another process.
    """
    names = (name, "build") if with_package else (name,)
    locks = tuple(REQUIREMENTS / f"{each}.txt" for each in names)
    folder = _folder(name, locks)
    folder.parent.mkdir(parents=True, exist_ok=True)
    complete = folder / ".complete"
    with FileLock(f"{folder}.lock"):
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            remove_unused(folder.parent, time.time() - UNUSED_SECONDS)
            make(folder, locks)
        complete.touch()
        if with_package:
            put_in = folder / ".package"
            if not put_in.exists() or put_in.read_text(encoding="utf-8") != TEST_RUN:
                build(folder, ROOT)
                put_in.write_text(TEST_RUN, encoding="utf-8")
    return folder / "bin"
