"""The DuckDB file on its disk: full disks, files of format 1, and what a sync leaves behind."""

# The only texts put into SQL here are names of columns and tables.
# ruff: noqa: S608

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.duckdb_store import path, query
from integration_tests.support.stream_tables import stream_table
from source_gitlab.interfaces.duckdb import layout
from source_gitlab.interfaces.duckdb.store import Store, StoreError
from source_gitlab.interfaces.rows_file import RowsFile

__all__ = ["path"]

LINES = {"id": "integer!", "title": "text"}
TABLES = {name: stream_table(name, LINES, ["id"]) for name in ("issues", "tags")}
LIMIT = 8 << 20


def incompressible(numbers: range) -> list[dict[str, Any]]:
    """Issues of a kilobyte each."""
    chance = random.Random(numbers.start)
    letters = "".join(map(chr, range(32, 127)))
    return [{"id": n, "title": "".join(chance.choices(letters, k=1000))} for n in numbers]


def _no_longer_files() -> None:
    # Python ignores the signal that comes with it, so that writing fails as on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))


CHILD = """
import sys
sys.path.insert(0, sys.argv[2])
from test_duckdb_disk import TABLES, Path, Store, StoreError, incompressible
try:
    with Store(Path(sys.argv[1]), TABLES) as store:
        store.write("issues", incompressible(range(10_000, 13_000)))
        store.commit({"issues": {"read": 2}})
        print("committed", flush=True)
        store.checkpoint()
except StoreError as error:
    sys.exit(f"sentence: {error}")
"""


def test_a_disk_that_is_full_when_the_file_is_put_together_is_told(path: Path) -> None:
    """What is committed stands in the log beside the file, which alone would lack it."""
    with Store(path, TABLES) as store:
        store.write("issues", incompressible(range(5000)))
        store.commit({"issues": {"read": 1}})
        store.checkpoint()
    assert LIMIT - (3 << 20) < path.stat().st_size < LIMIT
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        preexec_fn=_no_longer_files,
    )
    assert done.stdout == "committed\n", done.stderr
    assert done.returncode == 1
    assert f"sentence: {path} cannot be written: the disk is full" in done.stderr
    assert f"{path}.wal" in done.stderr
    assert "Traceback" not in done.stderr
    with duckdb.connect(str(path)) as connection:
        assert connection.execute("SELECT count(*) FROM issues").fetchone() == (8000,)


BEGIN = """
import resource, sys
sys.path.insert(0, sys.argv[2])
from test_duckdb_disk import TABLES, Path, Store, StoreError
most = int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
try:
    Store(Path(sys.argv[1]), TABLES)
except StoreError as error:
    sys.exit(f"sentence: {error} {error.passes}")
"""


@pytest.mark.parametrize("most", [1, 4096, 9000, 12_288, 13_000])
def test_a_file_that_a_full_disk_has_no_room_for_is_not_left(path: Path, most: int) -> None:
    """Running again helps, once there is room."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN, str(path), str(Path(__file__).parent), str(most)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith(f"sentence: {path} cannot be written: the disk is full")
    assert done.stderr.endswith(" True\n")
    assert list(path.parent.glob(f"{path.name}*")) == []


def test_an_empty_file_is_taken_for_a_new_one(path: Path) -> None:
    """As `mktemp` makes one."""
    path.touch()
    with Store(path, TABLES) as store:
        store.commit({"issues": {"read": 1}})
    assert query(path, "SELECT count(*) FROM issues") == [(0,)]


HOLD = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.read()
"""


def test_an_empty_file_that_another_process_is_making_is_left(path: Path) -> None:
    """What it writes would be gone with the file."""
    path.touch()
    number = path.stat().st_ino
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StoreError, match="in use by another process"):
            Store(path, TABLES)
        other.communicate("")
    assert path.stat().st_ino == number


def test_a_file_that_is_put_together_can_be_copied_alone(path: Path) -> None:
    """Nothing waits beside it."""
    with Store(path, TABLES) as store:
        store.write("issues", [{"id": 1}])
        store.commit({"issues": {"read": 1}})
        store.checkpoint()
        copy = path.with_name("copy.duckdb")
        copy.write_bytes(path.read_bytes())
        assert query(copy, "SELECT id FROM issues") == [(1,)]


