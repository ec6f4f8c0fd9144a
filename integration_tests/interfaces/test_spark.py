"""The data source under a real Spark, with executors of their own, as a user's program does it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from integration_tests.support.environments import environment
from integration_tests.support.reading import config_for, expected
from source_gitlab.config import parse
from source_gitlab.core.session import Session
from source_gitlab.core.state import StreamState
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

# Starting a session takes a minute and more where the machine is busy.
pytestmark = pytest.mark.timeout(1_800)

# What a user of Spark would write. Where `killed` is a folder, the first worker of Python that has
# rows of it in its hands is killed once.
PROGRAM = """
import json, os, sys, pathlib, signal

from pyspark.sql import SparkSession
from source_gitlab.interfaces.spark import GitlabDataSource, taken

given = json.load(sys.stdin)
mark = given.get("mark")
if mark:
    import source_gitlab_killing

    source = source_gitlab_killing.Killed
else:
    source = GitlabDataSource
spark = (
    SparkSession.builder.master(given["master"])
    .config("spark.ui.enabled", "false")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.executorEnv.GITLAB_TOKEN", os.environ["GITLAB_TOKEN"])
    .getOrCreate()
)
spark.dataSource.register(source)
found = {}
for name, state in given["streams"].items():
    folder = given["folder"] + "/" + name
    table = spark.read.format("gitlab").options(
        stream=name, processes=2, state=json.dumps(state), **given["options"]
    ).load()
    table.write.mode("overwrite").parquet(folder)
    written = spark.read.parquet(folder)
    come = taken(written)
    rows = written.where("_progress is null").drop("_progress").toJSON().collect()
    found[name] = {"state": come.state, "unread": come.unread, "rows": rows}
spark.stop()
pathlib.Path(given["answer"]).write_text(json.dumps(found))
"""

# Where tasks run, by who is killed.
MASTERS = {
    "": "local[2]",
    "worker": "local[2, 4]",
    "executor": "local-cluster[2, 1, 1024]",
}

KILLING = """
import os, pathlib, signal

from source_gitlab.interfaces.spark import GitlabDataSource
from source_gitlab.interfaces.spark.source import GitlabReader


def victim():
    found = os.getpid()
    while os.environ["WHOM"] == "executor":
        found = int(pathlib.Path(f"/proc/{found}/stat").read_text().rpartition(")")[2].split()[1])
        if "java" in pathlib.Path(f"/proc/{found}/comm").read_text():
            break
    return found


class KilledReader(GitlabReader):
    def read(self, partition):
        for batch in super().read(partition):
            mark = pathlib.Path(os.environ["MARK"])
            if not partition.is_plan and not mark.exists():
                mark.touch()
                os.kill(victim(), signal.SIGKILL)
            yield batch


class Killed(GitlabDataSource):
    def reader(self, schema):
        return KilledReader(dict(self.options))
"""


@pytest.fixture(scope="module")
def python() -> Path:
    """The Python of an environment that holds Spark and the package, as users install both."""
    assert shutil.which("java"), "Spark needs Java"
    return environment("spark", with_package=True) / "python"


def by_spark(
    python: Path,
    folder: Path,
    gitlab: Emulator,
    states: dict[str, Any],
    *,
    killed: str = "",
) -> Any:
    """Read streams into Parquet files, from these states; a task may be tried four times."""
    folder.mkdir()
    program, answer, mark = folder / "program.py", folder / "answer.json", folder / "mark"
    program.write_text(PROGRAM, encoding="utf-8")
    (folder / "source_gitlab_killing.py").write_text(KILLING, encoding="utf-8")
    given = {
        "master": MASTERS[killed],
        "streams": states,
        "folder": str(folder / "tables"),
        "options": {"api_url": gitlab.url, "config": json.dumps({"commit_refs": "all"})},
        "answer": str(answer),
        "mark": killed,
    }
    done = subprocess.run(
        [python, program],
        input=json.dumps(given),
        env={
            **os.environ,
            "GITLAB_TOKEN": gitlab.token,
            "PYSPARK_PYTHON": str(python),
            "PYTHONPATH": str(folder),
            "MARK": str(mark),
            "WHOM": killed,
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5_000:]
    assert gitlab.token not in done.stderr
    assert mark.exists() == bool(killed)
    return json.loads(answer.read_text(encoding="utf-8"))


def keys(name: str, texts: list[str]) -> set[tuple[Any, ...]]:
    """The keys of rows; each is there once."""
    rows = [orjson.loads(text) for text in texts]
    found = [tuple(row[column] for column in streams()[name].key) for row in rows]
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
    first = by_spark(
        python, tmp_path / "first", changing_gitlab, {name: {} for name in names}, killed=killed
    )
    wanted = expected(changing_gitlab)
    for name in names:
        assert first[name]["unread"] == []
        assert keys(name, first[name]["rows"]) == wanted[name].keys()
    for name in ("issues", "commits"):
        assert further(changing_gitlab, name, first[name]["state"]) == []
    issue = changing_gitlab.world(streams="issues")["issues"][0]["row"]
    changing_gitlab.mutate("create", table="issues", project_id=issue["project_id"])
    second = by_spark(
        python, tmp_path / "second", changing_gitlab, {"issues": first["issues"]["state"]}
    )
    new = keys("issues", second["issues"]["rows"])
    assert new == expected(changing_gitlab)["issues"].keys() - wanted["issues"].keys()


def test_a_failing_slice_is_in_the_result(
    python: Path, changing_gitlab: Emulator, tmp_path: Path
) -> None:
    """The job does not fail; the state stays, and the next read brings the rest."""
    name = "project_labels"
    labels = changing_gitlab.world(streams=name)[name]
    project_id = min(entry["parent"]["project_id"] for entry in labels)
    path = rf"/projects/{project_id}/labels"
    changing_gitlab.faults([{"kind": "status", "status": 500, "path": path}])
    first = by_spark(python, tmp_path / "first", changing_gitlab, {name: {}})[name]
    assert [text.split(":")[0] for text in first["unread"]] == [f"project {project_id}"]
    changing_gitlab.faults([])
    second = by_spark(python, tmp_path / "second", changing_gitlab, {name: first["state"]})[name]
    assert second["unread"] == []
    held = keys(name, first["rows"]) | keys(name, second["rows"])
    assert held == expected(changing_gitlab)[name].keys()
    assert any(json.loads(row)["project_id"] == project_id for row in second["rows"])
