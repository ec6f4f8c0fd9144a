"""A page of rows on its way to the output: as the lines that will be written.

The thread that has just read the rows turns them into lines, while the processor still has them at
hand, and lets go of them: rows that wait for another thread are out of its cache by then.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import orjson

from source_gitlab.gitlab.raw_rows import pieces_of_row

if TYPE_CHECKING:
    from source_gitlab.core.slices import Row
    from source_gitlab.streams import Stream


def of_lines(stream: Stream, rows: list[Row]) -> list[bytes]:
    """The lines of a page, each with its end, in pieces that stand one behind the other.

    The rows are empty afterwards, whoever holds them.
    """
    # Columns that are null are in it, which the CDK's serializer leaves out.
    begin = b'{"type":"RECORD","record":{"stream":%b,"data":' % orjson.dumps(stream.name)
    end = b',"emitted_at":%d}}\n' % int(time.time() * 1000)
    pieces: list[bytes] = []
    for row in rows:
        pieces += (begin, *pieces_of_row(row), end)
        row.clear()
    return pieces
