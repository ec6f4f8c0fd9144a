"""A page of rows as the data of one record, for its way to the output.

For the command line, a page travels as the lines that will be written. The thread that has just
read the rows turns them into lines, while the processor still has them at hand, and lets go of
them: rows that wait for another thread are out of its cache by then.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import orjson
from airbyte_cdk.models import AirbyteMessage, AirbyteRecordMessage, Type

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from source_gitlab.core.slices import Row
    from source_gitlab.streams import Stream

# No column of GitLab is called like these.
_ROWS = "__page_of_rows"
_LINES = "__page_as_lines"
_SIZE = "__rows_in_page"


def of_rows(_stream: Stream, rows: list[Row]) -> Row:
    """A page for a caller in this process, who gets it `by_row`."""
    return {_ROWS: rows}


def of_lines(stream: Stream, rows: list[Row]) -> Row:
    """A page for the output; the rows are empty afterwards, whoever else still holds them."""
    now = int(time.time() * 1000)
    # The CDK's serializer leaves out columns that are null, and takes three times as long.
    lines = [
        orjson.dumps(
            {"type": "RECORD", "record": {"stream": stream.name, "data": row, "emitted_at": now}}
        )
        for row in rows
    ]
    for row in rows:
        row.clear()
    lines.append(b"")
    return {_LINES: b"\n".join(lines), _SIZE: len(rows)}


def size(record: AirbyteRecordMessage) -> int:
    """How many rows a record stands for: one, unless it is a page `of_lines`."""
    rows: int = record.data.get(_SIZE, 1)
    return rows


def lines(record: AirbyteRecordMessage) -> bytes:
    """The lines of a page `of_lines`, each with its end."""
    text: bytes = record.data[_LINES]
    return text


def by_row(messages: Iterable[AirbyteMessage]) -> Iterator[AirbyteMessage]:
    """The messages, with each page `of_rows` as one message for each row."""
    for message in messages:
        page = message.record
        if page is None:
            yield message
            continue
        for row in page.data[_ROWS]:
            record = AirbyteRecordMessage(page.stream, row, page.emitted_at)
            yield AirbyteMessage(type=Type.RECORD, record=record)
