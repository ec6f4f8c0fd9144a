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
# Ids are 64-bit numbers in GitLab; ten groups of seven bits hold them.
_LONGEST_NUMBER = 10
_MOST_IDS = 5_000_000


def encode(ids: Iterable[int]) -> str:
    """The ids as text; equal sets give equal texts."""
    numbers: list[int] = []
    end = start = -1
    for number in sorted(set(ids)):
        if start >= 0 and number == end + 1:
            end = number
            continue
        if start >= 0:
            numbers.append(end - start)
        numbers.append(number - end - 1)
        start = end = number
    if start >= 0:
        numbers.append(end - start)
    data = bytearray()
    for number in numbers:
        rest = number
        while rest > _SEVEN_BITS:
            data.append(rest & _SEVEN_BITS | 0x80)
            rest >>= 7
        data.append(rest)
    return base64.b64encode(zlib.compress(bytes(data), 9)).decode("ascii")


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
