"""What the tests of faces share: the shared GitLab in a DuckDB file, as `sync` writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration_tests.support.process import run

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator


@pytest.fixture(scope="session")
def synced(gitlab: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file for all tests that only read it."""
    path = tmp_path_factory.mktemp("synced") / "gitlab.duckdb"
    done = run("sync", "--to", path, "--url", gitlab.url, GITLAB_TOKEN=gitlab.token)
    assert done.code == 0, done.stderr
    return path
