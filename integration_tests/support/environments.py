"""Environments of their own for what cannot live beside the rest: one for each lock file."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).parents[2]
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

    Installing takes a minute, so the environment is kept until it is not used for two weeks, and
    what makes it in two processes of a test run waits for each other. With `with_package` this
    package is put in anew, as a wheel, so that what is tested is what would be published; the lock
    file must hold what it needs then.
    """
    names = (name, "build") if with_package else (name,)
    locks = tuple(REQUIREMENTS / f"{each}.txt" for each in names)
    folder = _folder(name, locks)
    folder.parent.mkdir(parents=True, exist_ok=True)
    pip = (str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check")
    install = (*pip, "install", "--quiet", "--no-deps")
    complete = folder / ".complete"
    with FileLock(f"{folder}.lock"):
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            remove_unused(folder.parent, time.time() - UNUSED_SECONDS)
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            wanted = [part for lock in locks for part in ("-r", str(lock))]
            subprocess.run([*install, "--require-hashes", *wanted], check=True)
            subprocess.run([*pip, "check"], check=True)
        complete.touch()
        if with_package:
            subprocess.run(
                [*install, "--no-build-isolation", "--force-reinstall", str(ROOT)], check=True
            )
    return folder / "bin"
