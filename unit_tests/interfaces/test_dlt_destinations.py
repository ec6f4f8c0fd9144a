"""What `--to` names for dlt, and that its destinations take our names and types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from dlt.common.destination.utils import verify_schema_capabilities, verify_supported_data_types
from dlt.common.schema import Schema
from dlt.common.storages.load_package import ParsedLoadJobFileName

from source_gitlab.engine.exit_codes import UsageError
from source_gitlab.interfaces.dlt.columns import hints
from source_gitlab.interfaces.dlt.destinations import DATASET, target
from source_gitlab.interfaces.duckdb_types import table_of
from source_gitlab.redaction import redact
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from source_gitlab.interfaces.dlt.destinations import Target

PASSWORD = "hunter-2%2F3"
ADDRESSES = {
    f"postgresql://loader:{PASSWORD}@db.example.com:5432/analytics": "postgres",
    f"postgres://loader:{PASSWORD}@db.example.com/analytics": "postgres",
    f"redshift://loader:{PASSWORD}@cluster.example.com:5439/analytics": "redshift",
    f"mssql://loader:{PASSWORD}@db.example.com/analytics?TrustServerCertificate=yes": "mssql",
    f"clickhouse://loader:{PASSWORD}@ch.example.com:9000/analytics?secure=1": "clickhouse",
    f"snowflake://loader:{PASSWORD}@account/analytics?warehouse=W": "snowflake",
    "bigquery://project/analytics": "bigquery",
    "motherduck:analytics": "motherduck",
    f"md:analytics?motherduck_token={PASSWORD}": "motherduck",
    "duckdb:///tmp/other.duckdb": "duckdb",
    "s3://bucket/path": "filesystem",
    "gs://bucket/path": "filesystem",
    "az://container/path": "filesystem",
    "tables/": "filesystem",
}


def named(text: str, **more: Any) -> Target:
    """What an address names, which is something."""
    found = target(text, **more)
    assert found is not None
    return found


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_names_a_destination(address: str) -> None:
    """By its scheme; what is shown of it has no password and no setting."""
    found = named(address)
    assert found.way.name == ADDRESSES[address]
    assert found.destination().destination_name == found.way.name
    for text in (str(found), redact(f"could not connect to {address}")):
        assert PASSWORD not in text
        assert "hunter" not in text


@pytest.mark.parametrize("text", ["gitlab.duckdb", "tables", "sqlite:///x", "https://example.com/"])
def test_other_names_are_not_for_dlt(text: str) -> None:
    """A file is ours, and so is saying what is wrong with the rest."""
    assert target(text) is None


@pytest.mark.parametrize("table_format", ["parquet", "delta", "iceberg"])
def test_a_table_format_makes_a_folder_of_a_name(table_format: str) -> None:
    """Of a bucket too."""
    assert named("tables", table_format=table_format).table_format == table_format
    assert named("s3://bucket/x", table_format=table_format).table_format == table_format
    assert named("s3://bucket/x").table_format == "parquet"


def test_a_dataset_is_named_by_address_or_flag() -> None:
    """The flag wins; without either it is `gitlab`."""
    assert named("bigquery://project/analytics").dataset == "analytics"
    assert named("bigquery://project/analytics", dataset="raw").dataset == "raw"
    assert named("bigquery://project").dataset == named("postgresql://h/d").dataset == DATASET


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        ("postgresql://h/d", {"table_format": "delta"}, "goes with a folder or a bucket"),
        ("postgresql://h/d", {"dataset": "a-b"}, "letters, digits and underscores"),
        ("gitlab.duckdb", {"dataset": "raw"}, "not with a DuckDB file"),
    ],
)
def test_what_does_not_go_together_is_refused(text: str, more: dict[str, str], said: str) -> None:
    """Before anything is read."""
    with pytest.raises(UsageError, match=said):
        target(text, **more)


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_destination_takes_our_names_and_types(address: str) -> None:
    """Those of every stream, in the files that it is given, as far as dlt knows it."""
    found = named(address)
    destination = found.destination()
    capabilities = destination.capabilities()
    file_format = cast("Any", found.way.file_format)
    assert file_format in (capabilities.supported_loader_file_formats or ())
    schema = Schema("gitlab")
    jobs = []
    for stream in streams().values():
        table = table_of(stream)
        columns = cast("Any", hints(table, nested=found.way.nested))
        schema.update_table({"name": table.name, "columns": columns})
        jobs.append(ParsedLoadJobFileName(table.name, "1", 0, file_format))
        # What was written in one form must not have two names, nor two things one name.
        normal = [schema.naming.normalize_identifier(name) for name in columns]
        assert len(set(normal)) == len(columns), table.name
    problems = verify_schema_capabilities(schema, capabilities, found.way.name)
    tables = cast("Any", schema.data_tables(include_incomplete=True))
    assert len(tables) == len(streams())
    problems += verify_supported_data_types(tables, jobs, capabilities, found.way.name)
    assert not problems, problems[:3]
