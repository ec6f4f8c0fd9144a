"""Configurations as editors write them: indented with tabs, with byte order marks, in UTF-16."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from integration_tests.support.process import catalog, run
from integration_tests.support.reading import config_for
from source_gitlab.cli.options import read_file

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_configuration_in_json_with_tabs(gitlab: Emulator, tmp_path: Path, encoding: str) -> None:
    """JSON is JSON for every command, whatever stands between its tokens."""
    config = config_for(gitlab, groups_list=["acme"])
    path = tmp_path / "config.json"
    path.write_bytes(json.dumps(config, indent="\t").encode(encoding))
    assert read_file(path) == config
    assert run("check", "--config", path).check["status"] == "SUCCEEDED"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_catalog_and_a_state_with_a_mark(gitlab: Emulator, tmp_path: Path, encoding: str) -> None:
    """The other files of a read are taken in the same encodings."""
    for name, content in (
        ("config", config_for(gitlab, groups_list=["acme"])),
        ("catalog", catalog("groups")),
        ("state", []),
    ):
        (tmp_path / name).write_bytes(json.dumps(content).encode(encoding))
    files = [f"--{name}={tmp_path / name}" for name in ("config", "catalog", "state")]
    ended = run("read", *files)
    assert ended.code == 0, ended.errors
    assert ended.of("RECORD")


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_configuration_in_yaml(tmp_path: Path, mark: str) -> None:
    """What is no JSON is read as YAML."""
    path = tmp_path / "config.yaml"
    path.write_text(f"{mark}groups_list: [acme]\n", encoding="utf-8")
    assert read_file(path) == {"groups_list": ["acme"]}


@pytest.mark.parametrize("command", ["check", "discover", "read"])
def test_yaml_for_a_platform(tmp_path: Path, command: str) -> None:
    """Platforms write JSON; people are told where YAML and standard input are taken."""
    path = tmp_path / "config.yaml"
    path.write_text("groups_list: [acme]\n", encoding="utf-8")
    catalog = ("--catalog", tmp_path / "catalog.json")
    for name in (path, "-"):
        ended = run(command, "--config", name, *(catalog if command == "read" else ()))
        assert "YAML, and - for the standard input, are for `sync`" in ended.stdout
        assert "Traceback" not in ended.stdout + ended.stderr
