"""The dbt package gives the same numbers, in DuckDB and in PostgreSQL.

The rows get there with dbt alone: seeds would guess types, so each table is made by its statement.
"""

# The only texts put into SQL here are names of columns and tables, and literals of the worlds.
# ruff: noqa: S608

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import yaml

from integration_tests.support.environments import ROOT, environment
from integration_tests.views.worlds import NAMES, NOW, check, world
from source_gitlab.interfaces.duckdb_types import TYPES
from source_gitlab.streams import streams
from source_gitlab.views.catalog import SCHEMA, views

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator
    from integration_tests.support.postgres import Postgres

LISTED = f"SELECT view_name FROM duckdb_views() WHERE schema_name = '{SCHEMA}'"
POSTGRES = {
    **TYPES,
    "text": "text",
    "number": "double precision",
    "json": "jsonb",
}


@pytest.fixture(scope="module")
def dbt() -> Path:
    """The program of an environment of its own."""
    return environment("dbt", with_package=False) / "dbt"


def literal(value: Any, kind: str) -> str:
    """A value in SQL."""
    if value is None:
        return "NULL"
    if kind == "json":
        value = json.dumps(value)
    if isinstance(value, bool):
        return str(value)
    return str(value) if not isinstance(value, str) else "'" + value.replace("'", "''") + "'"


def statements(name: str, types: dict[str, str]) -> Iterator[str]:
    """The tables of a world with their rows, without columns that hold nothing, as by loaders."""
    for stream, rows in world(name).rows.items():
        columns = streams()[stream].columns
        used = dict.fromkeys(column for row in rows for column in row)
        shapes = ", ".join(f'"{column}" {types[columns[column].kind]}' for column in used)
        yield f'CREATE TABLE gitlab."{stream}" ({shapes})'
        for row in rows:
            names = ", ".join(f'"{column}"' for column in row)
            values = ", ".join(literal(row[column], columns[column].kind) for column in row)
            yield f'INSERT INTO gitlab."{stream}" ({names}) VALUES ({values})'


def target_of(postgres: Postgres, database: str) -> dict[str, Any]:
    """A database of the server as dbt has it."""
    return {
        "type": "postgres",
        "host": "127.0.0.1",
        "port": postgres.port,
        "user": "gitlab",
        "password": "postgres-password",
        "dbname": database,
        "schema": "views",
    }


def run_dbt(dbt: Path, folder: Path, target: dict[str, Any]) -> None:
    """Make the models of the package in a target, with what dbt writes below `folder`."""
    profile = {"gitlab_views": {"target": "it", "outputs": {"it": {"threads": 1, **target}}}}
    (folder / "profiles.yml").write_text(yaml.safe_dump(profile))
    given = {"gitlab_schema": "gitlab", "gitlab_as_of": NOW}
    command = [str(dbt), "--no-use-colors", "run", "--profile", "gitlab_views", "--vars"]
    places = ["--project-dir", str(ROOT / "dbt"), "--profiles-dir", str(folder)]
    outputs = ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    done = subprocess.run(
        [*command, json.dumps(given), *places, *outputs],
        cwd=folder,
        env={**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"PASS={len(views())} " in done.stdout


def test_duckdb(dbt: Path, tmp_path: Path) -> None:
    """All models are made, those without tables too, and have the numbers worked out by hand.

    One world is enough here: the SQL is that of `test_worlds`, whatever renders it.
    """
    name = "delivery"
    file = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE SCHEMA gitlab")
        for statement in statements(name, dict(TYPES)):
            connection.execute(statement)
    run_dbt(dbt, tmp_path, {"type": "duckdb", "path": str(file), "schema": "views"})
    with duckdb.connect(str(file)) as connection:
        for view, expected in world(name).expected.items():
            answer = connection.execute(f"SELECT * FROM views.{view}")
            columns = [column[0] for column in answer.description or ()]
            found = [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]
            check(view, found, expected)


@pytest.mark.parametrize("name", NAMES)
def test_postgres(name: str, dbt: Path, postgres: Postgres, tmp_path: Path) -> None:
    """The same in a database that says many things differently."""
    postgres.create(name)
    postgres.query("CREATE SCHEMA gitlab", name)
    for statement in statements(name, POSTGRES):
        postgres.query(statement, name)
    run_dbt(dbt, tmp_path, target_of(postgres, name))
    for view, expected in world(name).expected.items():
        rows = postgres.query(f"SELECT to_jsonb(one) FROM views.{view} AS one", name)
        check(view, [json.loads(row[0]) for row in rows], expected)


def test_what_sync_writes_to_a_warehouse(
    gitlab: Emulator, dbt: Path, postgres: Postgres, tmp_path: Path
) -> None:
    """Each model has in PostgreSQL what the view has in a DuckDB file of the same GitLab."""
    file = tmp_path / "gitlab.duckdb"
    for place in (str(file), postgres.create("synced")):
        done = subprocess.run(
            [sys.executable, "-m", "source_gitlab", "sync", "--url", gitlab.url, "--to", place],
            env={**os.environ, "GITLAB_TOKEN": gitlab.token},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    run_dbt(dbt, tmp_path, target_of(postgres, "synced"))
    compared = 0
    with duckdb.connect(str(file), read_only=True) as connection:
        for (view,) in connection.execute(LISTED).fetchall():
            where = f"FROM {SCHEMA}.{view}"
            columns = [row[0] for row in connection.execute(f"DESCRIBE {where}").fetchall()]
            filled = ", ".join(f'count("{column}")' for column in columns)
            (expected,) = connection.execute(f"SELECT count(*), {filled} {where}").fetchall()
            (found,) = postgres.query(f"SELECT count(*), {filled} FROM views.{view}", "synced")
            assert found == [str(cell) for cell in expected], view
            compared += expected[0]
    assert compared > 500
