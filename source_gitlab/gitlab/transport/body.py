"""The body of an answer, bounded in time and size, and unpacked."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
from urllib3.exceptions import DecodeError, ProtocolError

from source_gitlab.gitlab.errors import ServerError

try:
    from isal import isal_zlib as _zlib  # in half the time, and not for every system
except ImportError:
    import zlib as _zlib  # type: ignore[no-redef]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from source_gitlab.gitlab.request import Request
    from source_gitlab.gitlab.transport.deadline import AnswerBounds

    Pieces = Callable[[int], Iterator[bytes]]
    """The body in pieces, as it was sent, and at most one byte more than so many."""

_LARGEST_ERROR = 64 * 1024
# A pebibyte: no answer has so many bytes, so a larger number is none of bytes.
_LARGEST_LENGTH = 1 << 50
_SHOWN_DIGITS = 20
_GZIP = b"\x1f\x8b"
_GZIPPED = frozenset({"gzip", "x-gzip"})
_PLAIN = frozenset({"", "identity"})
LATE = "the answer did not end in time"


class ImpossibleLength(ProtocolError):
    """A header announces more bytes than any answer has: it was broken on the way."""


@dataclass(frozen=True)
class Received:
    """An answer as it came. The times are ours, in seconds since the epoch."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes
    asked: float
    answered: float


def body_of(
    request: Request,
    status: int,
    headers: Mapping[str, str],
    pieces: Pieces,
    bounds: AnswerBounds,
) -> bytes:
    """The body of an answer to `request`. What lies beyond the bound is left unread.

    Raises:
        ServerError: it is larger than `bounds.largest`, or says so.
        ImpossibleLength: what it says of its length cannot be.
        requests.exceptions.ReadTimeout: it did not end in time.
        urllib3.exceptions.DecodeError: it is packed, and cannot be unpacked.
    """
    is_error = status >= requests.codes.bad_request
    most = _LARGEST_ERROR if is_error else bounds.largest
    size = announced(headers)
    encoding = headers.get("Content-Encoding", "").strip().lower()
    if is_error or size <= most:
        # A page is best received in one piece: what is put together from pieces goes through the
        # processor's cache twice.
        parts = list(pieces(most))
        if bounds.are_over():
            # What was cut may look like what has ended.
            raise requests.exceptions.ReadTimeout(LATE)
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        if encoding not in _PLAIN and (is_error or len(body) <= most):
            body = unpacked(body, encoding, most, in_part=is_error)
        if is_error or len(body) <= most:
            return body[:most]
        # Errors are kept while others try, with what their frames hold.
        body = b""
        parts.clear()
    does = "announced" if size > most else "sent"
    message = f"{request.shown} {does} more than {bounds.largest >> 20} MiB at once."
    raise ServerError(message, url=request.url, status=status)


def announced(headers: Mapping[str, str]) -> int:
    """How many bytes the body has by its header; 0 where that does not tell.

    Raises:
        ImpossibleLength: more than any answer has.
    """
    length = headers.get("Content-Length", "")
    return length_of(length) if length.isascii() and length.isdigit() else 0


def length_of(digits: str) -> int:
    """How many bytes a header's digits say.

    Raises:
        ImpossibleLength: more than any answer has.
    """
    # Python converts no text of thousands of digits.
    length = digits.lstrip("0") or "0"
    if len(length) > len(str(_LARGEST_LENGTH)) or int(length) > _LARGEST_LENGTH:
        message = f"the answer announces {length[:_SHOWN_DIGITS]}… bytes"
        raise ImpossibleLength(message)
    return int(length)


def unpacked(
    data: bytes, encoding: str, most: int, *, in_part: bool, library: Any = _zlib
) -> bytes:
    """What was packed, at most one byte more than `most`; of a part, what there is.

    `library` has what Python's `zlib` has. We ask for gzip; some proxies answer with deflate.

    Raises:
        urllib3.exceptions.DecodeError: it is damaged, or cut short, or packed in another way.
    """
    is_gzip = encoding in _GZIPPED
    if not is_gzip and encoding != "deflate":
        message = f"packed as {encoding[:20]}"
        raise DecodeError(message)
    window = 16 + zlib.MAX_WBITS if is_gzip else _window(data)
    parts: list[bytes] = []
    room = most + 1
    while room and (not parts or (is_gzip and data.startswith(_GZIP))):
        member = library.decompressobj(window)
        try:
            parts.append(member.decompress(data, room))
        except library.error as error:
            raise DecodeError(str(error)) from error
        room -= len(parts[-1])
        if room and not member.eof:
            if in_part:
                break
            message = "the packed answer was cut short"
            raise DecodeError(message)
        data = member.unused_data
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _window(data: bytes) -> int:
    """How zlib is told what deflate is: with the header that HTTP asks for, or without it."""
    has_header = (
        len(data) > 1 and data[0] & 15 == zlib.DEFLATED and (data[0] << 8 | data[1]) % 31 == 0
    )
    return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS
