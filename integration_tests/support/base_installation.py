"""The package as `pip install gitlab-warehouse` leaves it: with its base dependencies alone.

Nothing is installed. In a process of its own, what the base installation lacks cannot be imported.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import tomli

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.process import Ended, surroundings

ROOT = Path(__file__).parents[2]
PROJECT = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGE = "source_gitlab"

# Arguments: the modules that there are not, as JSON, and those of the command.
_PROGRAM = """
import importlib.machinery, json, sys

LACKING = frozenset(json.loads(sys.argv[1]))

class Installed(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in LACKING:
            return None
        return super().find_spec(name, path, target)

finders = [one for one in sys.meta_path if one is not importlib.machinery.PathFinder]
sys.meta_path[:] = [*finders, Installed]
sys.argv[:] = ["source-gitlab", *sys.argv[2:]]
"""
_COMMAND = "from source_gitlab.cli import main\nsys.exit(main())\n"


def normalized(name: str) -> str:
    """A distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def required(requirement: str) -> str:
    """The distribution that a requirement names, or "" when it is for an extra."""
    if re.search(r";.*\bextra\b", requirement):
        return ""
    return normalized(re.split(r"[^\w.-]", requirement.strip())[0])


def direct() -> frozenset[str]:
    """The distributions that the base of pyproject.toml names."""
    return frozenset(map(required, PROJECT["dependencies"]))


def brought() -> frozenset[str]:
    """The distributions that the base installation brings on this Python, as far as installed."""
    found: set[str] = set()
    wanted = sorted(direct())
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        try:
            more = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # for another Python or another system
        found.add(name)
        wanted += filter(None, map(required, more))
    return frozenset(found)


def modules_of(distributions: frozenset[str]) -> frozenset[str]:
    """The top-level modules of these distributions."""
    return frozenset(
        module
        for module, names in metadata.packages_distributions().items()
        if distributions & {normalized(name) for name in names}
    )


def lacking() -> frozenset[str]:
    """The top-level modules of this environment that the base installation does not have."""
    every = frozenset(metadata.packages_distributions())
    return every - modules_of(brought()) - {PACKAGE}


def run(*arguments: object, **environment: str) -> Ended:
    """Run `source-gitlab` with these arguments in the base installation."""
    return _run(_PROGRAM + _COMMAND, *arguments, **environment)


def run_program(program: str) -> Ended:
    """Run a program in the base installation; `sys` is imported for it."""
    return _run(_PROGRAM + program)


def _run(program: str, *arguments: object, **environment: str) -> Ended:
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(sorted(lacking())), *map(str, arguments)],
        cwd=ROOT,
        env=surroundings(**environment),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)
