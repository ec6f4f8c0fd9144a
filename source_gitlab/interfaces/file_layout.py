"""How `sync` lays out its DuckDB file: what those who only read it have to know."""

from __future__ import annotations

from typing import Final

FORMAT: Final = 2
"""The layout that this version writes; a file of a greater one is refused."""

SCHEMA: Final = "_source_gitlab"
META: Final = f"{SCHEMA}.meta"
STATE: Final = f"{SCHEMA}.state"
STREAMS: Final = f"{SCHEMA}.streams"
REPLACED: Final = f"{SCHEMA}.replaced"
RUNS: Final = f"{SCHEMA}.runs"
SKIPS: Final = f"{SCHEMA}.skips"
