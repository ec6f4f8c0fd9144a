"""Slices of one plan read by the workers of Dask, as a user's program does it."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.support.distributed import by_one_process, in_folder
from integration_tests.support.environments import environment
from integration_tests.support.progress import in_seconds
from integration_tests.support.reading import config_for
from source_gitlab.distributed import Plan

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator


# What a user of Dask would write; a worker is killed once, where `marks` is given.
PROGRAM = """
import contextlib, json, os, pathlib, signal, sys

from dask.distributed import Client, LocalCluster
from source_gitlab.distributed import JsonLines, read


class Writer(JsonLines):
    @contextlib.contextmanager
    def __call__(self):
        with super().__call__() as into:

            def write(stream, rows):
                into(stream, rows)
                mark = pathlib.Path(self.folder) / "killed"
                if stream == os.environ.get("KILLED") and not mark.exists():
                    mark.touch()
                    os.kill(os.getpid(), signal.SIGKILL)

            yield write


def main():
    given = json.load(sys.stdin)
    kept = []
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            done = read(
                client.get_executor(),
                given["config"],
                states=given["states"],
                processes=2,
                writer=Writer(given["folder"]),
                kept=lambda plan, result: kept.append(plan.to_json()),
            )
    answer = {"states": done.states, "is_complete": done.is_complete, "plan": kept[0]}
    pathlib.Path(given["answer"]).write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
"""


@pytest.fixture(scope="module")
def python() -> Path:
    """The Python of an environment that holds Dask and the package, as users install both."""
    return environment("dask", with_package=True) / "python"


def by_dask(python: Path, folder: Path, config: Any, states: Any, killed: str = "") -> Any:
    """Read all default streams into a folder."""
    folder.mkdir()
    program, answer = folder / "program.py", folder / "answer.json"
    program.write_text(PROGRAM, encoding="utf-8")
    given = {"config": config, "states": states, "folder": str(folder), "answer": str(answer)}
    done = subprocess.run(
        [python, program],
        input=json.dumps(given),
        env={**os.environ, "KILLED": killed},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert config["credentials"]["access_token"] not in done.stderr
    return json.loads(answer.read_text(encoding="utf-8"))


def test_dask_brings_what_one_process_does(
    python: Path, changing_gitlab: Emulator, tmp_path: Path
) -> None:
    """A first read, of which a worker is killed, and one from its states after changes."""
    config = config_for(changing_gitlab, commit_refs="all")
    states: Any = {}
    for name, killed in (("first", "issues"), ("second", "")):
        found = by_dask(python, tmp_path / name, config, states, killed)
        assert (tmp_path / name / "killed").exists() == bool(killed)
        assert found["is_complete"]
        wanted, alone = by_one_process(config, Plan.load(found["plan"]))
        assert in_folder(tmp_path / name) == wanted
        for stream, state in alone.items():
            assert in_seconds(stream, found["states"][stream]) == in_seconds(stream, state), stream
        states = found["states"]
        issue = changing_gitlab.world(streams="issues")["issues"][0]
        project_id = issue["row"]["project_id"]
        changing_gitlab.mutate("create", table="issues", project_id=project_id)
        changing_gitlab.mutate("push_commits", project_id=project_id, count=3)
