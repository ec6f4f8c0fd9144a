"""A declaration or a schema that is wrong ends every command in one sentence."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.process import surroundings

PACKAGE = Path(__file__).parents[2] / "source_gitlab"

WRONG = {
    "declared": (
        "{kind: group, refresh: hourly}",
        "group_members.refresh: found 'hourly', allowed is one of activity, touch, daily, weekly",
    ),
    "schemas": (
        "{id: whole number}",
        "group_members.id: found the type 'whole', allowed are text, integer",
    ),
}


@pytest.mark.parametrize("folder", WRONG)
@pytest.mark.parametrize("command", [["streams"], ["check", "--url", "http://127.0.0.1:9"]])
def test_a_wrong_declaration_is_a_sentence(folder: str, command: list[str], tmp_path: Path) -> None:
    """With the stream, the attribute, what was found and what is allowed, and no traceback."""
    written, told = WRONG[folder]
    ignored = shutil.ignore_patterns("__pycache__", "compiled.json")
    shutil.copytree(PACKAGE, tmp_path / PACKAGE.name, ignore=ignored)
    file = tmp_path / PACKAGE.name / "streams" / folder / "people.yaml"
    file.write_text(f"group_members: {written}\n", encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", PACKAGE.name, *command],
        cwd=tmp_path,
        env={**surroundings(), "GITLAB_TOKEN": "glpat-of-nobody"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert ended.returncode == 2
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
