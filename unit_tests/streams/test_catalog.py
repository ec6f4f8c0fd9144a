"""`discover` prints, without the CDK, the catalog that the CDK would make of the source."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import TYPE_CHECKING

from airbyte_cdk.models import AirbyteMessage, AirbyteMessageSerializer, Type

from source_gitlab import SourceGitlab

if TYPE_CHECKING:
    from pathlib import Path


def test_discover_prints_the_catalog_of_the_source(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text("{}", encoding="utf-8")
    command = [sys.executable, "-m", "source_gitlab", "discover", "--config", str(config)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    catalog = SourceGitlab().discover(logging.getLogger(), {})
    message = AirbyteMessage(type=Type.CATALOG, catalog=catalog)
    assert json.loads(printed) == AirbyteMessageSerializer.dump(message)


def test_discover_with_a_file_that_is_no_configuration_says_so(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text("[", encoding="utf-8")
    command = [sys.executable, "-m", "source_gitlab", "discover", "--config", str(config)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "config.json" in done.stdout
