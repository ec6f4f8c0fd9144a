"""A page of rows on its way to the output: as the lines that will be written.

The thread that has just
read the rows turns them into lines, while the processor still has them at hand, and lets go of
them: rows that wait for another thread are out of its cache by then.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from source_gitlab.core.slices import Row
    from source_gitlab.streams import Stream


def of_lines(stream: Stream, rows: list[Row]) -> bytes:
    """The lines of a page, each with its end; the rows are empty afterwards, whoever holds them."""
    now = int(time.time() * 1000)
    # Columns that are null are in it, which the CDK's serializer leaves out.
    lines = [
        orjson.dumps(
            {"type": "RECORD", "record": {"stream": stream.name, "data": row, "emitted_at": now}}
        )
        for row in rows
    ]
    for row in rows:
        row.clear()
    lines.append(b"")
    return b"\n".join(lines)
