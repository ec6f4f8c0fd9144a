"""The data source under a real Spark, with executors of their own, as a user's program does it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.support.reading import config_for, expected
from integration_tests.support.spark_programs import Programs, keys_of, spark_python
from source_gitlab.config import parse
from source_gitlab.core.session import Session
from source_gitlab.core.state import StreamState
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator


# What a user of Spark would write.
PROGRAM = """
import json, os, pathlib, sys

from killing import kill
from killed import Killed
from pyspark.sql import SparkSession
from source_gitlab.interfaces.spark import taken

given = json.load(sys.stdin)
spark = (
    SparkSession.builder.master(given["master"])
    .config("spark.ui.enabled", "false")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.executorEnv.GITLAB_TOKEN", os.environ["GITLAB_TOKEN"])
    .getOrCreate()
)
spark.dataSource.register(Killed)
found = {}
for name, state in given["streams"].items():
    folder = given["folder"] + "/tables/" + name
    table = spark.read.format("gitlab").options(
        stream=name, processes=2, state=json.dumps(state), **given["options"]
    ).load()
    table.write.mode("append").parquet(folder)
    kill("written")
    written = spark.read.parquet(folder)
    come = taken(written)
    rows = written.where("_progress is null").drop("_progress").toJSON().collect()
    found[name] = {"state": come.state, "unread": come.unread, "rows": rows}
spark.stop()
pathlib.Path(given["answer"]).write_text(json.dumps(found))
"""

# Where tasks run, by who is killed.
MASTERS = {"worker": "local[2, 4]", "executor": "local-cluster[2, 1, 1024]"}

KILLED = """
from killing import kill
from source_gitlab.interfaces.spark import GitlabDataSource
from source_gitlab.interfaces.spark.source import GitlabReader


class KilledReader(GitlabReader):
    def read(self, partition):
        for batch in super().read(partition):
            if not partition.is_plan:
                for who in ("worker", "executor", "reading"):
                    kill(who)
            yield batch


class Killed(GitlabDataSource):
    def reader(self, schema):
        return KilledReader(dict(self.options))
"""


@pytest.fixture(scope="module")
def python() -> Path:
    """The Python of an environment that holds Spark and the package, as users install both."""
    return spark_python()


class Tables:
    """Parquet files, a folder a stream, that runs of the program append to."""

    def __init__(self, python: Path, folder: Path, gitlab: Emulator) -> None:
        folder.mkdir()
        self._url = gitlab.url
        self._programs = Programs(python, folder, gitlab, program=PROGRAM, killed=KILLED)

    def read(self, states: dict[str, Any], killed: str = "") -> Any:
        """Read streams from these states; what the tables then have, or None if it was killed."""
        given = {
            "master": MASTERS.get(killed, "local[2]"),
            "streams": states,
            "options": {"api_url": self._url, "config": json.dumps({"commit_refs": "all"})},
        }
        return self._programs.run(given, killed)


def keys(name: str, texts: list[str]) -> set[tuple[Any, ...]]:
    """The keys of rows; each is there once."""
    found = keys_of(name, texts)
    assert len(found) == len(set(found))
    return set(found)


def further(gitlab: Emulator, name: str, state: Any) -> list[dict[str, Any]]:
    """The rows that another face reads from a state."""
    stream, loaded = streams()[name], StreamState.load(state, streams()[name])
    with Session(parse(config_for(gitlab, commit_refs="all"))) as session:
        return [
            row
            for slice_ in session.plan(stream, loaded)
            for page in session.read(stream, slice_, loaded)
            for row in page.rows
        ]


@pytest.mark.parametrize("killed", ["", "worker", "executor"])
def test_spark_brings_every_row_once_and_hands_its_state_on(
    python: Path, changing_gitlab: Emulator, tmp_path: Path, killed: str
) -> None:
    """Though a worker is killed. Another face goes on from the state, and Spark from its own."""
    names = ["issues", "commits", "branches"]
    tables = Tables(python, tmp_path / "first", changing_gitlab)
    first = tables.read({name: {} for name in names}, killed)
    wanted = expected(changing_gitlab, *names)
    for name in names:
        assert first[name]["unread"] == []
        assert keys(name, first[name]["rows"]) == wanted[name].keys()
    for name in ("issues", "commits"):
        assert further(changing_gitlab, name, first[name]["state"]) == []
    issue = changing_gitlab.world(streams="issues")["issues"][0]["row"]
    changing_gitlab.mutate("create", table="issues", project_id=issue["project_id"])
    tables = Tables(python, tmp_path / "second", changing_gitlab)
    second = tables.read({"issues": first["issues"]["state"]})
    new = keys("issues", second["issues"]["rows"])
    assert new == expected(changing_gitlab, "issues")["issues"].keys() - wanted["issues"].keys()


def test_a_killed_driver_is_started_again(
    python: Path, changing_gitlab: Emulator, tmp_path: Path
) -> None:
    """From the same state: what it wrote is there, and what it had in its hands comes again."""
    name = "issues"
    tables = Tables(python, tmp_path / "tables", changing_gitlab)
    before = len(expected(changing_gitlab, name)[name])
    for moment in ("reading", "written"):
        assert tables.read({name: {}}, moment) is None
    issue = changing_gitlab.world(streams=name)[name][0]["row"]
    changing_gitlab.mutate("create", table=name, project_id=issue["project_id"])
    found = tables.read({name: {}})[name]
    assert found["unread"] == []
    held, wanted = keys_of(name, found["rows"]), expected(changing_gitlab, name)[name].keys()
    assert set(held) == wanted
    # The first run wrote nothing, the second one all that there was.
    assert len(held) == before + len(wanted)


def test_a_failing_slice_is_in_the_result(
    python: Path, changing_gitlab: Emulator, tmp_path: Path
) -> None:
    """The job does not fail; the state stays, and the next read brings the rest."""
    name = "project_labels"
    labels = changing_gitlab.world(streams=name)[name]
    project_id = min(entry["parent"]["project_id"] for entry in labels)
    path = rf"/projects/{project_id}/labels"
    changing_gitlab.faults([{"kind": "status", "status": 500, "path": path}])
    first = Tables(python, tmp_path / "first", changing_gitlab).read({name: {}})[name]
    assert [text.split(":")[0] for text in first["unread"]] == [f"project {project_id}"]
    changing_gitlab.faults([])
    second = Tables(python, tmp_path / "second", changing_gitlab).read({name: first["state"]})[name]
    assert second["unread"] == []
    held = keys(name, first["rows"]) | keys(name, second["rows"])
    assert held == expected(changing_gitlab, name)[name].keys()
    assert any(json.loads(row)["project_id"] == project_id for row in second["rows"])
