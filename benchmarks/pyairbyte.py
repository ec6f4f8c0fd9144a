"""PyAirbyte reads this connector into DuckDB: what its users write, for its own environment.

A program: standard input is JSON with `config`, `executable`, `streams` and `database`.
"""

import json
import sys

import airbyte  # type: ignore[import-not-found]
from airbyte.caches import DuckDBCache  # type: ignore[import-not-found]

given = json.load(sys.stdin)
source = airbyte.get_source(
    "source-gitlab",
    config=given["config"],
    local_executable=given["executable"],
    streams=given["streams"],
)
source.read(cache=DuckDBCache(db_path=given["database"], schema_name="copied"))
