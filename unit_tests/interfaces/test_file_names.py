"""What flags take for the name of a file, and what they do not: the same for all that take one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from source_gitlab.cli import main
from source_gitlab.config import ConfigError, parse
from source_gitlab.files import foreign
from source_gitlab.interfaces.duckdb.target import target

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "hunter2-hunter2"
NO_NAMES = [
    f"postgres://u:{PASSWORD}@db/x",
    f"jdbc:postgresql://db/x?password={PASSWORD}",
    f"snowflake://u:{PASSWORD}@account/x",
    f"https:/u:{PASSWORD}@example.com/report.json",
    f"host=db password={PASSWORD}",
    f"sslmode=require host = db  password = '{PASSWORD}'",
    f"PASSWORD={PASSWORD}",
    f"Server=tcp:db,1433;Password={PASSWORD};",
    f"Driver={{ODBC}};Pwd={PASSWORD}",
    f"x?motherduck_token={PASSWORD}",
    f"u:{PASSWORD}@db/x",
    f'{{"credentials": {{"client_secret": "{PASSWORD}"}}}}',
]
NAMES = [
    "report.json",
    "out/year=2026/report.json",
    "my host.duckdb",
    "report-2026-01-31T10:30:00Z.json",
    "C:\\reports\\a.json",
    "C:/reports/a.json",
    "/dev/null",
    "a@b.json",
    "-",
]
# The Airbyte face's flags are the CDK's; every other command tells its own.
AIRBYTE = [("read", "--config"), ("read", "--catalog"), ("read", "--state"), ("read", "--report")]
NEEDED = {"--config": "x.json", "--catalog": "y.json"}


def flags_of_files(command: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The flags of a command that take a file, as its help has them."""
    assert main([command, "--help"]) == 0
    return sorted(set(re.findall(r"(--[\w-]+) FILE", capsys.readouterr().out)))


@pytest.mark.parametrize("command", ["sync", "check", "login", "logout", "token"])
def test_no_flag_of_a_command_takes_a_connection_string(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    """One sentence, exit code 2, no file and no password repeated."""
    monkeypatch.chdir(tmp_path)
    flags = flags_of_files(command, capsys)
    assert "--config" in flags
    # What is no file is a destination there.
    for flag in [one for one in flags if (command, one) != ("sync", "--to")]:
        for text in NO_NAMES:
            rest = ["--to", "x.duckdb"] if command == "sync" and flag != "--to" else []
            # With a configuration and no format, a check is Airbyte's.
            rest += ["--format", "text"] if command == "check" else []
            assert main([command, *rest, f"{flag}={text}"]) == 2
            told = capsys.readouterr()
            assert told.out == ""
            assert told.err.count("\n") == 1
            assert flag in told.err
            assert PASSWORD not in told.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("command", "flag"), AIRBYTE)
def test_no_flag_of_the_airbyte_face_does(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    flag: str,
) -> None:
    """The same, though the parser of most of them is the CDK's."""
    monkeypatch.chdir(tmp_path)
    rest = [f"{name}={value}" for name, value in NEEDED.items() if name != flag]
    for text in NO_NAMES:
        assert main([command, *rest, f"{flag}={text}"]) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.count("\n") == 1
        assert flag in told.err
        assert PASSWORD not in told.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["ca_certificate", "client_certificate", "client_private_key"])
@pytest.mark.parametrize("text", NO_NAMES)
def test_a_file_that_the_configuration_names(name: str, text: str) -> None:
    """What is no file is told without what it is."""
    raw = {"credentials": {"auth_type": "none"}, "projects_list": ["acme/web"]}
    raw |= dict.fromkeys(("client_certificate", "client_private_key"), text) | {name: text}
    with pytest.raises(ConfigError) as caught:
        parse(raw)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_names_of_files(name: str) -> None:
    """Signs that connection strings have too are no reason to refuse a file."""
    assert foreign(name) is None


def test_the_hour_in_the_name_of_a_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A colon before a number is no scheme."""
    monkeypatch.chdir(tmp_path)
    assert target("gitlab-2026-01-31T10:30.duckdb").name == "gitlab-2026-01-31T10:30.duckdb"
