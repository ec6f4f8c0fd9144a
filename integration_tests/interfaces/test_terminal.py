"""The command line as people and schedulers meet it: signals, outputs, arguments, exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.launch import Emulator
from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.process import ROOT, command, file, run, surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from integration_tests.support.process import Ended

PASSWORD = "hunter2-hunter2"
TOKEN = "glpat-of-nobody-0001"


@pytest.fixture(scope="module")
def slow() -> Iterator[Emulator]:
    """A GitLab that takes its time, so that a sync is still at work when a signal comes."""
    with Emulator("--latency", "300") as emulator:
        yield emulator


def is_quiet(text: str) -> bool:
    """Whether nothing of Python shows."""
    return not any(word in text for word in ("Traceback", "Exception ignored", 'File "', "Errno"))


STAGES = [
    "source_gitlab.terminal",
    "argparse",
    "yaml",
    "requests",
    "source_gitlab.core.session",
    "duckdb",
    "source_gitlab.interfaces.syncing",
]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("stage", STAGES)
def test_a_signal_while_it_starts(
    slow: Emulator, tmp_path: Path, stage: str, number: signal.Signals
) -> None:
    """Whatever is imported or made at that moment: one word, exit code 130, and no file."""
    path = tmp_path / "gitlab.duckdb"
    arguments = command("sync", "--to", path, "--url", slow.url)
    arguments.insert(1, "-v")  # tells of every import
    with subprocess.Popen(
        arguments,
        cwd=ROOT,
        env=surroundings(GITLAB_TOKEN=slow.token),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(f"import '{stage}'"):
                break
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert is_quiet(out + err)
    assert "Interrupted." in out + err


START = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path, target=None):
        if name == {stage!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
sys.modules.pop({stage!r}, None)
sys.argv = [{name!r}, "--version"]
from source_gitlab.cli import main
sys.exit(main())
"""
EARLY = ["typing", "source_gitlab.cli", "source_gitlab.interrupts"]


@pytest.mark.parametrize("stage", EARLY)
def test_ctrl_c_while_the_first_modules_are_imported(stage: str) -> None:
    """One word from the first module of ours on; a program that imports it keeps its own way."""
    for name, code in (("/usr/bin/source-gitlab", 130), ("program.py", -signal.SIGINT)):
        done = subprocess.run(
            [sys.executable, "-c", START.format(stage=stage, name=name)],
            cwd=ROOT,
            env=surroundings(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == code
        assert (done.stderr == "Interrupted.\n") is (code == 130)


def syncing(slow: Emulator, path: Path, *, ignored: bool = False) -> subprocess.Popen[str]:
    """A sync that has asked GitLab something; SIGHUP is `ignored` as `nohup` does it."""
    slow.reset_requests()

    def nohup() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    process = subprocess.Popen(
        command("sync", "--to", path, "--url", slow.url, "--select", "projects", "branches"),
        cwd=ROOT,
        env=surroundings(GITLAB_TOKEN=slow.token),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=nohup if ignored else None,  # noqa: PLW1509 -- no thread starts it
    )
    while not slow.requests(limit=0)["total"]:
        assert process.poll() is None
    return process


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_while_gitlab_is_asked_first(slow: Emulator, tmp_path: Path, times: int) -> None:
    """Once or twice: it does not wait for the answer, and no file is there without a table."""
    path = tmp_path / "gitlab.duckdb"
    with syncing(slow, path) as process:
        for _ in range(times):
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert is_quiet(out + err)
    assert "Interrupted." in out + err


def test_nohup_is_heeded(slow: Emulator, tmp_path: Path) -> None:
    """Who has SIGHUP ignored wants the sync to outlive the terminal."""
    path = tmp_path / "gitlab.duckdb"
    with syncing(slow, path, ignored=True) as process:
        process.send_signal(signal.SIGHUP)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, out + err


SPEAKING = ["spec", "--help", "--version", "sync --help", "check --help", "discover", "sync"]


def written_to(gitlab: Emulator, tmp_path: Path, name: str, redirection: str) -> Ended:
    """A command whose standard output goes where a shell's redirection says."""
    config = {"credentials": {"auth_type": "access_token", "access_token": gitlab.token}}
    more = {
        "discover": ["--config", file(tmp_path, "config.json", {**config, "api_url": gitlab.url})],
        "sync": ["--to", tmp_path / "a.duckdb", "--url", gitlab.url, "--select", "projects"],
    }
    arguments = command(*name.split(), *more.get(name, []))
    done = subprocess.run(
        ["bash", "-c", f'set -o pipefail; "$@" {redirection}', "bash", *arguments],
        cwd=ROOT,
        env=surroundings(GITLAB_TOKEN=gitlab.token),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    from integration_tests.support.process import Ended  # noqa: PLC0415

    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("name", SPEAKING)
@pytest.mark.parametrize("redirection", [">/dev/full", ">&-"])
def test_an_output_that_cannot_be_written(
    gitlab: Emulator, tmp_path: Path, name: str, redirection: str
) -> None:
    """A full disk or no output at all: one sentence and exit code 1, from every command."""
    done = written_to(gitlab, tmp_path, name, redirection)
    assert done.code == 1
    assert is_quiet(done.stderr)
    assert done.stderr.count("\n") == 1
    assert "The output cannot be written" in done.stderr
    if name == "sync":
        assert "What the sync did is in " in done.stderr


@pytest.mark.parametrize("name", SPEAKING)
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "<&-", "| true"])
def test_other_ends_that_are_closed(
    gitlab: Emulator, tmp_path: Path, name: str, redirection: str
) -> None:
    """Errors and progress that nobody reads stop nothing, and a reader that left is no fault."""
    done = written_to(gitlab, tmp_path, name, redirection)
    assert is_quiet(done.stderr)
    if redirection != "| true":  # the reader may have taken all of it before it left
        assert done.code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["synk"], "Did you mean sync?"),
        (["chekc", "--url", "x"], "Did you mean check?"),
        ([TOKEN], "There is no such command."),
        ([f"https://u:{PASSWORD}@gitlab.example.com"], "There is no such command."),
        (["sync"], "--to FILE is missing"),
        (["sync", "--too", "x.duckdb"], "Did you mean --to?"),
        (["sync", "--to", "x.duckdb", f"--token={TOKEN}"], "there is no flag --token"),
        (["sync", "--to", "x.duckdb", "--full-refesh"], "Did you mean --full-refresh?"),
        (["sync", "--to"], "expected one argument"),
        (["sync", f"postgres://u:{PASSWORD}@db/x"], "a word that belongs to no flag"),
        (["sync", "--to", f"mysql://u:{PASSWORD}@db/x"], "mysql:… is not supported yet"),
        (["sync", f"--to=postgresql+psycopg://u:{PASSWORD}@db/x"], "is not supported yet"),
        (["sync", "--to", f"mongodb:x?token={PASSWORD}"], "mongodb:… is not supported yet"),
        (["sync", "--to", "out.parquet"], "not .parquet files; name it out.duckdb"),
        (["sync", "--to", "out.CSV"], "not .csv files"),
        (["sync", "--to", "out.sqlite3"], "not .sqlite3 files"),
        (["sync", "--to", ":memory:"], "would keep nothing"),
        (["sync", "--to", ""], "--to has an empty value"),
        (["sync", "--to", "/dev/null"], "is a device or a pipe"),
        (["sync", "--to", "/"], "is a directory"),
        (["sync", "--to", "x" * 300], "File name too long"),
        (["sync", "--to", "/nowhere/x.duckdb"], "there is no directory /nowhere"),
        (["sync", "--to", "x.duckdb", "--config", "x" * 300], "File name too long"),
        (["sync", "--to", "x.duckdb", "--report", "x" * 300], "File name too long"),
        (["check", "--hlep"], "Did you mean --help?"),
        (["read", "--confg", "x"], "Did you mean --config?"),
        (["login", "--port", PASSWORD], "argument --port"),
        (["login", f"--client={PASSWORD}"], "ambiguous option"),
        (["token", PASSWORD], "a word that belongs to no flag"),
    ],
)
def test_arguments_that_are_wrong(tmp_path: Path, arguments: Sequence[str], told: str) -> None:
    """One sentence, exit code 2, no file, and no value repeated, which may be a secret."""
    done = subprocess.run(
        [sys.executable, "-m", "source_gitlab", *arguments],
        cwd=tmp_path,
        env=surroundings(GITLAB_TOKEN=TOKEN),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert is_quiet(done.stderr)
    assert PASSWORD not in done.stderr
    assert TOKEN not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["sync", "check"])
