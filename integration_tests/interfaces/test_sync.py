"""`source-gitlab sync` as a process, against the emulated GitLab."""

# The only texts put into SQL here are names of columns and tables.
# ruff: noqa: S608

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from integration_tests.gitlab.default_world import READER
from integration_tests.gitlab.launch import Emulator
from integration_tests.gitlab.patience import PATIENCE
from integration_tests.gitlab.plain.expectation import may_leave
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from source_gitlab.streams.columns import Column

# Snapshots are read in full, because their tables are replaced as a whole.
INCREMENTAL = [
    name
    for name, stream in streams().items()
    if stream.incremental and not stream.snapshot and stream.selected
]
WEB, API = 101, 102


@dataclass(frozen=True)
class Done:
    """A sync that has ended: its exit code, its output, and its table by stream and column."""

    code: int
    out: str
    err: str

    @property
    def table(self) -> dict[str, dict[str, int]]:
        """The numbers of the table that ends a sync."""
        columns = ("read", "new", "updated", "removed", "total")
        found = {}
        for line in self.out.splitlines()[1:]:
            name, *numbers = line.split()[:6] or [""]
            if name not in streams():
                break
            found[name] = dict(
                zip(columns, (int(n.replace(",", "")) for n in numbers), strict=True)
            )
        return found

    @property
    def verdict(self) -> str:
        """The last line."""
        return self.out.splitlines()[-1]


