"""The data source as a stream of Spark, killed at any moment, as a user's program runs it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.support.reading import expected
from integration_tests.support.spark_programs import Programs, keys_of, spark_python

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator


# What a user of Spark would write.
PROGRAM = """
import json, pathlib, sys

from killed import Killed
from pyspark.sql import SparkSession
from source_gitlab.interfaces.spark import taken

given = json.load(sys.stdin)
spark = (
    SparkSession.builder.master("local[2, 4]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.sql.session.timeZone", "UTC")
    .getOrCreate()
)
spark.dataSource.register(Killed)
folder = given["folder"]
rows = (
    spark.readStream.format("gitlab")
    .options(stream=given["stream"], processes=2, staging=folder + "/staging", **given["options"])
    .load()
)
(
    rows.writeStream.format("parquet")
    .option("checkpointLocation", folder + "/checkpoint")
    .trigger(availableNow=True)
    .start(folder + "/rows")
    .awaitTermination()
)
written = spark.read.parquet(folder + "/rows")
come = taken(written)
found = written.where("_progress is null").drop("_progress").toJSON().collect()
answer = {"state": come.state, "unread": come.unread, "rows": found}
pathlib.Path(given["answer"]).write_text(json.dumps(answer))
spark.stop()
"""

KILLED = """
from killing import kill
from source_gitlab.interfaces.spark import GitlabDataSource, streaming


def slowly(pages):
    for page in pages:
        yield page
        kill("worker")
        kill("reading")


READ = streaming.read


class KilledReader(streaming.GitlabStreamReader):
    def latestOffset(self, start, limit):
        offset = super().latestOffset(start, limit)
        kill("planned")
        if start["batch"]:
            kill("settled")
        return offset

    def partitions(self, start, end):
        found = super().partitions(start, end)
        kill("logged")
        return found

    def read(self, partition):
        streaming.read = lambda *given: slowly(READ(*given))
        for batch in super().read(partition):
            if not partition.is_plan:
                kill("staged")
            yield batch


class Killed(GitlabDataSource):
    def streamReader(self, schema):
        return KilledReader(dict(self.options))
"""

# A batch as Spark runs it, without Spark; of each part another attempt ends when one has ended.
BATCH = """
import json, pathlib, sys

from source_gitlab.engine.exit_codes import UsageError
from source_gitlab.interfaces.spark.staging import stage
from source_gitlab.interfaces.spark.streaming import GitlabStreamReader

given = json.load(sys.stdin)


def reader(**more):
    staging = given["folder"] + "/staging"
    options = {"stream": "issues", "processes": "2", "staging": staging, **given["options"]}
    return GitlabStreamReader({**options, **more})


mine = reader()
start = mine.initialOffset()
end = given["offset"] or mine.latestOffset(start, None)
rows = []
for part in mine.partitions(start, end):
    rows += [row for batch in mine.read(part) for row in batch.to_pylist()]
    if not part.is_plan:
        stage(part.place, [[{"id": 1}], {"slices": []}])
said = []
for call in (
    lambda: reader(staging="s3://bucket/staging"),
    lambda: stage(given["folder"] + "/elsewhere/1/0", []),
    lambda: reader(staging=given["folder"] + "/other").partitions(start, end),
    lambda: reader(stream="branches").latestOffset(end, None),
):
    try:
        call()
    except UsageError as error:
        said.append(str(error))
answer = {"offset": end, "rows": json.dumps(rows, default=str), "said": said}
pathlib.Path(given["answer"]).write_text(json.dumps(answer))
"""


class Stream:
    """A stream of Spark: its checkpoint, its staging folder, and the Parquet files it writes."""

    def __init__(self, python: Path, folder: Path, gitlab: Emulator, name: str) -> None:
        self._folder = folder
        self._given = {
            "stream": name,
            "options": {"api_url": gitlab.url, "config": json.dumps({"commit_refs": "all"})},
        }
        self._programs = Programs(python, folder, gitlab, program=PROGRAM, killed=KILLED)

    def run(self, killed: str = "") -> Any:
        """Run it until there is nothing more; what the table then has, or None if it was killed."""
        return self._programs.run(self._given, killed)

    def staged(self) -> int:
        """How many bytes of rows are kept beside the checkpoint."""
        return sum(file.stat().st_size for file in self._folder.glob("staging/*/*/pages.jsonl"))


@pytest.fixture(scope="module")
def python() -> Path:
    """The Python of an environment that holds Spark and the package, as users install both."""
    return spark_python()


def test_a_killed_driver_goes_on_from_its_checkpoint(
    python: Path, changing_gitlab: Emulator, tmp_path: Path
) -> None:
    """At several moments of one batch, and after it: each row is there once."""
    stream = Stream(python, tmp_path, changing_gitlab, "issues")
    wanted = sorted(expected(changing_gitlab, "issues")["issues"])
    for moment in ("planned", "logged", "reading", "staged"):
        assert stream.run(moment) is None
    assert stream.staged()
    assert stream.run("settled") is None
    issue = changing_gitlab.world(streams="issues")["issues"][0]["row"]
    changing_gitlab.mutate("create", table="issues", project_id=issue["project_id"])
    found = stream.run()
    assert found["unread"] == []
    assert not stream.staged()
    assert keys_of("issues", found["rows"]) == sorted(expected(changing_gitlab, "issues")["issues"])
    assert len(found["rows"]) == len(wanted) + 1


def test_a_stream_reads_what_changed(
    python: Path, changing_gitlab: Emulator, tmp_path: Path
) -> None:
    """A worker is killed, a slice fails and its state stays, and each row is there once."""
    name = "project_labels"
    stream = Stream(python, tmp_path, changing_gitlab, name)
    labels = changing_gitlab.world(streams=name)[name]
    project_id = min(entry["parent"]["project_id"] for entry in labels)
    path = rf"/projects/{project_id}/labels"
    changing_gitlab.faults([{"kind": "status", "status": 500, "path": path}])
    first = stream.run("worker")
    assert [text.split(":")[0] for text in first["unread"]] == [f"project {project_id}"]
    changing_gitlab.faults([])
    second = stream.run()
    assert second["unread"] == []
    held = keys_of(name, second["rows"])
    assert set(held) == expected(changing_gitlab, name)[name].keys()
    assert len(held) < 2 * len(keys_of(name, first["rows"]))


def test_a_batch_that_runs_again_is_the_same(
    python: Path, changing_gitlab: Emulator, tmp_path: Path
) -> None:
    """Whatever has changed, and whichever attempt ends last; of other batches nothing is taken."""
    given = {"offset": None, "options": {"api_url": changing_gitlab.url}}
    programs = Programs(python, tmp_path, changing_gitlab, program=BATCH)
    first = programs.run(given)
    issue = changing_gitlab.world(streams="issues")["issues"][0]["row"]
    changing_gitlab.mutate("create", table="issues", project_id=issue["project_id"])
    changing_gitlab.reset_requests()
    second = programs.run({**given, "offset": first["offset"]})
    assert second["rows"] == first["rows"]
    assert issue["title"] in {row["title"] for row in json.loads(first["rows"])}
    assert len(json.dumps(first["offset"])) < 100
    assert not changing_gitlab.requests(limit=1)["counts"]
    option, elsewhere, folder, stream = second["said"]
    assert "does not see" in elsewhere
    assert "Set the option staging" in option
    assert str(tmp_path / "other") in folder
    assert "issues, not of branches" in stream
