"""The DuckDB store: files that cannot be used, and processes that die."""

# The only texts put into SQL here are names of columns and tables.
# ruff: noqa: S608

from __future__ import annotations

import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.duckdb_store import TABLES, path, put, query
from source_gitlab.interfaces.duckdb import layout
from source_gitlab.interfaces.duckdb.store import Store, StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = ["path"]


def refused(path: Path, instance: str | None = None) -> str:
    """The message with which a store refuses a file."""
    with pytest.raises(StoreError) as caught:
        Store(path, TABLES, instance=instance)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    """And not overwritten."""
    path.write_text("id,title\n1,a\n" * 1000)
    assert refused(path) == f"{path} is not a DuckDB database; choose another file"
    assert path.read_text().startswith("id,title")


def test_a_directory_is_refused(tmp_path: Path) -> None:
    """`--to .` is a likely slip."""
    assert refused(tmp_path) == f"{tmp_path} is a directory; name a file"


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    """The user mistyped a folder, not a file."""
    missing = tmp_path / "nowhere"
    message = refused(missing / "gitlab.duckdb")
    assert message.endswith(f"cannot be created: there is no directory {missing}")


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a directory nobody may write")
def test_a_directory_that_cannot_be_written_is_refused() -> None:
    """Even for root, which tests in containers run as."""
    path = Path("/sys/kernel/gitlab.duckdb")
    assert refused(path) == f"{path} cannot be written: permission denied"


def test_a_file_in_use_is_refused(path: Path) -> None:
    """DuckDB has one writer; the other is most often a forgotten shell."""
    put(path, "issues", [])
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import duckdb; c = duckdb.connect({str(path)!r}); print(); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert refused(path) == f"{path} is in use by another process; close it there and run again"
    finally:
        holder.communicate(b"\n", timeout=PATIENCE)


def test_a_newer_layout_is_refused(path: Path) -> None:
    """A newer version may have put things where this one does not look."""
    put(path, "issues", [{"id": 1}])
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"UPDATE {layout.META} SET value = '99' WHERE name = 'format'")
    assert refused(path) == f"{path} was written by a newer source-gitlab; upgrade this one"


def test_a_foreign_table_of_the_same_name_is_refused(path: Path) -> None:
    """It is somebody's work; we would add our columns to it."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE issues (id VARCHAR)")
    assert "has a table issues that source-gitlab did not write" in refused(path)
    assert query(path, "SELECT table_name FROM duckdb_tables()") == [("issues",)]


def test_another_gitlab_is_refused(path: Path) -> None:
    """Ids of two instances collide, and the state of one means nothing to the other."""
    put(path, "issues", [], instance="https://one.example.com")
    put(path, "issues", [], instance="https://one.example.com")
    assert refused(path, instance="https://two.example.com") == (
        f"{path} holds data of https://one.example.com, not of https://two.example.com; "
        "choose another file. If it is the same GitLab under a new address, set "
        "former_api_url to https://one.example.com in the configuration file"
    )


@pytest.mark.parametrize("now", ["http://one.example.com", "https://two.example.com"])
def test_the_same_gitlab_under_another_address_is_gone_on_with(path: Path, now: str) -> None:
    """The file then knows it under that address alone."""
    one, other = "https://one.example.com", "https://three.example.com"
    put(path, "issues", [{"id": 1}], instance=one)
    with Store(path, TABLES, instance=now, former=one) as store:
        assert store.state("issues") == {"pages": 1}
    assert f"holds data of {now}" in refused(path, instance=other)


def child(path: Path, code: str) -> list[str]:
    """A command that runs `code` with `Store`, `ISSUES`, `path` and `sys` at hand."""
    prelude = f"""
import itertools, sys
from source_gitlab.interfaces.duckdb.store import Store, StoreError
from source_gitlab.tables.table import StreamTable, TableColumn
tables = {TABLES!r}
path = {str(path)!r}
"""
    return [sys.executable, "-c", prelude + code]


def _small_files() -> None:
    # Python ignores the signal that comes with it, so that writing fails as on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))


def test_a_disk_that_takes_no_more_is_one_sentence_and_the_file_survives(path: Path) -> None:
    """What was committed before is still there."""
    put(path, "issues", [{"id": 0, "title": "kept"}])
    code = """
import random
store = Store(path, tables)
letters = "abcdefghijklmnopqrstuvwxyz0123456789"
try:
    for page in range(100):
        rows = [{"id": 1 + page * 100 + n, "title": "".join(random.choices(letters, k=999))}
                for n in range(100)]
        store.write("issues", rows)
        store.commit({"issues": {"page": page}})
except StoreError as error:
    store.close()
    sys.exit(f"sentence: {error}")
"""
    done = subprocess.run(
        child(path, code),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        preexec_fn=_small_files,
    )
    assert done.returncode == 1, done.stderr
    assert f"sentence: {path} cannot be written: " in done.stderr
    assert "Traceback" not in done.stderr
    pages = query(path, f"SELECT state->>'page' FROM {layout.STATE}")
    written = query(path, "SELECT count(*), count(*) FILTER (title = 'kept') FROM issues")
    assert written == [(1 + 100 * (int(pages[0][0]) + 1), 1)]


WRITER = """
with Store(path, tables) as store:
    state = store.state("issues") or {"rows": 0, "updates": 0}
    for turn in itertools.count(1):
        start = state["rows"]
        rows = [{"id": start + n, "title": "t" * 500, "order": 0} for n in range(100)]
        store.write("issues", rows)
        # An old row changes in the same transaction, so that upserts are under test too.
        state = {"rows": start + 100, "updates": state["updates"] + 1}
        store.write("issues", [{"id": 0, "order": state["updates"]}])
        store.begin_replace("branches")
        store.write("branches", [{"project_id": n, "name": str(turn)} for n in range(turn)])
        store.commit({"issues": state})
        store.finish_replace("branches", {"turn": turn})
        print(turn, flush=True)
"""


def test_a_killed_process_loses_and_doubles_nothing(path: Path) -> None:
    """SIGKILL at moments that nobody chose: rows and state agree, to the row."""
    chance = random.Random(20240501)
    reached = 0
    for _ in range(8):
        process = subprocess.Popen(child(path, WRITER), stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.random() * 0.4)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=PATIENCE)
        reached = _assert_whole(path, reached)
    assert reached >= 800


def _assert_whole(path: Path, reached: int) -> int:
    with Store(path, TABLES) as store:
        state, turn = store.state("issues"), store.state("branches")
    assert state is not None
    assert turn is not None
    assert state["rows"] >= reached + 100
    found: Sequence[tuple[Any, ...]] = query(
        path,
        'SELECT count(*), count(DISTINCT id), min(id), max(id), max("order"), '
        "count(*) FILTER (length(title) = 500) FROM issues",
    )
    rows = state["rows"]
    assert found == [(rows, rows, 0, rows - 1, state["updates"], rows - 1)]
    assert query(path, "SELECT count(*), min(name), max(name) FROM branches") == [
        (turn["turn"], str(turn["turn"]), str(turn["turn"]))
    ]
    return int(rows)
