"""What `--to` names, looked at before anything is read or made."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import duckdb
import pytest

from source_gitlab.cli import main
from source_gitlab.engine.exit_codes import UsageError
from source_gitlab.interfaces.duckdb import file
from source_gitlab.interfaces.duckdb.target import target

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "hunter2-hunter2"


@pytest.mark.parametrize(
    "given",
    [
        f"host=localhost password={PASSWORD} dbname=x",
        f"user = x password = {PASSWORD}",
        f"password={PASSWORD}",
        f"Server=h;Password={PASSWORD};",
        f"Data Source=h;User Id=u;Password={PASSWORD}",
        "-",
    ],
)
def test_what_is_no_name_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """A connection string would become a file, with the password in its name."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        target(given)
    assert PASSWORD not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a=b.duckdb", "year=2026", "my host.duckdb", "region=eu/x.db"])
def test_names_with_signs_in_them(tmp_path: Path, name: str) -> None:
    """They are names of files all the same."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    assert target(str(path)) == path


def test_files_of_other_programs(tmp_path: Path) -> None:
    """DuckDB would fetch an extension to read a SQLite file."""
    path = tmp_path / "a.duckdb"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (a)")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(UsageError, match="is a SQLite database, not a DuckDB database"):
        target(str(path))
    path.write_bytes(b"PAR1 and so on")
    with pytest.raises(UsageError, match="is a Parquet file"):
        target(str(path))
    path.write_bytes(before)
    with pytest.raises(file.StoreError) as caught:
        file.connect(path)
    assert str(caught.value).startswith(f"{path} is not a DuckDB database")


def test_nothing_is_fetched_for_a_file(tmp_path: Path) -> None:
    """Extensions are programs, which a file must not bring along."""
    connection = file.connect(tmp_path / "a.duckdb")
    found = connection.execute("SELECT current_setting('autoinstall_known_extensions')").fetchone()
    connection.close()
    assert found == (False,)


def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    """One sentence, before GitLab is asked."""
    path = tmp_path / "a.duckdb"
    duckdb.connect(str(path)).close()
    (tmp_path / "a.duckdb.wal").mkdir()
    with pytest.raises(UsageError, match=r"a\.duckdb\.wal is a directory"):
        target(str(path))


def test_links_that_lead_nowhere(tmp_path: Path) -> None:
    """A link to what is still to be made is none of them."""
    path = tmp_path / "link.duckdb"
    path.symlink_to(tmp_path / "no" / "a.duckdb")
    with pytest.raises(UsageError, match=r"is a link to .* there is no directory"):
        target(str(path))
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(UsageError, match="cannot be used"):
        target(str(path))
    path.unlink()
    path.symlink_to(tmp_path / "a.duckdb")
    assert target(str(path)) == path


def test_files_that_are_damaged(tmp_path: Path) -> None:
    """Whatever part of a file is wrong: one sentence without DuckDB's own words for it."""
    path = tmp_path / "a.duckdb"
    with closing(duckdb.connect(str(path))) as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS a FROM range(100000)")
    whole = path.read_bytes()
    for damaged in (
        whole[:100],
        whole[:5000],
        whole[: len(whole) // 2],
        whole[:4096] + bytes(len(whole) - 4096),
        whole[:12288] + b"x" * (len(whole) - 12288),
    ):
        path.write_bytes(damaged)
        with pytest.raises(file.StoreError, match=r"is damaged|is not a DuckDB database"):
            file.connect(path)


@pytest.mark.parametrize("flag", ["--report", "--since", "--select", "--config"])
def test_values_of_flags_are_not_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flag: str
) -> None:
    """A slip of the hand may put a password there."""
    value = f"https://u:{PASSWORD}@h/r.json" if flag in {"--report", "--config"} else PASSWORD
    arguments = ["sync", "--to", str(tmp_path / "a.duckdb"), flag, value]
    assert main(arguments) == 2
    assert PASSWORD not in capsys.readouterr().err
