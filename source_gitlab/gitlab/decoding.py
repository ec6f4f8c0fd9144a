"""Bodies of answers as JSON: bounded before they are parsed, and mended where that is safe.

GitLab writes UTF-8, but what people pushed or imported need not be. Bytes that are none, and
halves of surrogate pairs, can stand in texts only, so that the rest of the answer is sound: they
become U+FFFD.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from source_gitlab.gitlab.raw_rows import RawColumns

# Parsed, a value takes up to 30 times its bytes: an empty object 72 for 3. A body below the first
# bound cannot hurt, whatever is in it. A hundred rows of GitLab's largest have 20,000 values; what
# has more than these is asked for in smaller pages.
_SMALL = 1 << 20
_MOST_VALUES = 600_000

# A backslash and what it escapes are taken together: behind an escaped backslash, a u is a u.
_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\."
)
# How deep values may be nested, the list of rows and the rows included. What is deeper than this
# cannot be written: orjson writes 254 levels, and a record has three around its row.
DEEPEST = 250
# The levels that orjson reads. It has no setting for it, so those that are too many are put around
# the body.
_READ = 1024

_HALF = len(rb"\ud83d")
_REPLACEMENT = rb"\ufffd"


class TooManyValuesError(ValueError):
    """So many values that parsing them would fill the memory."""


def decoded(
    body: bytes, deepest: int = DEEPEST, columns: RawColumns | None = None
) -> tuple[Any, bool]:
    """What a body holds, and whether bytes of it had to be replaced.

    With `columns`, the rows of a list are `RawRow`s where they can be.

    Raises:
        TooManyValuesError: it has not been parsed.
        orjson.JSONDecodeError: it is no JSON, or nested deeper than `deepest` levels.
    """
    if len(body) > _SMALL:
        values = body.count(b",") + body.count(b"[") + body.count(b"{")
        if values > _MOST_VALUES:
            raise TooManyValuesError
    if columns is not None:
        rows = columns.rows(body, deepest, _parsed)
        if rows is not None:
            return rows, False
    try:
        return _parsed(body, deepest), False
    except orjson.JSONDecodeError:
        mended = _mended(body)
        if mended == body:
            raise
        return _parsed(mended, deepest), True


def _parsed(body: bytes, deepest: int) -> Any:
    if len(body) < 2 * deepest:
        return orjson.loads(body)
    around = _READ - deepest
    data = orjson.loads(b"[" * around + body + b"]" * around)
    for _ in range(around):
        (data,) = data
    return data


def _mended(body: bytes) -> bytes:
    text = body.decode("utf-8", "replace").encode()
    return _ESCAPES.sub(_whole, text)


def _whole(escape: re.Match[bytes]) -> bytes:
    found = escape[0]
    return _REPLACEMENT if len(found) == _HALF else found
