"""Read an emulated GitLab into gitlab.duckdb, ask the file a question, and put it into a page.

``make demo`` runs it.

The emulated GitLab is the same at each start and listens at the same address, so the state in the
file still holds when the demonstration is run again: then only what changed is read, which is
nothing.
"""

from __future__ import annotations

import argparse
import os
import shlex
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import duckdb

from integration_tests.gitlab.launch import Emulator
from source_gitlab.terminal import aligned

if TYPE_CHECKING:
    from collections.abc import Sequence

FILE = "gitlab.duckdb"
PAGE = "report.html"
PORT = 8929
QUESTION = "How long does a merge request take, from created to merged?"
QUERY = """\
SELECT project.path_with_namespace AS project,
       strftime(mr.merged_at, '%Y-%m') AS month,
       count(*) AS merged,
       round(median(epoch(mr.merged_at - mr.created_at)) / 3600, 1) AS median_hours
FROM merge_requests AS mr
JOIN projects AS project ON project.id = mr.project_id
WHERE mr.merged_at IS NOT NULL
GROUP BY ALL
ORDER BY ALL"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration; the exit code of the first command that fails, else 0."""
    parser = argparse.ArgumentParser(prog="python -m integration_tests.demo")
    parser.add_argument("--port", type=int, default=PORT, help="where the emulated GitLab listens")
    port = parser.parse_args(arguments).port
    if not _is_free(port):
        _say(f"Port {port} is in use. Is another demonstration running? End it and run again.")
        return 1
    with Emulator("--port", str(port)) as gitlab:
        _say(f"An emulated GitLab listens at {gitlab.url}.")
        code = _run(["check", "--url", gitlab.url], gitlab.token)
        code = code or _run(["sync", "--to", FILE, "--url", gitlab.url], gitlab.token)
    if code:
        _say(f"\nThe demonstration writes {FILE} here. Run it in a directory without one.")
        return code
    _ask()
    code = _run(["report", FILE, "-o", PAGE], gitlab.token)
    if code:
        return code
    _say(f"\nAll of it is in {FILE}. Run this again, and it reads only what changed since.")
    _say(f"Open {PAGE} in a browser: it needs no network, and shows what was not read.")
    return 0


def _say(text: str) -> None:
    # Flushed, because the commands that write between our lines have a buffer of their own.
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _run(arguments: list[str], token: str) -> int:
    """Run source-gitlab on this terminal, with the token in the environment."""
    _say(f"\n$ source-gitlab {shlex.join(arguments)}")
    command = [sys.executable, "-m", "source_gitlab", *arguments]
    return subprocess.run(
        command, env={**os.environ, "GITLAB_TOKEN": token}, check=False
    ).returncode


def _ask() -> None:
    _say(f"\n{QUESTION}\n\n{QUERY}\n")
    with duckdb.connect(FILE, read_only=True) as connection:
        answer = connection.execute(QUERY)
        header = [column[0] for column in answer.description or ()]
        rows = [[str(value) for value in row] for row in answer.fetchall()]
    for line in aligned([header, *rows]):
        _say(line)


if __name__ == "__main__":
    sys.exit(main())
