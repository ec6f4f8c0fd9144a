"""`source-gitlab report`: what is wrong with a file is said in a sentence, and what is missing."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from source_gitlab.cli import main
from source_gitlab.interfaces.duckdb.store import Store
from source_gitlab.interfaces.duckdb_types import table_of
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ISSUE = {"id": 1, "project_id": 7, "issue_type": "issue", "state": "opened", "labels": ["bug"]}


def write(path: Path, rows: Mapping[str, list[dict[str, Any]]], *, ended: bool = True) -> Path:
    """A file as a sync of these streams leaves it; one that was killed has no states."""
    with Store(path, {name: table_of(streams()[name]) for name in rows}) as store:
        for name, listed in rows.items():
            store.write(name, listed)
        store.commit({name: {"some": "state"} for name in rows} if ended else {})
    return path


def report(file: Path, *more: str) -> dict[str, Any]:
    """What the page of a file shows."""
    place = file.with_suffix(".html")
    assert main(["report", str(file), "-o", str(place), *more]) == 0
    found = re.search(
        r'<script type="application/json" id="data">(.*?)</script>',
        place.read_text("utf-8"),
        re.DOTALL,
    )
    assert found
    shown: dict[str, Any] = json.loads(found[1])
    return shown


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with one issue."""
    return write(tmp_path / "gitlab.duckdb", {"issues": [{**ISSUE, "created_at": _now()}]})


def _now() -> str:
    with duckdb.connect() as connection:
        row = connection.execute("SELECT strftime(now(), '%Y-%m-%dT%H:%M:%SZ')").fetchone()
    assert row
    return str(row[0])


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a run says that ends with exit code 2."""
    assert main(["report", *arguments]) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


def test_a_page_has_what_the_file_has(file: Path) -> None:
    """An issue that was opened this month, and when the file was written."""
    shown = report(file)
    flow = next(one for one in shown["charts"] if one["name"] == "issue-flow")
    assert [row[3:] for row in flow["rows"]] == [[1, 0]]
    assert flow["at"] == shown["at"]
    assert shown["file"] == "gitlab.duckdb"


def test_periods_end_when_work_did(tmp_path: Path) -> None:
    """The page of a group that rests is not empty; ages still refer to the day of the copy."""
    issue = {**ISSUE, "created_at": "2024-01-15T00:00:00.000Z"}
    shown = report(write(tmp_path / "old.duckdb", {"issues": [issue]}))
    assert shown["until"] == "2024-01-01"
    assert [one["since"] for one in shown["periods"]] == [
        "2023-11-01",
        "2023-08-01",
        "2023-02-01",
        "2022-02-01",
    ]


def test_what_is_missing_is_named_with_what_it_needs(file: Path) -> None:
    """A chart that is not there would else look like work that is not done."""
    shown = report(file)
    missing = {one["title"]: one["streams"] for one in shown["missing"]}
    one_of = {one["title"]: one["one_of"] for one in shown["missing"]}
    assert missing["Time to the first response"] == ["merge_requests"]
    assert one_of["Time to the first response"] == [
        "merge_request_approvals",
        "merge_request_notes",
    ]
    assert "deploy_keys" in one_of["Tokens and keys that expire"]
    assert missing["Deployments to production"] == ["deployments"]
    assert missing["Branches that nobody works on"] == ["branches", "projects"]
    assert missing["Lead time for changes"] == ["deployments", "merge_requests"]
    assert "Opened and closed issues" not in missing
    assert shown["streams"] == {"there": 1, "declared": len(streams())}
    assert shown["groups"] == []


def test_a_chart_says_without_what_it_knows_less(tmp_path: Path) -> None:
    """A number that is only half of the truth must not look like all of it."""
    shown = report(write(tmp_path / "one.duckdb", {"deployments": [], "merge_requests": []}))
    lacks = {one["name"]: one["lacks"] for one in shown["charts"]}
    assert lacks["deployments"] == ["environments"]
    assert lacks["lead-time"] == ["deployment_merge_requests", "environments"]
    assert lacks["merged"] == []


def test_a_stream_that_did_not_end_is_named(tmp_path: Path) -> None:
    """Its rows may be a part only."""
    path = write(tmp_path / "half.duckdb", {"issues": [ISSUE]})
    write(path, {"branches": []}, ended=False)
    assert report(path)["unfinished"] == ["branches"]


def test_a_file_of_which_nothing_ended_has_no_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is no moment of which its data would be."""
    path = write(tmp_path / "killed.duckdb", {"issues": [ISSUE]}, ended=False)
    assert "no stream that was read to its end" in refused(capsys, str(path))


