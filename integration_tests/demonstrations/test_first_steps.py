"""The four lines of the README, as a new user types them: install, token, sync, first chart."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import duckdb
import pytest

from integration_tests.support.environments import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

# What a wheel is built from.
PARTS = ("source_gitlab", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE")
SURROUNDINGS = ("PATH", "HOME", "LANG", "TMPDIR")


def lines() -> list[str]:
    """The commands that the README calls four lines."""
    text = (ROOT / "README.md").read_text("utf-8")
    block = re.search(r"is four lines away:\n\n```sh\n(.*?)```", text, re.DOTALL)
    assert block is not None
    return [line.partition(" #")[0].strip() for line in block[1].splitlines()]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of what a clone has, with nothing of this environment."""
    folder = tmp_path / "clone"
    folder.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            skipped = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / part, ignore=skipped)
        else:
            shutil.copy(source, folder / part)
    return folder


def test_in_a_clean_environment(gitlab: Emulator, clone: Path, tmp_path: Path) -> None:
    """It works with what the first line installs, a wheel and its dependencies."""
    written = lines()
    assert len(written) == 4
    assert written[0].startswith("pip install ")
    assert written[1].startswith("export GITLAB_TOKEN=")
    home = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    written[1] = f"export GITLAB_TOKEN={gitlab.token}"
    written[2] = f"{written[2].replace('my-group', 'acme')} --url {gitlab.url}"
    kept = {name: os.environ[name] for name in SURROUNDINGS if name in os.environ}
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    path = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-e", "-c", "\n".join(written)],
        cwd=clone,
        env={**kept, **pip, "PATH": path, "SOURCE_GITLAB_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with duckdb.connect(str(clone / "gitlab.duckdb"), read_only=True) as connection:
        (rows,) = connection.execute("SELECT count(*) FROM issues").fetchall()[0]
    assert rows > 0
    page = (clone / "report.html").read_text("utf-8")
    assert "Deployments" in page
    assert len(page) > 100_000, "without the library that draws the charts"
    installed = list(home.glob("lib/python*/site-packages/source_gitlab/__init__.py"))
    assert installed, "the commands ran from the clone"