@contextmanager
def started(
    gitlab: Emulator, path: Path, *arguments: str, token: str = "", stderr: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[str]]:
    """A sync of an emulated GitLab into a file, killed when the block ends before it."""
    command = [sys.executable, "-m", "source_gitlab", "sync", "--to", str(path)]
    environment = {**os.environ, "GITLAB_TOKEN": token or gitlab.token, "TERM": "xterm"}
    with subprocess.Popen(
        [*command, "--url", gitlab.url, *arguments],
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env=environment,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def sync(gitlab: Emulator, path: Path, *arguments: str, token: str = "") -> Done:
    """Run a sync to its end."""
    with started(gitlab, path, *arguments, token=token) as process:
        out, err = process.communicate(timeout=PATIENCE)
    done = Done(process.returncode, out, err)
    assert "Traceback" not in err, err
    assert (token or gitlab.token) not in out + err
    return done


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """What a user who opens the file sees."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def keys(path: Path, stream: str) -> list[tuple[str, ...]]:
    """The keys in a stream's table, as texts, sorted."""
    columns = ", ".join(
        map(_as_text, [streams()[stream].columns[n] for n in streams()[stream].key])
    )
    return sorted(query(path, f'SELECT {columns} FROM "{stream}"'))


def _as_text(column: Column) -> str:
    if column.kind != "time":
        return f'"{column.name}"::VARCHAR'
    return f"strftime(\"{column.name}\" AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ')"


def expected_keys(gitlab: Emulator, stream: str) -> list[tuple[str, ...]]:
    """The same as the emulated GitLab has them."""
    rows = [
        {**one["row"], **may_leave(stream, one["row"]), **one["parent"]}
        for one in gitlab.world(streams=stream)[stream]
    ]
    key = streams()[stream].key
    return sorted({tuple(_in_seconds(str(row[name])) for name in key) for row in rows})


def _in_seconds(value: str) -> str:
    return re.sub(r"(T[\d:]{8})\.\d+Z$", r"\1Z", value)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a test's DuckDB file goes."""
    return tmp_path / "gitlab.duckdb"


def test_everything_arrives_once(changing_gitlab: Emulator, path: Path) -> None:
    """Every stream that is declared, every row that GitLab has, by key."""
    gitlab = changing_gitlab
    gitlab.mutate("make_admin", user_id=READER)
    config = path.with_suffix(".json")
    config.write_text(json.dumps({"commit_refs": "all"}))
    done = sync(gitlab, path, "--config", str(config), "--select", ",".join(streams()))
    assert done.code == 0, done.out + done.err
    assert list(done.table) == list(streams())
    for stream in streams():
        expected = expected_keys(gitlab, stream)
        assert keys(path, stream) == expected, stream
        assert done.table[stream]["total"] == len(expected)
        assert done.table[stream]["new"] == len(expected) > 0


def test_the_second_sync_reads_only_what_changed(changing_gitlab: Emulator, path: Path) -> None:
    """And the third one, when nothing did, says so."""
    gitlab = changing_gitlab
    gitlab.in_its_own_time()
    assert sync(gitlab, path).code == 0
    issue = gitlab.world(streams="issues")["issues"][0]["row"]["id"]
    gitlab.mutate("update", table="issues", id=issue, set={"title": "Renamed"})
    new = gitlab.mutate("create", table="issues", project_id=WEB, count=2)
    second = sync(gitlab, path)
    assert second.code == 0
    numbers = second.table
    assert numbers["issues"]["read"] == 3
    assert (numbers["issues"]["new"], numbers["issues"]["updated"]) == (2, 1)
    unmoved = set(INCREMENTAL) - {"issues", "epic_issues"}
    assert {name: numbers[name]["read"] for name in unmoved} == dict.fromkeys(unmoved, 0)
    titles = query(path, f"SELECT title FROM issues WHERE id IN ({issue}, {new[0]}) ORDER BY id")
    assert titles[0] == ("Renamed",)
    assert len(titles) == 2
    # What had just moved is read twice, in case it changed again within the minute.
    gitlab.clock(advance=300)
    assert sync(gitlab, path).table["issues"]["updated"] == 0
    third = sync(gitlab, path)
    assert third.code == 0
    unmoved = set(INCREMENTAL) - {"epic_issues"}
    assert {name: third.table[name]["read"] for name in unmoved} == dict.fromkeys(unmoved, 0)
    assert third.verdict.startswith("Nothing has changed since 20")
    assert ": 0 rows, " in third.verdict
    assert keys(path, "issues") == expected_keys(gitlab, "issues")


def test_rows_of_projects_with_equal_names_are_all_kept(gitlab: Emulator, path: Path) -> None:
    """Branches, tags and releases have names that are unique in their project only."""
    done = sync(gitlab, path, "--select", "branches,tags,releases")
    assert done.code == 0
    for stream, name in (("branches", "name"), ("tags", "name"), ("releases", "tag_name")):
        shared = query(
            path,
            f"SELECT {name} FROM {stream} GROUP BY {name} HAVING count(DISTINCT project_id) > 1",
        )
        assert shared, f"no two projects share a name in {stream}: the world tests nothing"
        assert keys(path, stream) == expected_keys(gitlab, stream)


def test_what_gitlab_no_longer_lists_disappears(changing_gitlab: Emulator, path: Path) -> None:
    """Streams without a cursor are replaced whole."""
    gitlab = changing_gitlab
    assert sync(gitlab, path, "--select", "branches").code == 0
    gone = query(path, f"SELECT name FROM branches WHERE project_id = {WEB} AND NOT protected")[0][
        0
    ]
    gitlab.mutate("delete_branch", project_id=WEB, branch=gone)
    gitlab.mutate("create_branch", project_id=WEB, branch="brand-new")
    done = sync(gitlab, path, "--select", "branches")
    numbers = done.table["branches"]
    assert (numbers["new"], numbers["removed"]) == (1, 1)
    assert keys(path, "branches") == expected_keys(gitlab, "branches")


def test_a_full_refresh_drops_what_a_cursor_cannot_see(
    changing_gitlab: Emulator, path: Path
) -> None:
    """A deleted issue stays until everything is read again."""
    gitlab = changing_gitlab
    assert sync(gitlab, path, "--select", "issues").code == 0
    before = keys(path, "issues")
    gone = gitlab.world(streams="issues")["issues"][0]["row"]["id"]
    gitlab.mutate("delete", table="issues", id=gone)
    assert sync(gitlab, path, "--select", "issues").code == 0
    assert keys(path, "issues") == before
    done = sync(gitlab, path, "--select", "issues", "--full-refresh")
    assert done.code == 0
    assert done.table["issues"]["removed"] == 1
    assert keys(path, "issues") == expected_keys(gitlab, "issues")
    again = sync(gitlab, path, "--select", "issues")
    assert again.table["issues"]["read"] == 0


def test_an_incomplete_stream_keeps_its_rows_and_the_others_go_on(
    changing_gitlab: Emulator, path: Path
) -> None:
    """Exit code 1, with the reason; what was read is there, and the next sync mends it."""
    gitlab = changing_gitlab
    select = ("--select", "branches", "issues", "tags")
    assert sync(gitlab, path, *select).code == 0
    before = keys(path, "branches")
    gitlab.mutate("create_branch", project_id=API, branch="brand-new")
    new = gitlab.mutate("create", table="issues", project_id=WEB)
    gitlab.faults([{"kind": "html", "path": f"/projects/{WEB}/repository/branches"}])
    done = sync(gitlab, path, *select)
    assert done.code == 1
    assert "branches: failed at project acme/web. " in done.out
    assert "1 of 3 streams did not end" in done.verdict
    marked = [line.split()[0] for line in done.out.splitlines() if line.endswith("  did not end")]
    assert marked == ["branches"]
    assert keys(path, "branches") == sorted([*before, (str(API), "brand-new")])
    assert query(path, f"SELECT count(*) FROM issues WHERE id = {new[0]}") == [(1,)]
    gitlab.faults([])
    assert sync(gitlab, path, *select).code == 0
    assert keys(path, "branches") == expected_keys(gitlab, "branches")


def test_a_skipped_project_is_reported_and_no_failure(
    changing_gitlab: Emulator, path: Path
) -> None:
    """A replaced table holds what could be read, and the summary says what could not."""
    gitlab = changing_gitlab
    fault = {"kind": "status", "status": 403, "body": {"message": "403 Forbidden"}}
    gitlab.faults([{**fault, "path": f"/projects/{WEB}/repository/tags"}])
    done = sync(gitlab, path, "--select", "tags")
    assert done.code == 0
    assert "/projects/acme%2Fweb/repository/tags may not be read by this token" in done.out
    projects = {key[0] for key in keys(path, "tags")}
    expected = {key[0] for key in expected_keys(gitlab, "tags")}
    assert projects == expected - {str(WEB)}


def test_a_refused_token_stops_it_with_one_reason(gitlab: Emulator, path: Path) -> None:
    """Not one for each stream."""
    done = sync(gitlab, path, token="glpat-emulator-revoked-0001")
    assert done.code == 2
    assert (done.out + done.err).count("GitLab does not accept the token") == 1
    assert not path.exists()


def test_a_name_that_does_not_resolve_is_an_error(gitlab: Emulator, path: Path) -> None:
    """The names that do are read, and nothing is replaced by less."""
    done = sync(gitlab, path, "--select", "issues,branches", "--group", "public-works")
    assert done.code == 0
    before = keys(path, "branches")
    assert before
    select = ("--select", "issues,branches", "--group", "public-works", "acme/nope")
    done = sync(gitlab, path, *select)
    assert done.code == 2
    assert (done.out + done.err).count("'acme/nope'") == 1
    assert "Run the same command again" not in done.out
    assert keys(path, "branches") == before


def test_a_file_of_another_gitlab_is_refused(
    gitlab: Emulator, changing_gitlab: Emulator, path: Path
) -> None:
    """Ids of two instances collide."""
    assert sync(gitlab, path, "--select", "projects").code == 0
    done = sync(changing_gitlab, path, "--select", "projects")
    assert done.code == 2
    assert done.err == (
        f"{path} holds data of {gitlab.url}, not of {changing_gitlab.url}; "
        "choose another file. If it is the same GitLab under a new address, set "
        f"former_api_url to {gitlab.url} in the configuration file\n"
    )


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """The two ends of a pseudo-terminal: the user's and the program's."""
    ours, theirs = pty.openpty()
    try:
        yield ours, theirs
    finally:
        os.close(ours)


def read_terminal(ours: int) -> bytes:
    """What a program wrote to its terminal; nothing when it has closed it."""
    try:
        return os.read(ours, 4096)
    except OSError:  # how Linux says that the other end is closed
        return b""


def test_a_terminal_shows_a_live_line(path: Path) -> None:
    """It counts up while the sync runs, and is gone when it ends."""
    with Emulator("--latency", "100") as gitlab, terminal() as (ours, theirs):
        with started(gitlab, path, "--select", "issues,branches", stderr=theirs) as process:
            os.close(theirs)
            seen = b"".join(iter(lambda: read_terminal(ours), b""))
            out, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        assert b" of 2 streams in " in seen
        assert b"  issues " in seen or b"  branches " in seen
        assert "\x1b" not in out
        assert "of 2 streams" not in out
