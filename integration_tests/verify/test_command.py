"""`source-gitlab verify` as a process: what it prints, its exit codes, and what a kill leaves."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from integration_tests.gitlab.launch import Emulator
from integration_tests.gitlab.patience import PATIENCE
from integration_tests.interfaces.test_sync import WEB, expected_keys, keys, sync

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WIDTH = 80
MANY = 60


@pytest.fixture(scope="module")
def gitlab() -> Iterator[Emulator]:
    """A GitLab with some issues more in one project."""
    with Emulator() as emulator:
        emulator.in_its_own_time()
        times = {"created_at": "2025-05-01T10:00:00Z", "updated_at": "2025-05-01T10:00:00Z"}
        emulator.mutate("create", table="issues", project_id=WEB, count=MANY, **times)
        yield emulator


@pytest.fixture(scope="module")
def synced(gitlab: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of it."""
    path = tmp_path_factory.mktemp("synced") / "gitlab.duckdb"
    assert sync(gitlab, path, "--select", "issues,merge_requests,branches").code == 0
    gitlab.clock(advance=3_600)
    return path


@pytest.fixture
def path(gitlab: Emulator, synced: Path, tmp_path: Path) -> Path:
    """A copy of the file."""
    gitlab.faults([])
    path = tmp_path / "gitlab.duckdb"
    shutil.copy(synced, path)
    return path


def verify(gitlab: Emulator, path: Path, *more: str, code: int = 0) -> str:
    """Run the command to its end; what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "source_gitlab", "verify", str(path), "--url", gitlab.url, *more],
        env={**os.environ, "GITLAB_TOKEN": gitlab.token},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert gitlab.token not in done.stdout + done.stderr
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code < 2 else done.stderr


def lose(path: Path, number: int) -> list[int]:
    """Let so many issues be missing."""
    with duckdb.connect(str(path)) as connection:
        asked = f"SELECT id FROM issues WHERE project_id = {WEB} ORDER BY id LIMIT {number}"  # noqa: S608
        ids = [one for (one,) in connection.execute(asked).fetchall()]
        connection.execute(f"DELETE FROM issues WHERE id IN ({', '.join(map(str, ids))})")  # noqa: S608
    return ids


def test_a_whole_file(gitlab: Emulator, path: Path) -> None:
    """Each line fits a terminal, and the streams that are not counted are named."""
    text = verify(gitlab, path)
    assert all(len(line) <= WIDTH for line in text.splitlines())
    table = {line.split()[0]: line.split()[1:] for line in text.splitlines()[1:3]}
    assert set(table) == {"issues", "merge_requests"}
    for _counted, theirs, mine, missing, gone in table.values():
        assert (theirs, missing, gone) == (mine, "0", "0")
    assert "Not counted: branches." in text
    assert "nothing is missing and nothing is gone" in " ".join(text.split())


def test_what_is_missing(gitlab: Emulator, path: Path) -> None:
    """It ends with 1, and with 0 when it is mended."""
    lost = lose(path, 3)
    text = verify(gitlab, path, code=1)
    assert "issues of project acme/web, created before" in text
    assert "3 rows are missing, and 0 are gone from GitLab" in " ".join(text.split())
    found: dict[str, Any] = json.loads(verify(gitlab, path, "--format", "json", code=1))
    assert not found["whole"]
    (one,) = found["differences"]
    assert one["missing"] == [{"id": number} for number in one_by_one(lost)]
    assert {window["stream"] for window in found["windows"]} == {"issues", "merge_requests"}
    assert "branches" in found["not_counted"]
    assert "have been read" in " ".join(verify(gitlab, path, "--repair").split())
    assert keys(path, "issues") == expected_keys(gitlab, "issues")
    assert json.loads(verify(gitlab, path, "--format", "json"))["whole"]


def one_by_one(ids: list[int]) -> list[int]:
    """Ids as GitLab lists them: the newest first."""
    return sorted(ids, reverse=True)


def test_a_sample(gitlab: Emulator, path: Path) -> None:
    """As many windows as are asked for, and no more requests than that costs."""
    found = json.loads(verify(gitlab, path, "--format", "json", "--sample", "2"))
    assert len(found["windows"]) == 2
    one = verify(gitlab, path, "--select", "issues", "--sample", "1")
    assert "1 windows" in one


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--sample", "0"], "it is a whole number above 0"),
        (["--since", "yesterday"], "--since is not a date"),
        (["--format", "xml"], "--format"),
        (["--select", "isues"], "issues"),
        (["--group", "no-such-group"], "no-such-group"),
    ],
)
def test_a_mistake(gitlab: Emulator, path: Path, more: list[str], words: str) -> None:
    """It ends with 2, in one sentence."""
    assert words in verify(gitlab, path, *more, code=2)


def test_files_that_are_none_of_ours(gitlab: Emulator, tmp_path: Path) -> None:
    """Nothing is made of them."""
    path = tmp_path / "other.duckdb"
    assert "There is no file" in verify(gitlab, path, code=2)
    assert not path.exists()
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE issues AS SELECT 1 AS id")
    assert "holds no table that source-gitlab has written" in verify(gitlab, path, code=2)
    with duckdb.connect(str(path)) as connection:
        names = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    assert names == [("issues",)]


@pytest.mark.parametrize("asked", [4, 8, 12])
def test_a_kill_leaves_a_sound_file(changing_gitlab: Emulator, tmp_path: Path, asked: int) -> None:
    """At any request: no row is both there and gone, and the next look mends the rest."""
    gitlab, path = changing_gitlab, tmp_path / "gitlab.duckdb"
    gitlab.in_its_own_time()
    streams = ("--select", "issues,merge_requests")
    assert sync(gitlab, path, *streams).code == 0
    gitlab.clock(advance=3_600)
    lose(path, 2)
    projects: dict[int, int] = {}
    for one in gitlab.world(streams="issues")["issues"]:
        projects.setdefault(one["row"]["project_id"], one["row"]["id"])
    for number in projects.values():
        gitlab.mutate("delete", table="issues", id=number)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"num_workers": 1}))
    gitlab.reset_requests()
    gitlab.faults([{"kind": "stall", "seconds": 3_600, "path": "/issues", "skip": asked}])
    command = [sys.executable, "-m", "source_gitlab", "verify", str(path), "--repair"]
    with subprocess.Popen(
        [*command, "--url", gitlab.url, "--config", str(config)],
        env={**os.environ, "GITLAB_TOKEN": gitlab.token},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        deadline = time.monotonic() + PATIENCE
        while not gitlab.control("faults")[0]["struck"]:
            assert process.poll() is None, "it ended too early"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    gitlab.faults([])
    with duckdb.connect(str(path)) as connection:  # not read-only, to replay the log
        both = connection.execute(
            "SELECT * FROM _source_gitlab.deleted_rows d JOIN issues i "
            "ON CAST(d.key->>'id' AS BIGINT) = i.id WHERE d.stream = 'issues'"
        ).fetchall()
    assert both == []
    verify(gitlab, path, "--repair")
    verify(gitlab, path)
    assert keys(path, "issues") == expected_keys(gitlab, "issues")
    assert keys(path, "merge_requests") == expected_keys(gitlab, "merge_requests")
