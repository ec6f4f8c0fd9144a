"""What the image installs: what its commands need, and no more."""

from __future__ import annotations

import re
from pathlib import Path

from integration_tests.support.base_installation import brought, normalized

LOCK = Path(__file__).parents[2] / "requirements" / "runtime.txt"
ELSEWHERE = 8  # what other versions of Python, or other systems, need besides


def test_the_image_holds_the_base_installation() -> None:
    """Which has all that the commands of the Airbyte protocol and Flow's take, without a CDK."""
    text = LOCK.read_text(encoding="utf-8")
    locked = {normalized(name) for name in re.findall(r"(?m)^([\w.-]+?)(?:\[\w+\])?==", text)}
    assert not brought() - locked, "run `make lock`"
    assert len(locked - brought()) <= ELSEWHERE, sorted(locked - brought())
