"""Sets of ids as short text: about three characters an id when ids are scattered.

The form is base64 of zlib of LEB128 numbers: for each run of consecutive ids, in order, how far
it starts behind the end of the run before, and how many more ids it has.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_SEVEN_BITS = 0x7F
_FOURTEEN_BITS = 0x3FFF
# Ids are 64-bit numbers in GitLab; ten groups of seven bits hold them.
_LONGEST_NUMBER = 10
_MOST_IDS = 5_000_000


def encode(ids: Iterable[int]) -> str:
    """The ids as text; equal sets give equal texts.

    States hold thousands of ids and are written again and again, so this is one loop, with most
    numbers in its short cuts. It costs least when the ids come in order.
    """
    data = bytearray()
    write = data.append
    end = more = -1
    for number in sorted(ids):
        gap = number - end - 1
        if gap <= 0 and more >= 0:
            # It follows the id before, or is the same one once more.
            more += gap + 1
            end = number
            continue
        end = number
        if more > _SEVEN_BITS:
            data += _leb128(more)
        elif more >= 0:
            write(more)
        more = 0
        if gap <= _SEVEN_BITS:
            write(gap)
        elif gap <= _FOURTEEN_BITS:
            write(gap & _SEVEN_BITS | 0x80)
            write(gap >> 7)
        else:
            data += _leb128(gap)
    if more >= 0:
        data += _leb128(more)
    # The gaps repeat no sequences worth looking for; but some bytes are more frequent than others.
    deflate = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_HUFFMAN_ONLY)
    return base64.b64encode(deflate.compress(data) + deflate.flush()).decode("ascii")


def _leb128(number: int) -> bytes:
    data = bytearray()
    while number > _SEVEN_BITS:
        data.append(number & _SEVEN_BITS | 0x80)
        number >>= 7
    data.append(number)
    return bytes(data)


def decode(text: str) -> set[int]:
    """The ids of an encoded text.

    Raises:
        ValueError: the text was not made by `encode`.
    """
    try:
        data = zlib.decompress(base64.b64decode(text, validate=True))
    except (binascii.Error, zlib.error) as error:
        message = "not a set of ids"
        raise ValueError(message) from error
    ids: set[int] = set()
    numbers = _numbers(data)
    if len(numbers) % 2:
        message = "a run of ids has no length"
        raise ValueError(message)
    end = -1
    for gap, more in zip(numbers[::2], numbers[1::2], strict=True):
        if len(ids) + more > _MOST_IDS:
            message = "more ids than any GitLab has"
            raise ValueError(message)
        start = end + 1 + gap
        end = start + more
        ids.update(range(start, end + 1))
    return ids


def _numbers(data: bytes) -> list[int]:
    numbers: list[int] = []
    number = shift = 0
    for byte in data:
        number |= (byte & _SEVEN_BITS) << shift
        shift += 7
        if byte > _SEVEN_BITS:
            if shift >= 7 * _LONGEST_NUMBER:
                message = "a number is too long"
                raise ValueError(message)
            continue
        numbers.append(number)
        number = shift = 0
    if shift:
        message = "the text is cut short"
        raise ValueError(message)
    return numbers
