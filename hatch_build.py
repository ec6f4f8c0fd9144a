"""Puts the package's YAML files into a wheel as JSON too: see `source_gitlab/yaml_files.py`."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompiledYaml(BuildHookInterface):  # type: ignore[type-arg] # its configuration is nobody's
    """Makes `compiled.json` beside the build, and names it as a part of the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make it; an editable installation reads what is in the checkout."""
        if version == "editable":
            return
        package = Path(self.root) / "source_gitlab"
        spec = importlib.util.spec_from_file_location("yaml_files", package / "yaml_files.py")
        assert spec is not None  # noqa: S101 -- a file of this project
        assert spec.loader is not None  # noqa: S101
        yaml_files = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(yaml_files)
        self._folder = TemporaryDirectory()
        made = Path(self._folder.name) / yaml_files.COMPILED
        made.write_bytes(yaml_files.compiled())
        build_data["force_include"][str(made)] = f"source_gitlab/{yaml_files.COMPILED}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was made for the build."""
        del build_data, artifact_path
        if version != "editable":
            self._folder.cleanup()
