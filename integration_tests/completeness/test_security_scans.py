"""Scans stand in a list for each type in one response: each is read to its end, and replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

from integration_tests.interfaces.test_sync import sync

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

STREAM = "security_scans"
MORE_THAN_A_PAGE = 205


def scans(path: Path, pipeline: int) -> dict[str, list[tuple[int, str]]]:
    """Places and names of a pipeline's scans in the file, by type."""
    found: dict[str, list[tuple[int, str]]] = {}
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute(
            "SELECT report_type, position, name FROM security_scans WHERE pipeline_id = ?"
            " ORDER BY report_type, position",
            [pipeline],
        ).fetchall()
    for kind, position, name in rows:
        found.setdefault(kind, []).append((position, name))
    return found


def ran(gitlab: Emulator, pipeline: int, found: dict[str, list[str]]) -> None:
    """Let a pipeline have scans of these jobs from now on, and move."""
    names: dict[str, Any] = dict.fromkeys(("sast", "secretDetection", "dast"))
    for kind, jobs in found.items():
        nodes = [{"name": job, "status": "SUCCEEDED", "errors": [], "warnings": []} for job in jobs]
        names[kind] = {"scans": {"nodes": nodes}}
    gitlab.mutate("update", table=STREAM, id=pipeline * 10 + 1, set=names)
    gitlab.mutate("touch", table="pipelines", id=pipeline)
    gitlab.clock(advance=600)


def test_every_list_is_read_to_its_end_and_replaced(
    changing_gitlab: Emulator, tmp_path: Path
) -> None:
    """With more scans of two types than a page holds, and with fewer later."""
    path, gitlab = tmp_path / "gitlab.duckdb", changing_gitlab
    gitlab.in_its_own_time()
    pipeline = gitlab.world(streams=STREAM)[STREAM][0]["parent"]["pipeline_id"]
    many = {kind: [f"{kind} {n}" for n in range(MORE_THAN_A_PAGE)] for kind in ("sast", "dast")}
    ran(gitlab, pipeline, many)
    sync(gitlab, path, "--select", STREAM)
    assert scans(path, pipeline) == {kind: list(enumerate(jobs, 1)) for kind, jobs in many.items()}

    ran(gitlab, pipeline, {"secretDetection": ["secrets", "secrets"]})
    sync(gitlab, path, "--select", STREAM)
    assert scans(path, pipeline) == {"secret_detection": [(1, "secrets"), (2, "secrets")]}

    ran(gitlab, pipeline, {})
    sync(gitlab, path, "--select", STREAM)
    assert scans(path, pipeline) == {}
