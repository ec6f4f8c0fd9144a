"""The Tab key in bash, with what `source-gitlab completion bash` writes."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.process import run
from source_gitlab.cli.commands import COMMANDS
from source_gitlab.interfaces.choice import areas
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from pathlib import Path

# As bash does: what breaks words stands for itself.
ASKED = """
source "$1"
COMP_LINE="$2" COMP_POINT=${#2}
IFS=$'\\n' read -r -d '' -a COMP_WORDS < <(grep -oE '[=:]+|[^ =:]+' <<< "$2")
[[ "$2" == *' ' ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_source_gitlab
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command writes, in a file."""
    path = tmp_path_factory.mktemp("completion") / "completion.bash"
    done = run("completion", "bash")
    assert done.code == 0, done.stderr
    path.write_text(done.stdout)
    return path


def offered(script: Path, line: str) -> list[str]:
    """What bash offers at the end of a line."""
    done = subprocess.run(
        ["bash", "--norc", "-c", ASKED, "bash", str(script), line],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stderr, done.stderr
    return list(filter(None, done.stdout.splitlines()))


def test_commands(script: Path) -> None:
    everything = offered(script, "source-gitlab ")
    assert {name for name, one in COMMANDS.items() if one.help} - {"check --config"} == {
        *everything
    }
    assert offered(script, "source-gitlab ve") == ["verify"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("sync --full", ["--full-refresh"]),
        ("sync --to a.duckdb --se", ["--select"]),
        ("verify a.duckdb --rep", ["--repair"]),
        ("check --format ", ["text", "json", "airbyte"]),
        ("query a.duckdb --format=c", ["csv"]),
        ("sync --table-format del", ["delta"]),
        ("login --de", ["--device"]),
        ("read --ca", ["--catalog"]),
        ("completion ", ["bash", "zsh", "fish"]),
        ("tap --test s", ["schema"]),
        ("sync --select merge_request_approvals", ["merge_request_approvals"]),
        ("sync --select issues,releas", ["issues,releases", "issues,release_links"]),
        ("sync --exclude=timel", ["timelogs"]),
        ("sync --select issues timel", ["timelogs"]),
        ("streams timel", ["timelogs"]),
        ("sync --select area:sec", ["security"]),
        ("sync --select issues,area:sec", ["security"]),
        ("sync --to ", []),
        ("sync --group ", []),
        ("sync --config fi", []),
        ("spec --", []),
        ("nothing --", []),
    ],
)
def test_what_follows(script: Path, line: str, words: list[str]) -> None:
    found = offered(script, f"source-gitlab {line}")
    assert sorted(one for one in found if "state" not in one) == sorted(words)


def test_every_flag_of_every_command(script: Path) -> None:
    """As its help has them."""
    for name in offered(script, "source-gitlab "):
        parser = COMMANDS[name].parser()
        if parser is None:
            continue
        shown = re.findall(r"^  (?:-\w(?: \S+)?, )?(--[a-z-]+)", parser.format_help(), re.MULTILINE)
        assert set(offered(script, f"source-gitlab {name} --")) == {*shown, "--help"}, name


def test_every_stream_and_area(script: Path) -> None:
    found = offered(script, "source-gitlab sync --select ")
    assert found == [*streams(), *(f"area:{area}" for area in areas())]


def test_a_shell_completes_what_is_typed(script: Path) -> None:
    """With the Tab key, and colons and commas where bash breaks words."""
    typed = "source-gitlab sy\t--sel\tissues,timel\tarea:secur\t--form\tjs\t\n"
    completed = "<sync><--select><issues,timelogs><area:security><--format><json>"
    environment = {**os.environ, "TERM": "dumb", "PS1": "ready> ", "INPUTRC": os.devnull}
    keyboard, terminal = pty.openpty()
    try:
        with subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-i"],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env=environment,
            start_new_session=True,
        ) as process:
            try:
                os.write(keyboard, f"source {script}\n".encode())
                os.write(
                    keyboard, b"source-gitlab() { printf '<%s>' \"$@\"; echo; }; echo re''ady\n"
                )
                shown = _until(keyboard, "ready\r\n")
                os.write(keyboard, typed.encode())
                shown = _until(keyboard, "json>")
            finally:
                process.kill()
        assert completed in shown
    finally:
        os.close(keyboard)
        os.close(terminal)


def _until(keyboard: int, end: str) -> str:
    """What the terminal shows up to there."""
    shown, deadline = "", time.monotonic() + PATIENCE
    while end not in shown:
        ready, _, _ = select.select([keyboard], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"{end} did not come: {shown!r}"
        shown += os.read(keyboard, 4096).decode(errors="replace")
    return shown
