"""What the image installs: everything that its commands need."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tomli

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("extra", ["airbyte"])
def test_the_image_holds_every_face(extra: str) -> None:
    """A command says how to install what it lacks, which nobody can do in an image."""
    project = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locked = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    for wanted in project["optional-dependencies"][extra]:
        name = re.split(r"[<>=!~\[; ]", wanted)[0]
        assert re.search(rf"(?m)^{name}==", locked), "run `make lock`"
