"""What commands write into a terminal fits into it, at each width, and says all of it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

WIDTHS = (40, 80, 120)
SELECT = ("--select", "issues", "merge_request_note_award_emoji", "tags")
LONGEST = "merge_request_note_award_emoji"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def shown(width: int, *arguments: str | Path, token: str = "") -> list[str]:
    """The lines that a command leaves on the standard output, which is a terminal so wide."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    environment = {**os.environ, "GITLAB_TOKEN": token, "TERM": "xterm", "COLUMNS": str(width)}
    command = [sys.executable, "-m", "source_gitlab", *map(str, arguments)]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE
    ) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                part = os.read(ours, 65_536)
            except OSError:  # the other side is closed
                break
            if not part:
                break
            written += part
        _, said = process.communicate()
    os.close(ours)
    assert process.returncode == 0, said
    return _ESCAPES.sub("", written.decode()).replace("\r", "").splitlines()


def too_wide(lines: list[str], width: int) -> list[str]:
    """The lines that are wider; a path or an address is not broken."""
    return [line for line in lines if len(line) > width and "/" not in line]


@pytest.fixture(scope="module")
def copy(gitlab: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of a sync."""
    file = tmp_path_factory.mktemp("widths") / "gitlab.duckdb"
    shown(80, "sync", "--to", file, "--url", gitlab.url, *SELECT, token=gitlab.token)
    return file


@pytest.mark.parametrize("width", WIDTHS)
def test_a_sync(gitlab: Emulator, copy: Path, width: int) -> None:
    """The table, or below each name what is in its row; sentences are wrapped between words."""
    lines = shown(width, "sync", "--to", copy, "--url", gitlab.url, *SELECT, token=gitlab.token)
    text = " ".join(" ".join(lines).split())
    assert too_wide(lines, width) == []
    assert "Left out of issues: The feature issues is switched off in acme/" in text
    is_table = any(line.startswith("stream ") for line in lines)
    assert is_table == (width > 40)
    assert f"{LONGEST} " in text
    assert is_table or re.search(rf"{LONGEST} \d+ read, \d+ new, \d+ updated, \d+ removed", text)


@pytest.mark.parametrize("width", WIDTHS)
def test_what_it_would_take(gitlab: Emulator, copy: Path, width: int) -> None:
    target = ("--to", copy, "--url", gitlab.url)
    lines = shown(width, "sync", "--dry-run", *target, *SELECT, token=gitlab.token)
    text = " ".join(" ".join(lines).split())
    assert too_wide(lines, width) == []
    assert "the whole list" in text
    assert re.search(r"would take about \d+ requests, or less than a minute\.", text)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("more", [(), ("--cost",)], ids=["verdicts", "cost"])
def test_a_check(gitlab: Emulator, width: int, more: tuple[str, ...]) -> None:
    """What is said of a stream has room, beside its name or below it."""
    lines = shown(width, "check", "--url", gitlab.url, *SELECT, *more, token=gitlab.token)
    assert too_wide(lines, width) == []
    assert "…" not in "".join(lines)
    (at,) = [n for n, line in enumerate(lines) if line.startswith(LONGEST)][:1]
    assert "Read below" in " ".join(lines[at : at + 3])


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("names", [(), ("issues",)], ids=["all", "one"])
def test_the_streams(width: int, names: tuple[str, ...]) -> None:
    lines = shown(width, "streams", *names)
    assert too_wide(lines, width) == []
    assert any("issues" in line for line in lines)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_look_at_a_file(gitlab: Emulator, copy: Path, width: int) -> None:
    lines = shown(
        width, "verify", copy, "--url", gitlab.url, "--select", "issues", token=gitlab.token
    )
    assert too_wide(lines, width) == []
    assert "nothing is missing and nothing is gone" in " ".join(" ".join(lines).split())


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("question", [None, "issues", "select 1 as one"])
def test_a_question(copy: Path, width: int, question: str | None) -> None:
    lines = shown(width, "query", copy, *([question] if question else []))
    assert [line for line in lines if len(line) > width] == []
    assert lines
