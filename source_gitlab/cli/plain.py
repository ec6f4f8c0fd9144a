"""The commands that only print what the program knows of itself."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def spec(_arguments: Sequence[str]) -> int:
    """Print what can be configured, as a message of the Airbyte protocol."""
    # What reads a configuration is not needed to show what can be in it.
    from source_gitlab import yaml_files  # noqa: PLC0415

    spec = yaml_files.read("config", "spec.yaml")
    sys.stdout.write(json.dumps({"type": "SPEC", "spec": spec}) + "\n")
    return 0


def version(_arguments: Sequence[str]) -> int:
    """Print the version."""
    from source_gitlab import __version__  # noqa: PLC0415

    sys.stdout.write(f"source-gitlab {__version__}\n")
    return 0