def test_help_tells_of_exit_codes(name: str) -> None:
    """A scheduler has to know which of them it may try again."""
    text = " ".join(run(name, "--help").stdout.split())
    for word in ("0 done", "1 incomplete", "2 something is wrong", "130 interrupted"):
        assert word in text


def test_a_first_sync_with_a_wrong_token_leaves_nothing(gitlab: Emulator, tmp_path: Path) -> None:
    """No file without rows, no table of zeros, and the reason once; with a wrong name the same."""
    target = ("sync", "--to", tmp_path / "gitlab.duckdb", "--url", gitlab.url)
    wrong = run(*target, GITLAB_TOKEN="glpat-emulator-revoked-0001")
    nowhere = run(*target, "--group", "acme/nope", GITLAB_TOKEN=gitlab.token)
    for done, told in ((wrong, "does not accept the token"), (nowhere, "'acme/nope'")):
        assert done.code == 2
        assert done.stdout == ""
        assert done.stderr.count(told) == 1
        assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "more", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}]
)
def test_a_terminal_without_umlauts(gitlab: Emulator, tmp_path: Path, more: dict[str, str]) -> None:
    """What it cannot show is shown as escapes, and the file has the name that was typed."""
    path = tmp_path / "für ü.duckdb"
    plain = {"PYTHONCOERCECLOCALE": "0", **more}
    select = ("--url", gitlab.url, "--select", "projects")
    done = run("sync", "--to", path, *select, GITLAB_TOKEN=gitlab.token, **plain)
    assert done.code == 0, done.stderr
    assert is_quiet(done.stdout + done.stderr)
    assert [os.fsdecode(one.name) for one in tmp_path.iterdir()] == [path.name]
    lost = run(
        "sync",
        "--to",
        path,
        *select,
        "--group",
        "grüße/ß",
        GITLAB_TOKEN=TOKEN,
        **plain,
    )
    assert lost.code == 2
    assert is_quiet(lost.stdout + lost.stderr)


def test_a_folder_for_temporary_files_is_not_needed(gitlab: Emulator, tmp_path: Path) -> None:
    """A read-only container has none."""
    path = tmp_path / "gitlab.duckdb"
    select = ("--url", gitlab.url, "--select", "projects", "branches")
    nowhere = str(tmp_path / "nowhere")
    places = {"TMPDIR": nowhere, "TEMP": nowhere, "TMP": nowhere}
    done = run("sync", "--to", path, *select, GITLAB_TOKEN=gitlab.token, **places)
    assert done.code == 0, done.stderr
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
