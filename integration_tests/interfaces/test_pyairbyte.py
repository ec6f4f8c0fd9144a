"""The installed package under a real client: PyAirbyte reads it into DuckDB, offline, and again."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import duckdb
import pytest

from integration_tests.support.environments import ROOT, environment
from integration_tests.support.process import OFFLINE
from source_gitlab.streams import root_of, streams

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

SCHEMA = "gitlab"

# What a user of PyAirbyte would write.
PROGRAM = """
import json, sys
import airbyte
from airbyte.caches import DuckDBCache

given = json.load(sys.stdin)
source = airbyte.get_source(
    "source-gitlab",
    config=given["config"],
    local_executable=given["executable"],
    streams=given["streams"],
)
source.check()
source.read(cache=DuckDBCache(db_path=given["database"], schema_name=given["schema"]))
"""


@pytest.fixture(scope="module")
def python() -> Path:
    """The Python of an environment that holds PyAirbyte and the package, as users install both."""
    return environment("pyairbyte", with_package=True) / "python"


@dataclass(frozen=True)
class SliceReader:
    """PyAirbyte with one configuration and one database."""

    python: Path
    folder: Path
    config: dict[str, object]

    @property
    def database(self) -> Path:
        """Where PyAirbyte puts rows and state.

        The file must not have the schema's name: DuckDB cannot tell `gitlab.issues` apart then.
        """
        return self.folder / "copy.duckdb"

    def read(self, *names: str) -> dict[str, int]:
        """Read these streams, or every stream; the number of rows that came in this read.

        The way out to the internet is closed: what does not go to the emulator fails.
        """
        begun = datetime.now(timezone.utc).replace(tzinfo=None)
        environment = {
            **os.environ,
            **OFFLINE,
            "AIRBYTE_OFFLINE_MODE": "1",
            "AIRBYTE_LOGGING_ROOT": str(self.folder / "logs"),
            "AIRBYTE_PROJECT_DIR": str(self.folder),
            "AIRBYTE_TEMP_DIR": str(self.folder),
        }
        given = {
            "config": self.config,
            "executable": str(self.python.parent / "source-gitlab"),
            "database": str(self.database),
            "schema": SCHEMA,
            "streams": list(names) or "*",
        }
        done = subprocess.run(
            [self.python, "-c", PROGRAM],
            input=json.dumps(given),
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return {
                name: self._arrived(connection, name, begun) for name in self._tables(connection)
            }

    def _tables(self, connection: duckdb.DuckDBPyConnection) -> set[str]:
        """The streams that have a table."""
        rows = connection.execute(
            "select table_name from information_schema.tables where table_schema = ?", [SCHEMA]
        ).fetchall()
        return {name for (name,) in rows} & set(streams())

    def _arrived(self, connection: duckdb.DuckDBPyConnection, table: str, since: datetime) -> int:
        counted = connection.execute(
            f'select count(*) from {SCHEMA}."{table}" where _airbyte_extracted_at >= ?',  # noqa: S608 - names are ours
            [since],
        ).fetchone()
        assert counted is not None
        return int(counted[0])

    def titles(self) -> dict[int, str]:
        """The titles of all issues in the database, by id; an id twice is an error."""
        with duckdb.connect(str(self.database), read_only=True) as connection:
            rows = connection.execute(f"select id, title from {SCHEMA}.issues").fetchall()  # noqa: S608 - names are ours
        assert len({identity for identity, _ in rows}) == len(rows)
        return dict(rows)


@pytest.fixture
def reader(python: Path, tmp_path: Path, changing_gitlab: Emulator) -> SliceReader:
    """PyAirbyte with a GitLab that the test may change, and an empty database."""
    config: dict[str, object] = json.loads(
        (ROOT / "integration_tests" / "configs" / "access_token.json").read_text()
    )
    return SliceReader(python, tmp_path, {**config, "api_url": changing_gitlab.url})


def test_reads_everything_then_only_what_changed(
    reader: SliceReader, changing_gitlab: Emulator
) -> None:
    """Every stream arrives; a second read brings no issue, and a third the one that changed."""
    first = reader.read()
    assert set(first) == set(streams())
    closed = {name for name, rows in first.items() if not rows}
    assert {root_of(streams()[name]).role for name in closed} <= {"admin"}, closed
    before = reader.titles()
    assert len(before) == first["issues"]

    second = reader.read("issues", "groups")
    assert second["issues"] == 0
    assert second["groups"] == first["groups"], "a stream without a cursor is read in full"
    assert reader.titles() == before

    changed = min(before)
    changing_gitlab.mutate(
        "update", table="issues", id=changed, set={"title": "Changed between two reads"}
    )
    third = reader.read("issues")
    assert third["issues"] == 1
    assert reader.titles() == {**before, changed: "Changed between two reads"}
