"""Programs of Spark as users write them, which are killed once, at a moment that they name."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import orjson

from integration_tests.support.environments import environment
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

# A module of the programs: `kill(moment)` kills once, at the moment of the variable WHEN. It kills
# a worker of Python, an executor, or else the driver with all that it has started: the processes of
# a program are a session of their own.
KILLING = """
import os, pathlib, signal


def kill(moment):
    if os.environ["WHEN"] != moment:
        return
    try:
        pathlib.Path(os.environ["MARKS"], moment).touch(exist_ok=False)
    except FileExistsError:
        return
    for process in VICTIMS.get(moment, whole_session)():
        os.kill(process, signal.SIGKILL)


def stat(process):
    return pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def executor():
    found = os.getpid()
    while "java" not in pathlib.Path(f"/proc/{found}/comm").read_text():
        found = int(stat(found)[1])
    return [found]


def whole_session():
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            session = int(stat(process.name)[3])
        except OSError:
            continue
        if session == os.getsid(0) and int(process.name) != os.getpid():
            yield int(process.name)
    yield os.getpid()


VICTIMS = {"worker": lambda: [os.getpid()], "executor": executor}
"""

# A program runs for seconds: compiling for hours of work, and code for a few rows, cost more.
JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
SPARK = """
spark.sql.codegen.wholeStage false
spark.sql.codegen.factoryMode NO_CODEGEN
spark.sql.shuffle.partitions 2
"""

# Whose death Spark itself mends.
MENDED = frozenset({"worker", "executor"})


def spark_python() -> Path:
    """The Python of an environment that holds Spark and the package, as users install both."""
    assert shutil.which("java"), "Spark needs Java"
    return environment("spark", with_package=True) / "python"


class Programs:
    """Runs of one program in a folder; its modules are those that are given, and `killing`."""

    def __init__(self, python: Path, folder: Path, gitlab: Emulator, **modules: str) -> None:
        self._python = python
        self._folder = folder
        self._gitlab = gitlab
        (folder / "marks").mkdir()
        (folder / "spark-defaults.conf").write_text(SPARK, encoding="utf-8")
        for name, text in {"killing": KILLING, **modules}.items():
            (folder / f"{name}.py").write_text(text, encoding="utf-8")

    def run(self, given: dict[str, Any], killed: str = "") -> Any:
        """What the program answers; None if it was killed."""
        answer, marks = self._folder / "answer.json", self._folder / "marks"
        answer.unlink(missing_ok=True)
        done = subprocess.run(
            [self._python, self._folder / "program.py"],
            input=json.dumps({"answer": str(answer), "folder": str(self._folder), **given}),
            env={
                **os.environ,
                "GITLAB_TOKEN": self._gitlab.token,
                "JDK_JAVA_OPTIONS": JAVA,
                "SPARK_CONF_DIR": str(self._folder),
                "PYSPARK_PYTHON": str(self._python),
                "PYTHONPATH": str(self._folder),
                "MARKS": str(marks),
                "WHEN": killed,
            },
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )
        assert self._gitlab.token not in done.stderr
        assert not killed or (marks / killed).exists(), done.stderr[-5_000:]
        if killed and killed not in MENDED:
            assert done.returncode == -signal.SIGKILL
            return None
        assert done.returncode == 0, done.stderr[-5_000:]
        return json.loads(answer.read_text(encoding="utf-8"))


def keys_of(name: str, texts: list[str]) -> list[tuple[Any, ...]]:
    """The keys of rows, in order; one that is there twice is twice in it."""
    rows = [orjson.loads(text) for text in texts]
    return sorted(tuple(row[column] for column in streams()[name].key) for row in rows)