def test_what_is_no_such_file_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each with what to do."""
    (tmp_path / "text.duckdb").write_text("id,title\n" * 1000)
    with duckdb.connect(str(tmp_path / "theirs.duckdb")) as connection:
        connection.execute("CREATE TABLE issues AS SELECT 1 AS id")
    expected = {
        "no.duckdb": "is not there",
        "text.duckdb": "is not a DuckDB database",
        "theirs.duckdb": "is not a file that source-gitlab sync has written",
        ".": "is a directory",
    }
    for name, reason in expected.items():
        assert reason in refused(capsys, str(tmp_path / name))
    assert "the DuckDB file is missing" in refused(capsys)
    assert "connection string" in refused(capsys, "host=x password=secret")
    assert list(tmp_path.glob("*.html")) == []


def test_the_file_is_never_written_over(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither by its own page, nor by a link to it."""
    before = file.read_bytes()
    link = file.with_name("link.html")
    link.symlink_to(file)
    for name in (file, link):
        assert "names the DuckDB file itself" in refused(capsys, str(file), "-o", str(name))
    report(file)
    assert file.read_bytes() == before


def test_a_page_that_cannot_be_written_is_said(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing is left of it."""
    there = sorted(file.parent.iterdir())
    assert "cannot be written" in refused(
        capsys, str(file), "-o", str(file.parent / "no" / "a.html")
    )
    assert sorted(file.parent.iterdir()) == there


def test_the_page_is_written_as_any_other_file(file: Path) -> None:
    """A web server that runs as another user may read it."""
    report(file)
    plain = file.with_name("plain")
    plain.touch()
    page = file.with_suffix(".html")
    assert stat.S_IMODE(page.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_a_file_in_use_is_said(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sync that runs has the file for itself; running again can help then."""
    program = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); input()"
    command = [sys.executable, "-c", program, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        code = main(["report", str(file), "-o", str(file.with_suffix(".html"))])
        other.communicate(b"\n")
    assert code == 1
    assert "is in use by another process" in capsys.readouterr().err


def test_what_a_killed_sync_committed_is_read(file: Path) -> None:
    """It stands beside the file then, which nobody has folded into it."""
    program = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]);"
        "c.execute('UPDATE issues SET closed_at = now(), state = ?', ['closed']); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, str(file)], check=True)
    assert file.with_name("gitlab.duckdb.wal").exists()
    before = file.read_bytes()
    flow = next(one for one in report(file)["charts"] if one["name"] == "issue-flow")
    assert [row[3:] for row in flow["rows"]] == [[1, 1]]
    assert file.read_bytes() == before


def test_a_view_that_cannot_be_worked_out_costs_its_charts_only(file: Path) -> None:
    """Somebody changed the type of a column, and it is said which chart that costs."""
    with duckdb.connect(str(file)) as connection:
        connection.execute("ALTER TABLE issues ALTER closed_at TYPE VARCHAR")
    missing = {one["title"]: one["reasons"] for one in report(file)["missing"]}
    assert any("Error" in reason for reason in missing["How long issues are open"])


def test_the_users_views_and_macros_change_no_number(file: Path) -> None:
    """The page works the views out itself, and what has the name of a function is not called."""
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE MACRO main.median(x) AS 42")
        connection.execute("CREATE OR REPLACE VIEW gitlab_views.issue_flow AS SELECT 42 AS mine")
    flow = next(one for one in report(file)["charts"] if one["name"] == "issue-flow")
    assert [row[3:] for row in flow["rows"]] == [[1, 0]]
