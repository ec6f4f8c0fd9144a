"""The catalog that users have keeps every column, its type, and every key and cursor.

Columns and streams may be added to `columns.golden`; a line that goes or changes breaks tables.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

LINES = Path(__file__).with_name("columns.golden").read_text(encoding="utf-8").splitlines()
GOLDEN = dict(zip(LINES[::2], LINES[1::2], strict=True))


def _type(node: dict[str, Any]) -> str:
    declared = node["type"]
    form = f"/{node['format']}" if "format" in node else ""
    return (declared if isinstance(declared, str) else f"?{declared[1]}") + form


def _columns(node: dict[str, Any], path: str = "") -> Iterator[str]:
    for name, child in node.get("properties", {}).items():
        column, inner = (f"{path}.{name}" if path else name), child
        yield f"{column}:{_type(child)}"
        yield from _columns(child, column)
        while "items" in inner:
            inner, column = inner["items"], f"{column}[]"
            yield f"{column}:{_type(inner)}"
            yield from _columns(inner, column)


@pytest.mark.parametrize("head", GOLDEN, ids=lambda head: head.split()[0])
def test_no_column_key_or_cursor_changes(head: str) -> None:
    """Tables of users are made from these."""
    stream = streams()[head.split(maxsplit=1)[0]]
    assert f"{stream.name} key={','.join(stream.key)} cursor={stream.cursor}" == head
    assert set(GOLDEN[head].split()) <= set(_columns(stream.schema))
