"""What is written in pieces comes out whole and in order, whatever a write takes of it."""

from __future__ import annotations

import io
import os
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_gitlab.interfaces.airbyte import protocol
from source_gitlab.interfaces.airbyte.writer import Writer, write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MOST = 1024  # pieces that a system takes at once


class Sparing:
    """Takes so many bytes with each write, and all that it gets once these are used up."""

    def __init__(self, taken: list[int]) -> None:
        self.output = b""
        self._taken = iter(taken)

    def write(self, pieces: Sequence[bytes | memoryview]) -> int:
        """Take a part of the pieces."""
        assert len(pieces) <= MOST
        joined = b"".join(pieces)
        part = joined[: next(self._taken, len(joined))]
        self.output += part
        return len(part)


@given(
    st.lists(st.binary(max_size=5), max_size=30),
    st.integers(1, 200),
    st.lists(st.integers(1, 300), max_size=20),
)
def test_a_write_may_take_a_part(pieces: list[bytes], times: int, taken: list[int]) -> None:
    """What it leaves is written behind it, also where there are more pieces than one takes."""
    file = Sparing(taken)
    write_whole(pieces * times, file.write)
    assert file.output == b"".join(pieces) * times


def _record(*pieces: bytes) -> dict[str, Any]:
    return {"type": "RECORD", "record": {"stream": "issues", "data": list(pieces)}}


def _written(writer: Writer) -> None:
    for number in range(MOST):
        writer.write(_record(b'{"number":', b"%d" % number, b"", b"}\n"))
    writer.write(protocol.log("INFO", "between"))
    writer.write(_record(b'{"number":"', b"x" * 400_000, b'"}\n'))
    writer.write(_record(b'{"number":-1}\n'))
    writer.flush()


def test_a_file_gets_what_memory_gets(tmp_path: Path) -> None:
    """Pages in their pieces, and messages between them, in order."""
    memory = io.BytesIO()
    _written(Writer(memory))
    with (tmp_path / "output").open("wb") as output:
        _written(Writer(output))
        assert (tmp_path / "output").read_bytes() == memory.getvalue()
    lines = memory.getvalue().splitlines()
    assert lines[:MOST] == [b'{"number":%d}' % number for number in range(MOST)]
    assert b"between" in lines[MOST]
    assert [len(line) for line in lines[MOST + 1 :]] == [400_013, 13]


def test_a_pipe_that_does_not_wait() -> None:
    """Its reader may have made it so; what it has no room for is written when there is room."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    with ThreadPoolExecutor(1) as reader, open(read, "rb") as end:  # noqa: PTH123 -- a descriptor
        came = reader.submit(end.read)
        with open(write, "wb") as output:  # noqa: PTH123 -- a descriptor
            _written(Writer(output))
    memory = io.BytesIO()
    _written(Writer(memory))
    same = [re.sub(rb'"emitted_at":\d+', b"", one) for one in (came.result(), memory.getvalue())]
    assert same[0] == same[1]


def test_nothing_is_written_behind_a_gap_in_a_file(tmp_path: Path) -> None:
    """Once a write of pieces has failed each later one does, also when there is room again."""
    # The first is a device that is always full.
    with open("/dev/full", "wb") as output, (tmp_path / "room").open("wb") as room:  # noqa: PTH123
        writer = Writer(output)
        writer.write(_record(b"lost\n"))
        with pytest.raises(OSError, match="No space"):
            writer.flush()
        os.dup2(room.fileno(), output.fileno())
        with pytest.raises(OSError, match="No space"):
            writer.write(protocol.log("INFO", "too late"))
    assert (tmp_path / "room").read_bytes() == b""
