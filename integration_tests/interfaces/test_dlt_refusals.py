"""What a sync says when a destination of dlt cannot be used, and how it is interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.interfaces.test_dlt import native, place_of, run
from integration_tests.interfaces.test_killed_sync import wait_until_asked
from integration_tests.interfaces.test_sync import started
from integration_tests.support.dlt_tables import in_duckdb

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator
    from integration_tests.support.postgres import Postgres

SELECT = ("--select", "project_labels")
SECRET = "hunter-2-secret"


@pytest.mark.parametrize(
    ("address", "code", "said"),
    [
        (f"postgresql://loader:{SECRET}@127.0.0.1:1/x", 1, "Connection refused"),
        ("postgresql://", 2, "dlt's configuration lacks something"),
        (f"snowflake://loader:{SECRET}@account/x", 2, "needs the package dlt[snowflake]"),
        ("s3://bucket/x", 2, "needs the package dlt[s3]"),
    ],
)
def test_a_destination_that_cannot_be_used(
    gitlab: Emulator, address: str, code: int, said: str
) -> None:
    """One sentence, no secret, and GitLab is asked for nothing."""
    gitlab.reset_requests()
    done = run(gitlab, "--to", address, *SELECT)
    assert done.returncode == code, done.stderr
    assert said in done.stderr.splitlines()[-1]
    assert SECRET not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert gitlab.requests(limit=0)["total"] == 0


def test_a_folder_that_cannot_be_made(gitlab: Emulator, tmp_path: Path) -> None:
    """It is known before GitLab is asked."""
    (tmp_path / "file").write_text("")
    gitlab.reset_requests()
    done = run(gitlab, "--to", str(tmp_path / "file" / "tables"), "--table-format", "delta")
    assert done.returncode == 2
    assert done.stderr.endswith(f"cannot be a folder: {tmp_path / 'file'} is a file\n")
    assert gitlab.requests(limit=0)["total"] == 0


def test_a_wrong_password_is_said_and_not_shown(gitlab: Emulator, postgres: Postgres) -> None:
    """Running it again does not help, so the exit code is 2."""
    password = postgres.url().partition("@")[0].rpartition(":")[2]
    done = run(gitlab, "--to", postgres.url().replace(password, SECRET), *SELECT)
    assert done.returncode == 2
    assert "password authentication failed" in done.stderr
    assert SECRET not in done.stdout + done.stderr


def test_credentials_come_from_dlts_configuration(gitlab: Emulator, postgres: Postgres) -> None:
    """The address then is the scheme alone."""
    url = postgres.create("configured")
    settings = {"DESTINATION__POSTGRES__CREDENTIALS": url}
    done = run(gitlab, "--to", "postgresql://", "--dataset", "raw", *SELECT, **settings)
    assert done.returncode == 0, done.stderr
    assert int(postgres.query("SELECT count(*) FROM raw.project_labels", "configured")[0][0]) > 0


def test_ctrl_c_ends_it_cleanly(
    changing_gitlab: Emulator, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """What is whole is loaded, the exit code is 130, and the next sync goes on."""
    gitlab, place = changing_gitlab, place_of("parquet", tmp_path, request)
    select = ("--select", "project_labels", "issues")
    gitlab.faults([{"kind": "stall", "seconds": 3600, "path": "issues$"}])
    gitlab.reset_requests()
    where = tmp_path / "tables"
    with started(gitlab, where, "--table-format", "parquet", *select) as process:
        wait_until_asked(gitlab, 16, process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "Interrupted." in out
    gitlab.faults([])
    assert place.sync(gitlab, *select).returncode == 0
    own = native(gitlab, tmp_path / "own.duckdb", *select)
    for name in select[1:]:
        assert place.rows(name).keys() == own(name).keys()


def test_without_dlt_it_says_what_to_install(gitlab: Emulator, tmp_path: Path) -> None:
    """The base installation writes DuckDB files only."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'dlt' else find(name, *more)\n"
    )
    done = run(gitlab, "--to", "postgresql://h/d", *SELECT, PYTHONPATH=str(hidden))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "postgresql://h/d needs dlt. Install it with: pip install 'gitlab-warehouse[dlt]'"
    )


def test_the_source_runs_in_a_pipeline_of_ones_own(gitlab: Emulator, tmp_path: Path) -> None:
    """Resources can be chosen, and the second run reads what changed since."""
    program = f"""
import json

import dlt
from source_gitlab.interfaces.dlt import gitlab_source

place = dlt.destinations.duckdb({str(tmp_path / "own.duckdb")!r})
pipeline = dlt.pipeline("p", destination=place, dataset_name="raw", pipelines_dir={str(tmp_path)!r})
for _ in range(2):
    source = gitlab_source(url={gitlab.url!r}, select=["issues", "branches", "jobs"])
    pipeline.run(source.with_resources("issues", "branches")).raise_on_failed_jobs()
    counts = pipeline.last_trace.last_normalize_info.row_counts
    print(json.dumps({{name: counts.get(name, 0) for name in ("issues", "branches", "jobs")}}))
"""
    settings = {"GITLAB_TOKEN": gitlab.token, "RUNTIME__DLTHUB_TELEMETRY": "false"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, **settings},
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names = ("issues", "branches")
    own = native(gitlab, tmp_path / "native.duckdb", "--select", *names)
    first, second = map(json.loads, done.stdout.splitlines()[-2:])
    for name in names:
        held = in_duckdb(tmp_path / "own.duckdb", name, "raw")
        assert held.keys() == own(name).keys()
        assert first[name] == len(held)
    assert first["jobs"] == second["issues"] == 0
