"""Packed answers come out the same whichever library unpacks them."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest
from isal import isal_zlib
from urllib3.exceptions import DecodeError

from source_gitlab.gitlab.transport.body import unpacked

LIBRARIES = pytest.mark.parametrize("library", [zlib, isal_zlib], ids=lambda one: one.__name__)
TEXT = b"".join(b'{"id":%d,"title":"a row"},' % number for number in range(5000))
PACKED = gzip.compress(TEXT)


@LIBRARIES
@pytest.mark.parametrize(
    ("encoding", "packed", "wanted"),
    [
        ("gzip", PACKED, TEXT),
        ("x-gzip", gzip.compress(TEXT, 0), TEXT),
        ("gzip", gzip.compress(TEXT[:99]) + gzip.compress(TEXT[99:]), TEXT),
        ("gzip", PACKED + b"\0\0", TEXT),
        ("gzip", gzip.compress(b""), b""),
        ("deflate", zlib.compress(TEXT), TEXT),
        ("deflate", zlib.compress(TEXT)[2:-4], TEXT),
    ],
    ids=["one", "stored", "members", "padded", "empty", "deflate", "deflate without header"],
)
def test_what_was_packed_is_unpacked(
    library: Any, encoding: str, packed: bytes, wanted: bytes
) -> None:
    """All of it, and no more than may be taken."""
    most = len(TEXT)
    assert unpacked(packed, encoding, most, in_part=False, library=library) == wanted
    assert unpacked(packed, encoding, 100, in_part=False, library=library) == wanted[:101]


@LIBRARIES
@pytest.mark.parametrize(
    "packed",
    [
        PACKED[:-1],
        PACKED[:20],
        b"",
        PACKED[:-6] + b"\0" * 6,
        PACKED[:50] + b"\xff" * 50 + PACKED[100:],
        b"no gzip",
        gzip.compress(TEXT[:99]) + PACKED[:30],
    ],
    ids=["torn", "begun", "nothing", "sum", "damaged", "other", "second torn"],
)
def test_what_is_damaged_is_an_error(library: Any, packed: bytes) -> None:
    """A page that lacks rows must not pass for a page."""
    with pytest.raises(DecodeError):
        unpacked(packed, "gzip", len(TEXT), in_part=False, library=library)


@LIBRARIES
def test_of_a_part_comes_what_there_is(library: Any) -> None:
    """Of an error's body only the beginning is read."""
    found = unpacked(PACKED[:200], "gzip", len(TEXT), in_part=True, library=library)
    assert found
    assert TEXT.startswith(found)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, br", "x" * 99])
def test_what_is_packed_in_another_way_is_an_error(encoding: str) -> None:
    """We ask for gzip alone."""
    with pytest.raises(DecodeError, match=encoding[:20]):
        unpacked(PACKED, encoding, len(TEXT), in_part=False)


@LIBRARIES
@pytest.mark.parametrize("packed", [zlib.compress(TEXT)[:-9], zlib.compress(TEXT)[2:-40], b""])
def test_a_torn_deflate_is_an_error(library: Any, packed: bytes) -> None:
    """As a torn gzip is."""
    with pytest.raises(DecodeError):
        unpacked(packed, "deflate", len(TEXT), in_part=False, library=library)


def test_a_bomb_takes_no_memory() -> None:
    """A gigabyte of nothing, in a megabyte; no more than asked for comes out."""
    bomb = gzip.compress(bytes(1 << 28))
    assert len(unpacked(bomb, "gzip", 1 << 20, in_part=False)) == (1 << 20) + 1
