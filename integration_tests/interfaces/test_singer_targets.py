"""Real Singer programs behind `tap-gitlab`: what arrives where users keep it."""

from __future__ import annotations

import csv
import json
import subprocess
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.environments import environment
from integration_tests.support.reading import differences, expected
from integration_tests.support.singer_tap import (
    configured,
    selecting,
    tap,
    written,
)
from source_gitlab.streams import streams
from source_gitlab.timestamps import instant, is_instant

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator
    from integration_tests.support.postgres import Postgres

DEFAULT = [name for name, stream in streams().items() if stream.selected]


@pytest.fixture(scope="session")
def old_programs() -> Path:
    """The folder of singer-check-tap and target-jsonl."""
    return environment("singer", with_package=False)


@pytest.fixture(scope="session")
def sdk_targets() -> Path:
    """The folder of targets that are made with Meltano's SDK."""
    return environment("singer-sdk", with_package=False)


def load(program: Path, settings: Path, messages: bytes) -> Any:
    """Give messages to a target; the last state that it writes, None for none."""
    done = subprocess.run(
        [program, "--config", settings],
        input=messages,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.splitlines()
    return json.loads(lines[-1]) if lines else None


def test_singer_check_tap(gitlab: Emulator, tmp_path: Path, old_programs: Path) -> None:
    """It finds no fault in a first run, nor in one that goes on from the state of the first.

    It could run the tap by itself, but then does not wait for its own reading of the output.
    """
    config = configured(tmp_path, gitlab)
    state: tuple[object, ...] = ()
    for _ in range(2):
        done = tap("--config", config, *state)
        assert done.code == 0, done.err
        checked = subprocess.run(
            [old_programs / "singer-check-tap"],
            input=done.out,
            capture_output=True,
            cwd=tmp_path,
            timeout=PATIENCE,
            check=False,
        )
        said = checked.stdout.decode()
        assert "The output is valid." in said, said + checked.stderr.decode()
        assert f"{len(done.messages)} messages for {len(DEFAULT)} streams." in said
        state = ("--state", written(tmp_path / "state.json", done.messages[-1]))


def test_target_jsonl(gitlab: Emulator, tmp_path: Path, old_programs: Path) -> None:
    """A file for each stream, with every row as GitLab has it."""
    configured(tmp_path, gitlab, commit_refs="all")
    done = tap("--config", tmp_path / "config.json")
    assert done.code == 0
    folder = tmp_path / "out"
    folder.mkdir()
    settings = {"destination_path": str(folder), "do_timestamp_file": False}
    state = load(
        old_programs / "target-jsonl", written(tmp_path / "target.json", settings), done.out
    )
    assert state == done.messages[-1]["value"]
    wanted = expected(gitlab, *DEFAULT)
    for name in DEFAULT:
        key = streams()[name].key
        path = folder / f"{name}.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        rows = map(json.loads, lines)
        held = {tuple(row[column] for column in key): row for row in rows}
        assert not differences(held, wanted[name]), name


def test_target_csv_with_stream_maps(gitlab: Emulator, tmp_path: Path, sdk_targets: Path) -> None:
    """What a map takes out is not there, what it works out is, and all rows are."""
    configured(tmp_path, gitlab)
    chosen = selecting(tmp_path / "catalog.json", "issues", "branches")
    done = tap("--config", tmp_path / "config.json", "--catalog", chosen)
    maps = {"issues": {"title": None, "shouted": "record['state'].upper()"}}
    settings = {"output_path_prefix": f"{tmp_path}/out/", "stream_maps": maps}
    (tmp_path / "out").mkdir()
    load(sdk_targets / "target-csv", written(tmp_path / "target.json", settings), done.out)
    wanted = expected(gitlab, "issues", "branches")
    for name in ("issues", "branches"):
        with (tmp_path / "out" / f"{name}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        key = streams()[name].key
        held = {tuple(row[column] for column in key) for row in rows}
        assert held == {tuple(map(str, one)) for one in wanted[name]}
        if name == "issues":
            assert all(row["shouted"] == row["state"].upper() for row in rows)
            assert not any("title" in row for row in rows)


class Warehouse:
    """A database of its own that target-postgres loads into, with hard deletes."""

    def __init__(self, program: Path, postgres: Postgres, folder: Path, database: str) -> None:
        """Make it."""
        address = urlsplit(postgres.create(database))
        self._program = program
        self._postgres = postgres
        self._database = database
        settings = {
            "host": address.hostname,
            "port": address.port,
            "user": address.username,
            "password": address.password,
            "database": database,
            "default_target_schema": "public",
            "hard_delete": True,
        }
        self._settings = written(folder / "target.json", settings)

    def load(self, messages: bytes) -> Any:
        """Give messages to the target; its last state."""
        return load(self._program, self._settings, messages)

    def rows(self, name: str, *columns: str) -> list[list[str]]:
        """Columns of a table, sorted."""
        listed = ", ".join(f'"{column}"' for column in columns)
        sql = f'SELECT {listed} FROM public."{name}" ORDER BY {listed}'  # noqa: S608 -- names
        return self._postgres.query(sql, self._database)

    def table(self, name: str) -> dict[tuple[Any, ...], dict[str, Any]]:
        """The rows of a stream by key, as JSON."""
        sql = f'SELECT to_jsonb(one) FROM public."{name}" one'  # noqa: S608 -- a name of ours
        found = (json.loads(one[0]) for one in self._postgres.query(sql, self._database))
        return {tuple(row[column] for column in streams()[name].key): row for row in found}


def same(held: Any, wanted: Any) -> bool:
    """Whether a database has a value that GitLab has; it writes times in UTC, with no zone."""
    is_time = isinstance(held, str) and is_instant(wanted) and held != wanted
    return instant(f"{held}Z") == instant(wanted) if is_time else bool(held == wanted)


def test_odd_values_stop_no_target(
    changing_gitlab: Emulator, tmp_path: Path, sdk_targets: Path, postgres: Postgres
) -> None:
    """A target that checks each value gets those that fit, and the others in a column of theirs."""
    configured(tmp_path, changing_gitlab)
    odd = {"weight": "heavy", "labels": [1], "due_date": "soon"}
    ids = sorted(key[0] for key in expected(changing_gitlab, "issues")["issues"])
    changing_gitlab.mutate("update", table="issues", id=ids[0], set=odd)
    chosen = selecting(tmp_path / "catalog.json", "issues")
    done = tap("--config", tmp_path / "config.json", "--catalog", chosen)
    assert done.code == 0, done.err
    warehouse = Warehouse(sdk_targets / "target-postgres", postgres, tmp_path, "odd")
    warehouse.load(done.out)
    held = warehouse.table("issues")
    assert sorted(key[0] for key in held) == ids
    assert held[ids[0],]["_extra"] == odd
    assert held[ids[0],]["weight"] is None
    assert all(row["_extra"] is None for key, row in held.items() if key[0] != ids[0])


def test_target_postgres(
    changing_gitlab: Emulator, tmp_path: Path, sdk_targets: Path, postgres: Postgres
) -> None:
    """All rows arrive, column by column; what is gone in GitLab leaves the tables."""
    configured(
        tmp_path,
        changing_gitlab,
        commit_refs="all",
        emit_activate_version_messages=True,
        activate_version_despite_skips=True,
    )
    warehouse = Warehouse(sdk_targets / "target-postgres", postgres, tmp_path, "singer")
    done = tap("--config", tmp_path / "config.json")
    assert done.code == 0, done.err
    state = warehouse.load(done.out)
    wanted = expected(changing_gitlab, *DEFAULT)
    for name in DEFAULT:
        if not wanted[name]:
            continue
        held = warehouse.table(name)
        assert held.keys() == wanted[name].keys(), name
        for key, row in wanted[name].items():
            odd = [c for c, v in row.items() if not same(held[key].get(c), v)]
            assert not odd, (name, key, odd)

    branch = next(one for one in wanted["branches"].values() if not one["default"])
    label = next(iter(wanted["project_labels"].values()))
    project_id = next(key[0] for key, one in wanted["branches"].items() if one is branch)
    gone = next(key[0] for key in wanted["projects"] if key[0] != project_id)
    changing_gitlab.mutate("delete_branch", project_id=project_id, branch=branch["name"])
    changing_gitlab.mutate("delete", table="labels", id=label["id"])
    changing_gitlab.mutate("hide_project", id=gone)
    state_file = written(tmp_path / "state.json", state)
    done = tap("--config", tmp_path / "config.json", "--state", state_file)
    assert done.code == 0, done.err
    warehouse.load(done.out)
    wanted = expected(changing_gitlab, "branches", "project_labels", "projects")
    for name in ("branches", "project_labels", "projects"):
        assert warehouse.table(name).keys() == wanted[name].keys(), name
    assert [str(gone)] not in warehouse.rows("projects", "id")
