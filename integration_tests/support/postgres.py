"""A real PostgreSQL server on loopback, for tests of what ends in one."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_USER = "gitlab"
_PASSWORD = "postgres-password"


@dataclass(frozen=True)
class Postgres:
    """A server with one empty database a name."""

    port: int
    programs: Path

    def url(self, database: str = "postgres") -> str:
        """The address with user and password, as clients take it."""
        return f"postgresql://{_USER}:{_PASSWORD}@127.0.0.1:{self.port}/{database}"

    def query(self, statement: str, database: str = "postgres") -> list[list[str]]:
        """The rows of a statement as text; NULL is an empty text."""
        done = subprocess.run(
            [
                *["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-F", "\t", "-c"],
                statement,
                self.url(database),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]

    def create(self, database: str) -> str:
        """Make an empty database, and tell its address."""
        self.query(f'create database "{database}"')
        return self.url(database)


def programs() -> Path | None:
    """The folder of the server's programs, None where no server is installed.

    Debian keeps them out of the PATH, a folder for each major version.
    """
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return versions[-1].parent if versions else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(folder: Path) -> Iterator[Postgres]:
    """Run a server of its own until the block ends.

    The server refuses to run as root, so it runs as `postgres` then, which Debian's package makes.

    Raises:
        FileNotFoundError: no server is installed.
    """
    bin_ = programs()
    if bin_ is None:
        message = "PostgreSQL's server is not installed: apt-get install postgresql"
        raise FileNotFoundError(message)
    port = _free_port()
    data, password = folder / "data", folder / "password"
    password.write_text(_PASSWORD)
    as_user: list[str] = []
    if os.geteuid() == 0:
        as_user = ["runuser", "-u", "postgres", "--"]
        for path in (folder, password):
            shutil.chown(path, "postgres")
    made = f"--username {_USER} --encoding UTF8 --locale C --auth scram-sha-256 --no-sync"
    initdb = [*as_user, f"{bin_}/initdb", *made.split(), "--pgdata", str(data)]
    subprocess.run(
        [*initdb, "--pwfile", str(password)], check=True, capture_output=True, cwd=folder
    )
    options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off -c full_page_writes=off"
    ctl = [*as_user, f"{bin_}/pg_ctl", "--pgdata", str(data), "--wait", "--timeout", "300"]
    log = str(folder / "server.log")
    start = [*ctl, "--options", options, "--log", log, "start"]
    subprocess.run(start, check=True, capture_output=True, cwd=folder)
    try:
        yield Postgres(port, bin_)
    finally:
        subprocess.run(
            [*ctl, "--mode", "immediate", "stop"], check=True, capture_output=True, cwd=folder
        )


@contextmanager
def server() -> Iterator[Postgres]:
    """Run a server in a folder whose path every user may walk.

    pytest's folders are closed to all but their owner, and the server may run as another user.
    """
    with tempfile.TemporaryDirectory(prefix="postgres-") as name, running(Path(name)) as postgres:
        yield postgres
