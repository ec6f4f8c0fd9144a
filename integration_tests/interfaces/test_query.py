"""`source-gitlab query`: what a file answers, to people and programs."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import duckdb
import pytest

from source_gitlab.cli import main
from source_gitlab.engine.exit_codes import USAGE

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

READ = ("projects", "issues", "jobs")


@pytest.fixture(scope="module")
def file(gitlab: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with some streams."""
    path = tmp_path_factory.mktemp("query") / "gitlab.duckdb"
    where = ["--to", str(path), "--url", gitlab.url, "--group", "acme"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITLAB_TOKEN", gitlab.token)
        assert main(["sync", *where, "--select", *READ]) == 0
    return path


@pytest.fixture(autouse=True)
def _columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def asked(capsys: pytest.CaptureFixture[str], file: Path, *arguments: str) -> str:
    """What an answer says."""
    capsys.readouterr()
    assert main(["query", str(file), *arguments]) == 0
    return capsys.readouterr().out


def test_what_there_is_is_listed(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    """Views that the file has, and tables with their rows, within the terminal."""
    lines = asked(capsys, file).splitlines()
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "  flaky_jobs " in text
    assert "stale_branches" not in text, "a view of a stream that was not read"
    with duckdb.connect(str(file), read_only=True) as connection:
        (rows,) = connection.execute("select count(*) from issues").fetchall()[0]
    assert f" {rows:,} rows" in next(line for line in lines if line.startswith("  issues "))


def test_a_view_a_table_and_a_select(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    """A name means all of its rows; what is too wide stands one below the other."""
    select = "select state, count(*) as n from issues group by 1 order by 1"
    assert asked(capsys, file, select).splitlines()[0] == "state    n"
    assert "project_id" in asked(capsys, file, "ci_minutes").splitlines()[0]
    wide = asked(capsys, file, "issues", "--limit", "2").splitlines()
    assert wide[0].startswith("id  ")
    assert max(map(len, wide)) <= 80
    assert wide[-1] == "(2 rows; there are more: --limit)"


def test_programs_get_all_rows(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    """As CSV and as lines of JSON, with nested values as JSON."""
    table = list(csv.DictReader(io.StringIO(asked(capsys, file, "jobs", "--format", "csv"))))
    lines = asked(capsys, file, "jobs", "--format", "json").splitlines()
    objects = [json.loads(line) for line in lines]
    assert len(table) == len(objects) > 50
    assert {row["id"] for row in table} == {str(row["id"]) for row in objects}
    assert json.loads(table[0]["pipeline"]) == objects[0]["pipeline"]


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("delete from issues", "Only SELECT can be run"),
        ("select * from read_csv('/etc/passwd')", ""),
        ("flaky_job", "Did you mean flaky_jobs?"),
        ("test_health", "it lacks pipeline_test_suites. Read it with sync --select"),
        ("select nothing from issues", "The query failed"),
    ],
)
def test_what_is_no_question(
    capsys: pytest.CaptureFixture[str], file: Path, question: str, told: str
) -> None:
    """It is refused in a sentence, and the file stays as it is."""
    before = file.read_bytes()
    capsys.readouterr()
    assert main(["query", str(file), question]) == 2
    said = capsys.readouterr()
    assert told in said.err
    assert not said.out
    assert "Traceback" not in said.err
    assert file.read_bytes() == before


def test_a_file_that_is_none(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Missing, or no database."""
    assert main(["query", str(tmp_path / "none.duckdb")]) == 2
    assert "There is no file" in capsys.readouterr().err
    other = tmp_path / "text.duckdb"
    other.write_text("not a database, but long enough to be one if somebody looked at it badly")
    assert main(["query", str(other), "issues"]) == 2
    assert "is not a DuckDB database" in capsys.readouterr().err


@pytest.mark.parametrize("limit", ["0", "-1", "many"])
def test_a_limit_that_is_no_number_of_rows(
    capsys: pytest.CaptureFixture[str], file: Path, limit: str
) -> None:
    """It is refused, and not taken for another one."""
    assert main(["query", str(file), "issues", "--limit", limit]) == USAGE
    assert "--limit: it is a whole number above 0." in capsys.readouterr().err


def test_a_format_that_is_none(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    """The ones that there are stand in the message; what was given may be a secret."""
    assert main(["query", str(file), "issues", "--format", "glpat-aaaaaaaaaaaaaaaaaaaa"]) == USAGE
    told = capsys.readouterr().err
    assert "choose from text, csv, json" in told
    assert "glpat" not in told
