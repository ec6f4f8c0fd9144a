"""Rows that can be read but not written: nested too deeply for JSON's writers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb
import pytest

from integration_tests.support.process import catalog, file, run
from integration_tests.support.reading import config_for

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

WEB = 101
RULE = {"kind": "deep_row", "path": f"/projects/{WEB}/labels$", "column": "description"}


def broken_label(gitlab: Emulator) -> tuple[int, set[int]]:
    """One label of a project, and the others."""
    found = {row["id"] for row in gitlab.get(f"projects/{WEB}/labels", per_page=100).json()}
    return min(found), found - {min(found)}


@pytest.mark.parametrize("size", [249, 252, 255, 1_000, 5_000])
def test_a_row_that_is_too_deep_is_left_out_of_a_read(
    faulty: Emulator, tmp_path: Path, size: int
) -> None:
    """All others come, and it is named; the stream is incomplete."""
    broken, others = broken_label(faulty)
    faulty.faults([{**RULE, "row": {"id": broken}, "size": size}])
    config = file(tmp_path, "config.json", config_for(faulty, groups_list=["acme"]))
    chosen = file(tmp_path, "catalog.json", catalog("project_labels"))
    done = run("read", "--config", config, "--catalog", chosen)
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    rows = [one["record"]["data"] for one in messages if one["type"] == "RECORD"]
    found = {row["id"] for row in rows if row["project_id"] == WEB}
    assert found == others
    assert done.code == 1
    assert f"/projects/{WEB}/labels" in done.stdout


@pytest.mark.parametrize("size", [119, 128, 255, 1_000])
def test_a_row_that_is_too_deep_is_left_out_of_a_sync(
    faulty: Emulator, tmp_path: Path, size: int
) -> None:
    """All others are in the file, and it is named; the row that was there before stays."""
    broken, others = broken_label(faulty)
    path = tmp_path / "gitlab.duckdb"
    arguments = ("sync", "--to", path, "--url", faulty.url, "--select", "project_labels")
    faulty.faults([{**RULE, "row": {"id": broken}, "size": size}])
    done = run(*arguments, GITLAB_TOKEN=faulty.token)
    assert done.code == 1, done.stderr
    assert f"/projects/{WEB}/labels" in done.stdout + done.stderr
    with duckdb.connect(str(path), read_only=True) as connection:
        of_web = "SELECT id FROM project_labels WHERE project_id = ?"
        found = {number for (number,) in connection.execute(of_web, [WEB]).fetchall()}
    assert found == others


@pytest.mark.parametrize("size", [100, 117])
def test_a_row_that_is_deep_comes(faulty: Emulator, tmp_path: Path, size: int) -> None:
    """As deep as it is."""
    broken, others = broken_label(faulty)
    path = tmp_path / "gitlab.duckdb"
    faulty.faults([{**RULE, "row": {"id": broken}, "size": size}])
    arguments = ("sync", "--to", path, "--url", faulty.url, "--select", "project_labels")
    done = run(*arguments, GITLAB_TOKEN=faulty.token)
    assert done.code == 0, done.stderr
    with duckdb.connect(str(path), read_only=True) as connection:
        of_web = "SELECT id, description FROM project_labels WHERE project_id = ?"
        found = dict(connection.execute(of_web, [WEB]).fetchall())
    assert set(found) == others | {broken}
    assert found[broken] == "[" * size + "]" * size
