"""The tool sql, attacked: nothing but the rows of the file can be had, and nothing changed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import duckdb
import pytest

from integration_tests.support.models import Model, over_stdio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "secret-of-this-machine-0001"


@pytest.fixture(scope="module")
def place(synced: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the file, and with what a query must not reach."""
    folder = tmp_path_factory.mktemp("attacked")
    shutil.copy(synced, folder / "gitlab.duckdb")
    (folder / "secret.csv").write_text(f"a\n{SECRET}\n")
    (folder / "secret.json").write_text(f'{{"a": "{SECRET}"}}')
    with duckdb.connect(str(folder / "other.duckdb")) as connection:
        connection.execute(f"CREATE TABLE t AS SELECT '{SECRET}' AS a")
    return folder


@pytest.fixture(scope="module")
def model(place: Path) -> Iterator[Model]:
    made = Model(over_stdio("--file", place / "gitlab.duckdb", MY_SECRET=SECRET))
    yield made
    made.close()


ATTACKS = {
    "copy-out": "COPY issues TO '{place}/out.csv'",
    "copy-query": "COPY (SELECT 1) TO '{place}/out.csv'",
    "copy-in": "COPY issues FROM '{place}/secret.csv'",
    "attach": "ATTACH '{place}/other.duckdb' AS other",
    "attach-new": "ATTACH '{place}/new.duckdb'",
    "detach": "DETACH gitlab",
    "install": "INSTALL httpfs",
    "load": "LOAD httpfs",
    "read_csv": "SELECT * FROM read_csv('{place}/secret.csv')",
    "read_csv-scalar": "SELECT (SELECT a FROM read_csv('{place}/secret.csv'))",
    "read_text": "SELECT content FROM read_text('{place}/secret.csv')",
    "read_blob": "SELECT content FROM read_blob('{place}/secret.csv')",
    "read_json": "SELECT * FROM read_json('{place}/secret.json')",
    "read_parquet": "SELECT * FROM read_parquet('https://example.com/a.parquet')",
    "replacement-scan": "SELECT * FROM '{place}/secret.csv'",
    "replacement-scan-quoted": 'SELECT * FROM "{place}/secret.csv"',
    "python-variable": "SELECT * FROM values",
    "glob": "SELECT * FROM glob('{place}/*')",
    "sniff_csv": "SELECT * FROM sniff_csv('{place}/secret.csv')",
    "parquet_metadata": "SELECT * FROM parquet_metadata('{place}/secret.csv')",
    "pragma": "PRAGMA database_list",
    "pragma-set": "PRAGMA enable_external_access=true",
    "pragma-function": "SELECT * FROM pragma_database_list()",
    "pragma-view": "SELECT * FROM pragma_database_list",
    "set": "SET enable_external_access = true",
    "set-lock": "SET lock_configuration = false",
    "reset": "RESET ALL",
    "multiple": "SELECT 1; SELECT 2",
    "multiple-hidden": "SELECT 1; /* */ COPY issues TO '{place}/out.csv'",
    "multiple-set": "SELECT 1; SET enable_external_access = true",
    "nothing": ";",
    "empty-comment": "-- nothing",
    "insert": "INSERT INTO issues (id) VALUES (0)",
    "update": "UPDATE issues SET title = 'x'",
    "delete": "DELETE FROM issues",
    "truncate": "TRUNCATE issues",
    "drop": "DROP TABLE issues",
    "create": "CREATE TABLE x AS SELECT 1",
    "create-temp": "CREATE TEMP TABLE x AS SELECT 1",
    "create-macro": "CREATE MACRO f() AS 1",
    "create-secret": "CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "cte-insert": "WITH x AS (INSERT INTO issues (id) VALUES (0) RETURNING *) SELECT * FROM x",
    "cte-delete": "WITH x AS (DELETE FROM issues RETURNING *) SELECT * FROM x",
    "cte-update": "WITH x AS (UPDATE issues SET title = '' RETURNING *) SELECT * FROM x",
    "cte-deep": "SELECT * FROM (WITH x AS (DELETE FROM issues RETURNING *) SELECT * FROM x)",
    "getenv": "SELECT getenv('MY_SECRET')",
    "getenv-qualified": "SELECT main.getenv('MY_SECRET')",
    "current_setting": "SELECT current_setting('secret_directory')",
    "settings": "SELECT * FROM duckdb_settings()",
    "settings-view": "SELECT * FROM duckdb_settings",
    "secrets": "SELECT * FROM duckdb_secrets()",
    "which_secret": "SELECT * FROM which_secret('s3://a', 's3')",
    "databases": "SELECT path FROM duckdb_databases()",
    "extensions": "SELECT * FROM duckdb_extensions()",
    "logs": "SELECT * FROM duckdb_logs()",
    "write_log": "SELECT write_log('x')",
    "sleep": "SELECT pg_sleep(60)",
    "query": "SELECT * FROM query('SELECT 1')",
    "query_table": "SELECT * FROM query_table(['issues'])",
    "serialized": "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "call": "CALL pragma_version()",
    "explain": "EXPLAIN ANALYZE SELECT 1",
    "prepare": "PREPARE x AS SELECT 1",
    "export": "EXPORT DATABASE '{place}/out'",
    "import": "IMPORT DATABASE '{place}'",
    "checkpoint": "FORCE CHECKPOINT",
    "vacuum": "VACUUM",
    "begin": "BEGIN TRANSACTION",
    "use": "USE memory",
    "describe-file": "DESCRIBE SELECT * FROM '{place}/secret.csv'",
    "describe-path": "DESCRIBE '{place}/secret.csv'",
    "summarize-file": "SUMMARIZE '{place}/secret.csv'",
    "much-text": "SELECT repeat('x', 1000000) AS a, n FROM range(90) t(n)",
    "pivot-statement": "PIVOT issues ON state USING count(*)",
    "catalog": "SELECT * FROM sqlite_master",
    "pg_catalog": "SELECT * FROM pg_catalog.pg_settings",
    "long": "SELECT '" + "x" * 30_000 + "'",
    "deep": "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
    "deep-query": "SELECT * FROM (" * 300 + "SELECT 1" + ")" * 300,
    "zero": "SELECT 1\0; COPY issues TO '{place}/out.csv'",
    "empty": " ",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_in_a_sentence(model: Model, place: Path, name: str) -> None:
    before = {one: one.read_bytes() for one in place.iterdir()}
    sql = ATTACKS[name].replace("{place}", str(place))
    error = model.call("sql", query=sql).error
    assert SECRET not in error
    assert error.rstrip() != "Error executing tool sql"
    assert "Traceback" not in error
    assert {one: one.read_bytes() for one in place.iterdir()} == before


def test_after_all_attacks_the_file_is_read_as_before(model: Model) -> None:
    (row,) = model.call("sql", query="SELECT count(*) AS n FROM issues").answer["rows"]
    assert row["n"] > 0


ALLOWED = {
    "values": "VALUES (1), (2)",
    "from-first": "FROM issues SELECT iid LIMIT 1",
    "table": "TABLE groups",
    "union": "SELECT id FROM issues UNION ALL SELECT id FROM merge_requests",
    "cte": "WITH x AS (SELECT state FROM issues) SELECT state, count(*) FROM x GROUP BY ALL",
    "recursive": (
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) FROM t"
    ),
    "subquery": "SELECT (SELECT max(iid) FROM issues) AS m, EXISTS (FROM groups) AS e",
    "lateral": "SELECT i.iid, l.value FROM issues i, json_each(i.labels) l LIMIT 5",
    "unnest": "SELECT unnest(CAST(labels AS VARCHAR[])) AS label, count(*) FROM issues GROUP BY 1",
    "window": "SELECT iid, row_number() OVER (PARTITION BY project_id ORDER BY iid) FROM issues",
    "quoted": 'SELECT "Id" FROM "main"."ISSUES"',
    "describe": "DESCRIBE issues",
    "state": "SELECT stream, updated_at FROM _source_gitlab.state",
    "information_schema": "SELECT table_name FROM information_schema.tables",
    "semicolon": "SELECT 1;",
    "comment": "/* how many */ SELECT count(*) -- all\nFROM issues",
    "odd-values": "SELECT 'nan'::DOUBLE, 10::HUGEINT ** 30, 1.5::DECIMAL, INTERVAL 1 DAY, uuid()",
    "nested": "SELECT {'a': [NULL, {'b': DATE '2024-01-01'}]} AS s, MAP {1: 'x'} AS m",
}


@pytest.mark.parametrize("name", ALLOWED)
def test_a_select_over_the_file_is_answered(model: Model, name: str) -> None:
    assert model.call("sql", query=ALLOWED[name]).answer["rows"]


def test_columns_of_one_name_all_come(model: Model) -> None:
    (row,) = model.call("sql", query="SELECT 1 AS a, 2 AS a").answer["rows"]
    assert row == {"a": 1, "a_2": 2}


def test_rows_are_limited_and_said_to_be(model: Model) -> None:
    found = model.call("sql", query="SELECT * FROM range(50)", limit=7).answer
    assert (len(found["rows"]), found["has_more"]) == (7, True)
    whole = model.call("sql", query="SELECT * FROM range(7)", limit=7).answer
    assert (len(whole["rows"]), whole["has_more"]) == (7, False)
