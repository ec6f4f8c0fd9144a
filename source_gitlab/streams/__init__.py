"""What exists: the streams, as `declared/`, `schemas/` and `entities.yaml` declare them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from source_gitlab.streams.declarations import areas_of_streams, build, declared
from source_gitlab.streams.json_schema import Schema
from source_gitlab.streams.model import MovedBy, Probe, Refresh, RowsOfMap, Stream

__all__ = ["MovedBy", "Probe", "Refresh", "RowsOfMap", "Schema", "Stream", "root_of", "streams"]


def root_of(stream: Stream) -> Stream:
    """The stream whose slices these are: itself, or the parent of all its parents."""
    while stream.parent is not None:
        stream = streams()[stream.parent]
    return stream


@cache
def streams() -> dict[str, Stream]:
    """Every stream by name, in the order of the areas: the one list that everything else reads.

    Raises:
        DeclarationError: a declaration is wrong.
        SchemaError: a line of a schema is wrong.
    """
    areas = areas_of_streams()
    return {name: replace(one, area=areas[name]) for name, one in build(declared()).items()}
