"""A virtual environment for each contender, installed from its lock file and kept.

They are kept in `gitlab-warehouse-bench` below the user's cache directory, one for each content
of the lock file and each Python, so that a second benchmark installs nothing but this connector.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ROOT / "benchmarks" / "locks"
REQUIREMENTS = ROOT / "requirements"
# The newest Python that airbyte-source-gitlab 4.3.7 allows; every contender runs on the same.
PYTHON = "3.11"


class Unavailable(Exception):
    """A contender cannot be measured on this machine; the message says why."""


@dataclass(frozen=True)
class Environment:
    """What is installed together; `this` adds the connector in the working tree, as a wheel."""

    name: str
    locks: tuple[Path, ...]
    this: bool = False


READER = Environment(
    "gitlab-warehouse", (REQUIREMENTS / "runtime.txt", REQUIREMENTS / "build.txt"), this=True
)
# PyAirbyte, which brings its DuckDB, and the CDK that `newest.py` runs on.
LOADER = Environment(
    "pyairbyte", (REQUIREMENTS / "pyairbyte.txt", REQUIREMENTS / "build.txt"), this=True
)
DASK = Environment("dask", (REQUIREMENTS / "dask.txt", REQUIREMENTS / "build.txt"), this=True)
SPARK = Environment("spark", (REQUIREMENTS / "spark.txt", REQUIREMENTS / "build.txt"), this=True)
PEER = Environment("airbyte-source-gitlab", (LOCKS / "airbyte-source-gitlab.txt",))
TAP = Environment("tap-gitlab", (LOCKS / "tap-gitlab.txt",))
DLT = Environment("dlt", (LOCKS / "dlt.txt",))
INGESTR = Environment("ingestr", (LOCKS / "ingestr.txt",))


@cache
def programs_of(environment: Environment) -> Path:
    """The `bin` folder of an environment, which is made first if it is not there.

    Raises:
        Unavailable: there is no Python for it, or it could not be installed.
    """
    python = _python()
    identity = hashlib.sha256(_run(python, "-c", "import sys; print(sys.version)").encode())
    for lock in environment.locks:
        identity.update(lock.read_bytes())
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = kept / "gitlab-warehouse-bench" / f"{environment.name}-{identity.hexdigest()[:16]}"
    programs = folder / "bin"
    pip = (str(programs / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet")
    complete = folder / ".complete"
    if not complete.exists():
        print(f"installing {environment.name} …", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        _run(python, "-m", "venv", str(folder))
        wanted = [part for lock in environment.locks for part in ("-r", str(lock))]
        _run(*pip, "install", "--no-deps", "--require-hashes", *wanted)
        complete.touch()
    if environment.this:
        build = ("--no-deps", "--no-build-isolation", "--force-reinstall", str(ROOT))
        _run(*pip, "install", *build)
    return programs


def versions_in(environment: Environment, *names: str) -> dict[str, str]:
    """The versions of these distributions; one that is not installed is left out."""
    listed = _run(str(programs_of(environment) / "python"), "-m", "pip", "list", "--format=freeze")
    found = dict(line.split("==", 1) for line in listed.splitlines() if "==" in line)
    return {name: found[name] for name in names if name in found}


@cache
def _python() -> str:
    if "{}.{}".format(*sys.version_info) == PYTHON:
        return sys.executable
    found = shutil.which(f"python{PYTHON}")
    if found is None:
        message = f"Python {PYTHON} was not found as python{PYTHON} on PATH."
        raise Unavailable(message)
    return found


def python_version() -> str:
    """The exact version of the Python that contenders run on."""
    return _run(_python(), "-c", "import platform; print(platform.python_version())").strip()


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        message = f"`{Path(command[0]).name} {' '.join(command[1:4])}` failed: {last}"
        raise Unavailable(message)
    return done.stdout
