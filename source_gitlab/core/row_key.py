"""How the rows of one list are told apart: by where their key stands in GitLab's own row."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def key_values(row: Mapping[str, object], paths: Iterable[str]) -> tuple[object, ...]:
    """The values at `paths` (`Stream.row_key`), of which one with dots leads into objects."""
    return tuple(row.get(path) if "." not in path else _inner(row, path) for path in paths)


def _inner(row: object, path: str) -> object:
    value: object = row
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
