"""`source-gitlab sync` into destinations of dlt, as a process, against the emulated GitLab."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.dlt_tables import in_delta, in_duckdb, in_parquet, in_postgres
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator
    from integration_tests.support.dlt_tables import Key, Row
    from integration_tests.support.postgres import Postgres

KINDS = ("postgres", "parquet", "delta", "duckdb")
WEB = 101
# One of each kind: with a cursor, by id, a snapshot, children of parents that move.
SELECT = ("--select", "projects", "issues", "jobs", "commits", "branches", "merge_request_notes")


@dataclass
class Place:
    """A destination: how it is named, and what it holds."""

    arguments: tuple[str, ...]
    rows: Callable[[str], dict[Key, Row]]
    secrets: tuple[str, ...] = field(default=())

    def sync(self, gitlab: Emulator, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a sync to its end; no secret is in what it says."""
        done = run(gitlab, *self.arguments, *arguments)
        assert "Traceback" not in done.stderr, done.stderr
        for secret in (gitlab.token, *self.secrets):
            assert secret not in done.stdout + done.stderr
        return done


def run(gitlab: Emulator, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a sync to its end, wherever to."""
    return subprocess.run(
        [sys.executable, "-m", "source_gitlab", "sync", "--url", gitlab.url, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "GITLAB_TOKEN": gitlab.token, **environment},
        timeout=PATIENCE,
        check=False,
    )


def place_of(kind: str, folder: Path, request: pytest.FixtureRequest) -> Place:
    """A new destination of a kind."""
    if kind == "postgres":
        postgres: Postgres = request.getfixturevalue("postgres")
        database = f"d{abs(hash(str(folder)))}"
        url = postgres.create(database)
        return Place(
            ("--to", url),
            lambda stream: in_postgres(postgres, database, stream),
            (url.partition("@")[0].rpartition(":")[2],),
        )
    if kind == "duckdb":
        path = folder / "through.duckdb"
        return Place(("--to", f"duckdb://{path}"), lambda stream: in_duckdb(path, stream))
    tables = folder / "tables"
    if kind == "delta":
        arguments = ("--to", str(tables), "--table-format", "delta")
        return Place(arguments, lambda stream: in_delta(tables, stream))
    return Place(("--to", f"{tables}/"), lambda stream: in_parquet(tables, stream))


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A new destination of each kind."""
    return place_of(request.param, tmp_path, request)


def native(gitlab: Emulator, path: Path, *arguments: str) -> Callable[[str], dict[Key, Row]]:
    """What our own DuckDB file holds of the same GitLab."""
    done = run(gitlab, "--to", str(path), *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return lambda stream: in_duckdb(path, stream, "main")


def compared(row: Row) -> dict[str, Any]:
    """A row without when it was read."""
    return {name: value for name, value in row.items() if name != "read_at"}


def assert_same(place: Place, other: Callable[[str], dict[Key, Row]], *names: str) -> None:
    """A destination holds what another one does."""
    for name in names:
        found = {key: compared(row) for key, row in place.rows(name).items()}
        assert found == {key: compared(row) for key, row in other(name).items()}, name


@pytest.mark.parametrize("kind", ["postgres", "parquet"])
def test_every_stream_arrives_as_in_duckdb(
    gitlab: Emulator, tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    """Each row, each column and each value, of all that is read by default; twice changes none."""
    place = place_of(kind, tmp_path, request)
    other = native(gitlab, tmp_path / "own.duckdb")
    names = [name for name, stream in streams().items() if stream.selected]
    assert sum(len(other(name)) for name in names) > 1000
    for _ in range(2):
        done = place.sync(gitlab)
        assert done.returncode == 0, done.stdout + done.stderr
        assert_same(place, other, *names)


def test_what_changed_and_what_is_gone(
    changing_gitlab: Emulator, tmp_path: Path, place: Place
) -> None:
    """Rows come, change and go, in lists that are read anew and below parents that moved."""
    gitlab = changing_gitlab
    gitlab.in_its_own_time()
    assert place.sync(gitlab, *SELECT).returncode == 0
    gitlab.clock(advance=600)
    issue = gitlab.world(streams="issues")["issues"][0]["row"]["id"]
    gitlab.mutate("update", table="issues", id=issue, set={"title": "", "description": 'a "b"\n,'})
    gitlab.mutate("create", table="issues", project_id=WEB, count=2)
    note = gitlab.world(streams="merge_request_notes")["merge_request_notes"][0]
    gitlab.mutate("delete", table="merge_request_notes", id=note["row"]["id"])
    parent = note["parent"]["merge_request_id"]
    gitlab.mutate("update", table="merge_requests", id=parent, set={"title": "Other"})
    branch = next(
        one
        for one in gitlab.world(streams="branches")["branches"]
        if not one["row"]["default"] and not one["row"]["protected"]
    )
    gitlab.mutate(
        "delete_branch", project_id=branch["parent"]["project_id"], branch=branch["row"]["name"]
    )
    done = place.sync(gitlab, *SELECT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same(place, native(gitlab, tmp_path / "own.duckdb", *SELECT), *SELECT[1:])
    removed = {line.split()[0]: line.split()[-1] for line in done.stdout.splitlines()[1:7]}
    assert (removed["merge_request_notes"], removed["branches"]) == ("1", "1")
    titles = {row["id"]: row["title"] for row in place.rows("issues").values()}
    assert titles[issue] == ""


@pytest.mark.parametrize(("kind", "fault"), [("postgres", 403), ("parquet", 500)])
def test_what_was_not_read_stays(
    changing_gitlab: Emulator,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    kind: str,
    fault: int,
) -> None:
    """A list that is refused or fails takes no row out, also with a full refresh."""
    gitlab, place = changing_gitlab, place_of(kind, tmp_path, request)
    names = ("--select", "branches", "issues")
    assert place.sync(gitlab, *names).returncode == 0
    before = {name: place.rows(name) for name in names[1:]}
    gitlab.faults([{"kind": "status", "status": fault, "path": "(branches|issues)$"}])
    for arguments in (names, (*names, "--full-refresh")):
        done = place.sync(gitlab, *arguments)
        assert done.returncode == (1 if fault == 500 else 0), done.stdout
        for name, rows in before.items():
            assert place.rows(name) == rows


def test_a_full_refresh_takes_out_what_is_gone(changing_gitlab: Emulator, place: Place) -> None:
    """An issue that GitLab has no more is told by no list; reading all of them anew tells."""
    gitlab = changing_gitlab
    names = ("--select", "issues")
    assert place.sync(gitlab, *names).returncode == 0
    before = place.rows("issues")
    gone = gitlab.world(streams="issues")["issues"][0]["row"]["id"]
    gitlab.mutate("delete", table="issues", id=gone)
    assert place.sync(gitlab, *names).returncode == 0
    assert set(place.rows("issues")) == set(before)
    assert place.sync(gitlab, *names, "--full-refresh").returncode == 0
    assert set(place.rows("issues")) == set(before) - {(gone,)}


def test_another_gitlab_is_refused(
    gitlab: Emulator, changing_gitlab: Emulator, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """What it would call gone belongs to the first one."""
    place = place_of("parquet", tmp_path, request)
    assert place.sync(gitlab, "--select", "project_labels").returncode == 0
    before = place.rows("project_labels")
    done = place.sync(changing_gitlab, "--select", "project_labels")
    assert done.returncode == 2
    assert "Name another dataset with --dataset" in done.stderr
    assert place.rows("project_labels") == before


def test_our_own_file_is_not_written_by_dlt(gitlab: Emulator, tmp_path: Path) -> None:
    """A name of a file stays ours, without a dataset."""
    path = tmp_path / "gitlab.duckdb"
    assert run(gitlab, "--to", str(path), "--select", "project_labels").returncode == 0
    with duckdb.connect(str(path), read_only=True) as connection:
        schemas = {
            row[0]
            for row in connection.execute("SELECT schema_name FROM duckdb_tables()").fetchall()
        }
    assert schemas == {"main", "_source_gitlab"}