FORMAT_1 = (
    "CREATE TABLE _source_gitlab_meta (name VARCHAR PRIMARY KEY, value VARCHAR)",
    "CREATE TABLE _source_gitlab_state (stream VARCHAR PRIMARY KEY, state JSON, _at TIMESTAMPTZ)",
    "CREATE TABLE _source_gitlab_keyless (stream VARCHAR, row JSON, PRIMARY KEY (stream, row))",
    "INSERT INTO _source_gitlab_meta VALUES ('format', '1'), ('instance', 'https://a.example.com')",
    "INSERT INTO _source_gitlab_state VALUES ('issues', '{\"read\": 7}', '2026-01-31 12:00:00Z')",
    "INSERT INTO _source_gitlab_keyless VALUES ('issues', '{\"id\": null}')",
    "CREATE TABLE issues (id BIGINT, title VARCHAR, _extra JSON, PRIMARY KEY (id))",
    "INSERT INTO issues VALUES (1, 'one', NULL)",
    "CREATE TABLE _staging_issues (id BIGINT, title VARCHAR, _extra JSON, PRIMARY KEY (id))",
    "CREATE TABLE _staging_mine AS SELECT 7 AS seven",
    "CREATE VIEW every_issue AS SELECT * FROM issues",
)


def test_a_file_of_format_1_goes_on(path: Path) -> None:
    """With its rows, its states and what its user made; only where things stand has changed."""
    with duckdb.connect(str(path)) as connection:
        for statement in FORMAT_1:
            connection.execute(statement)
    for _ in range(2):
        with Store(path, TABLES, instance="https://a.example.com") as store:
            assert store.state("issues") == {"read": 7}
            assert store.last_commit(["issues"]) == "2026-01-31T12:00:00Z"
            store.write("issues", [{"id": 2, "title": "two"}])
            store.commit({})
    names = "SELECT schema_name || '.' || table_name FROM duckdb_tables() ORDER BY 1"
    assert [name for (name,) in query(path, names)] == [
        "_source_gitlab.deleted_rows",
        "_source_gitlab.keyless",
        "_source_gitlab.meta",
        "_source_gitlab.replaced",
        "_source_gitlab.runs",
        "_source_gitlab.skips",
        "_source_gitlab.state",
        "_source_gitlab.streams",
        "_source_gitlab.verified",
        "main._staging_mine",
        "main.issues",
        "main.tags",
    ]
    assert query(path, "SELECT id FROM every_issue ORDER BY 1") == [(1,), (2,)]
    assert query(path, f"SELECT stream FROM {layout.KEYLESS}") == [("issues",)]
    with pytest.raises(StoreError, match=r"holds data of https://a\.example\.com"):
        Store(path, TABLES, instance="https://b.example.com")


@pytest.mark.parametrize("named_memory", [True, False])
def test_rows_on_their_way_leave_nothing_behind(path: Path, *, named_memory: bool) -> None:
    """Whether the system gives memory a name or the rows wait in a file beside the database."""
    rows = RowsFile(path, named_memory=named_memory)
    for given in (b"x" * 100_000, b"", b"short"):
        rows.write([given[:10], given[10:]])
        assert rows.path.read_bytes() == given
    rows.close()
    rows.close()
    assert list(path.parent.iterdir()) == []
    path.with_name(f"{path.name}.rows").write_bytes(b"what a killed sync left")
    RowsFile(path, named_memory=named_memory).close()
    assert list(path.parent.iterdir()) == []


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from test_duckdb_disk import TABLES, Path, Store, incompressible
with Store(Path(sys.argv[1]), TABLES) as store:
    store.write("issues", incompressible(range(20_000)))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_sync_leaves_nothing_but_its_file(path: Path, tmp_path: Path) -> None:
    """No rows in the folder for temporary files, which nobody looks into, nor beside the file."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), str(Path(__file__).parent)],
        env={**os.environ, "TMPDIR": str(temporary)},
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert list(temporary.iterdir()) == []
    with Store(path, TABLES) as store:
        assert store.counts()["issues"] == 0
    assert {one.name for one in tmp_path.iterdir()} == {"tmp", path.name}
