"""Meltano runs `tap-gitlab`, as docs/singer.md tells its users."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.interfaces.test_singer_targets import (  # noqa: F401 -- a fixture
    old_programs,
)
from integration_tests.support.environments import environment
from integration_tests.support.process import surroundings
from integration_tests.support.reading import differences, expected
from integration_tests.support.singer_tap import EXECUTABLE, tap
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

READ = ["issues", "branches", "commits", "groups", "project_labels"]
RUN = ("run", "tap-gitlab", "target-jsonl")


@dataclass(frozen=True)
class Project:
    """A project of Meltano's with a target; the tap is not added yet."""

    folder: Path
    program: Path

    @classmethod
    def made(cls, folder: Path, target: Path) -> Project:
        """Write it, for a target that is installed."""
        out = folder / "out"
        out.mkdir()
        loader = {
            "name": "target-jsonl",
            "namespace": "target_jsonl",
            "executable": str(target),
            "config": {"destination_path": str(out), "do_timestamp_file": False},
        }
        content = {
            "default_environment": "dev",
            "project_id": "5ad7a26d-5a3b-44a6-9f29-3f5a1c2b7e01",
            "send_anonymous_usage_stats": False,
            "environments": [{"name": "dev"}],
            "plugins": {"loaders": [loader]},
        }
        (folder / "meltano.yml").write_text(yaml.safe_dump(content))
        return cls(folder, environment("meltano", with_package=False) / "meltano")

    def meltano(self, *arguments: str, code: int = 0) -> str:
        """Run a command; what it says."""
        done = subprocess.run(
            [self.program, *arguments],
            cwd=self.folder,
            env=surroundings(NO_COLOR="1"),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, said
        return said

    def add(self, gitlab: Emulator) -> None:
        """Add the tap by its definition, and configure it."""
        definition = yaml.safe_load(tap("--about", "--format", "plugin").out)
        # A program that is there already needs no package.
        del definition["pip_url"]
        path = self.folder / "tap-gitlab.yml"
        path.write_text(yaml.safe_dump({**definition, "executable": str(EXECUTABLE)}))
        self.meltano("add", "tap-gitlab", "--from-ref", str(path), "--no-install")
        for name, value in {
            "credentials.auth_type": "access_token",
            "credentials.access_token": gitlab.token,
            "api_url": gitlab.url,
            "groups_list": '["acme"]',
        }.items():
            self.meltano("config", "set", "tap-gitlab", name, value)

    def rows(self, name: str) -> list[dict[str, Any]]:
        """What the target has written of a stream so far."""
        path = self.folder / "out" / f"{name}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]

    def forget(self) -> None:
        """Remove what the target has written."""
        for path in (self.folder / "out").iterdir():
            path.unlink()


@pytest.fixture
def project(tmp_path: Path, old_programs: Path) -> Project:  # noqa: F811 -- as above
    """A project in a folder of its own."""
    return Project.made(tmp_path, old_programs / "target-jsonl")


def test_meltano_run(changing_gitlab: Emulator, project: Project) -> None:
    """The first run brings all, the second what changed; a column that is left out is absent."""
    project.add(changing_gitlab)
    assert changing_gitlab.token not in (project.folder / "meltano.yml").read_text()
    assert "Plugin configuration is valid" in project.meltano("config", "test", "tap-gitlab")
    for name in READ:
        project.meltano("select", "tap-gitlab", name, "*")
    project.meltano("select", "tap-gitlab", "--exclude", "issues", "title")
    project.meltano(*RUN)
    wanted = expected(changing_gitlab, "issues", "branches", "groups", groups="acme")
    for name in ("issues", "branches", "groups"):
        key = streams()[name].key
        held = {tuple(row[column] for column in key): row for row in project.rows(name)}
        leaving = {
            k: {c: v for c, v in row.items() if c != "title"} for k, row in wanted[name].items()
        }
        assert not differences(held, leaving), name
    assert not [row for row in project.rows("issues") if "title" in row]

    changed = sorted(row["id"] for row in project.rows("issues"))[:2]
    project.forget()
    changing_gitlab.clock(advance=3600)
    for number in changed:
        changing_gitlab.mutate("update", table="issues", id=number, set={"weight": 7})
    project.meltano(*RUN)
    assert sorted(row["id"] for row in project.rows("issues")) == changed
    assert [row["weight"] for row in project.rows("issues")] == [7, 7]
    assert not (project.folder / "out" / "commits.jsonl").exists()
    said = project.meltano("state", "get", "dev:tap-gitlab-to-target-jsonl").splitlines()
    (state,) = [json.loads(line) for line in said if line.startswith("{")]
    assert state["singer_state"]["bookmarks"].keys() == {"issues", "commits"}


def test_a_full_refresh_that_ends_early_leaves_no_old_state(
    changing_gitlab: Emulator, project: Project
) -> None:
    """Meltano merges the state of such a run into the former one: nothing of that may stay."""
    project.add(changing_gitlab)
    project.meltano("select", "tap-gitlab", "issues", "*")
    project.meltano(*RUN)
    whole = {row["id"] for row in project.rows("issues")}
    project.forget()
    # The group's list breaks behind its first page, so that all issues but those are still owed.
    changing_gitlab.faults([{"kind": "status", "status": 500, "path": "/groups/10/issues$"}])
    project.meltano("run", "--full-refresh", *RUN[1:], code=1)
    changing_gitlab.faults([])
    project.meltano(*RUN)
    assert {row["id"] for row in project.rows("issues")} == whole


def test_what_is_read_by_default_can_be_selected_at_once(
    gitlab: Emulator, project: Project
) -> None:
    """As the documents say; Meltano selects everything else."""
    project.add(gitlab)
    chosen = tap("--about", "--format", "select").out.decode()
    project.meltano("config", "set", "tap-gitlab", "_select", chosen)
    listed = project.meltano("select", "tap-gitlab", "--list")
    wanted = {f"{name}.{key}" for name, one in streams().items() if one.selected for key in one.key}
    lines = (line.strip().partition("] ") for line in listed.splitlines())
    selected = {name for mark, _, name in lines if mark.startswith(("[selected", "[automatic"))}
    assert wanted <= selected
    assert not any(one.startswith(("issue_notes.", "commit_files.")) for one in selected)
