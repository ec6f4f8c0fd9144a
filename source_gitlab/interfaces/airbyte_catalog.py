"""Airbyte's catalog of the declared streams, as JSON: it is the same for every GitLab."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_gitlab.streams import streams

if TYPE_CHECKING:
    from source_gitlab.streams import Stream


def catalog() -> dict[str, Any]:
    """The catalog (https://docs.airbyte.com/understanding-airbyte/airbyte-protocol#airbytecatalog)."""
    return {"streams": [_entry(stream) for stream in streams().values()]}


def _entry(stream: Stream) -> dict[str, Any]:
    modes, cursor = ["full_refresh"], {}
    if stream.cursor:
        modes.append("incremental")
        cursor = {"source_defined_cursor": True, "default_cursor_field": [stream.cursor]}
    return {
        "name": stream.name,
        "json_schema": stream.schema,
        "supported_sync_modes": modes,
        **cursor,
        "source_defined_primary_key": [[column] for column in stream.key],
        "is_resumable": stream.incremental,
    }
