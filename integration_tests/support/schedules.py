"""The programs and commands of docs/scheduling.md, run as its readers run them."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from integration_tests.support.process import OFFLINE, surroundings

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator

SCHEDULES = (Path(__file__).parents[2] / "docs" / "scheduling.md").read_text("utf-8")
ISSUES = {"kind": "html", "path": r"/groups/\w+/issues$"}
"""A fault with which a sync ends incomplete: an answer that is not GitLab's."""
ASKED = 3
"""How often a sync asks before it believes such an answer."""


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language, without what indents them."""
    found = re.findall(rf"(?ms)^( *)```{language}\n(.*?)^ *```", text)
    return [re.sub(rf"(?m)^{indent}", "", block) for indent, block in found]


def snippet(heading: str, language: str) -> str:
    """The one block of a language below a heading of the page."""
    (section,) = re.findall(rf"(?ms)^## {heading}\n(.*?)(?=^## |\Z)", SCHEDULES)
    (found,) = blocks(section, language)
    return found


@dataclass(frozen=True)
class Scheduler:
    """A scheduler in an environment of its own, and a folder in which all that it writes lies."""

    programs: Path
    folder: Path
    gitlab: Emulator
    variables: dict[str, str]

    @property
    def file(self) -> Path:
        """The DuckDB file that the schedule fills."""
        return self.folder / "gitlab.duckdb"

    def addressed(self, program: str) -> str:
        """A program of the page with other addresses: of GitLab, of the group and of the file."""
        words = ["acme", "--url", self.gitlab.url]
        listed = ", ".join(f'"{word}"' for word in words)
        program = program.replace('"my-group"', listed).replace("my-group", " ".join(words))
        return program.replace("/data/", f"{self.folder}/")

    def run(self, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command line of the shell, with the programs of the scheduler and with ours."""
        ours = str(Path(sys.executable).parent)
        path = os.pathsep.join([ours, str(self.programs), os.environ["PATH"]])
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self.folder,
            env=surroundings(**OFFLINE, **{**self.variables, **variables, "PATH": path}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert self.gitlab.token not in done.stdout + done.stderr
        return done

    def events(self) -> str:
        """What Dagster has kept of its runs; a busy machine may not have printed all of it."""
        found: list[str] = []
        for path in (self.folder / "history" / "runs").glob("*.db"):
            with closing(sqlite3.connect(path)) as connection:
                found += (text for (text,) in connection.execute("SELECT event FROM event_logs"))
        return "\n".join(found)

    def outcomes(self) -> list[tuple[str, int]]:
        """How each sync into the file ended, with its exit code."""
        with duckdb.connect(str(self.file), read_only=True) as connection:
            return connection.execute(
                "SELECT outcome, exit_code FROM _source_gitlab.runs ORDER BY id"
            ).fetchall()

    def issues(self) -> int:
        """How many issues the file has."""
        with duckdb.connect(str(self.file), read_only=True) as connection:
            ((rows,),) = connection.execute("SELECT count(*) FROM issues").fetchall()
        return int(rows)

    def refused(self) -> int:
        """How many syncs were refused their token: each asks for its group once, and ends."""
        return int(self.gitlab.requests()["counts"]["GET /groups/:id"]["401"])
