"""`make demo-faces` shows what each face writes, on one screen."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from integration_tests.support.environments import ROOT

ROWS, COLUMNS = 40, 100


def test_each_face_on_one_screen() -> None:
    """Each shows a command and what came of it; a face that fails ends it."""
    done = subprocess.run(
        [sys.executable, "-m", "integration_tests.demo_faces"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": str(COLUMNS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) <= ROWS
    assert max(map(len, lines)) <= COLUMNS
    parts = re.split(r"(?m)^(\S.*): \$ .*\n", done.stdout)[1:]
    shown = dict(zip(parts[::2], parts[1::2], strict=True))
    expected = {
        "A DuckDB file": r"(?m)^   issues +\d+",
        "An Airbyte source": r'(?m)^   \{"type":"RECORD","record":\{"stream":"project_labels"',
        "A Singer tap": r'(?m)^   \{"type":"SCHEMA"[^\n]*\n   \{"type":"RECORD"',
        "A Flow capture": r'(?m)^   \{"captured":\{"binding":0,"doc":',
        "An agent's SDK": r"(?m)^   #\d+ ",
        "An MCP server": r"tools: [^\n]*sql[^\n]*\n   .*opened",
        "Parquet by dlt": r"(?m)^   tables/gitlab/issues/.*parquet$",
    }
    assert shown.keys() == expected.keys()
    for face, pattern in expected.items():
        assert re.search(pattern, shown[face]), shown[face]
