"""One request and one answer over the shared pool of connections, bounded in time and size."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
from urllib3.exceptions import DecodeError, HTTPError

from source_gitlab.gitlab.errors import ServerError
from source_gitlab.gitlab.transport.deadline import asking_within, ending_within

try:
    from isal import isal_zlib as _zlib  # in half the time, and not for every system
except ImportError:
    import zlib as _zlib  # type: ignore[no-redef]

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests.auth import AuthBase

    from source_gitlab.gitlab.request import Request
    from source_gitlab.gitlab.transport.deadline import AnswerBounds

CONNECT_TIMEOUT = 15.0
_LARGEST_ERROR = 64 * 1024
_LARGEST_CHUNK = 1024 * 1024
_GZIP = b"\x1f\x8b"
_LATE = "the answer did not end in time"


@dataclass(frozen=True)
class Received:
    """An answer as it came. The times are ours, in seconds since the epoch."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes
    asked: float
    answered: float


class Wire:
    """Sends requests to one host over a session's connections.

    Which proxy, certificates and headers a request gets is the same for all requests to a host, and
    working it out costs as much as the rest of a small request, so it is done once.
    """

    def __init__(self, session: requests.Session, base_url: str) -> None:
        """Work it out for requests below `base_url`."""
        self._adapter = session.get_adapter(base_url)
        self._environment: dict[str, Any] = dict(
            session.merge_environment_settings(base_url, {}, True, None, None)  # noqa: FBT003 -- stream
        )
        # With credentials of its own, so that requests does not look for some in a ~/.netrc.
        asked = requests.Request("GET", base_url, auth=_unchanged)
        self._template = session.prepare_request(asked)

    def send(self, asked: Request, header: AuthBase, timeout: float) -> requests.Response:
        """Send `asked` with the header that `header` sets."""
        request = self._template.copy()
        request.url = asked.address
        if asked.body is not None:
            request.method, request.body = asked.method, asked.body
            request.headers["Content-Type"] = "application/json"
            request.headers["Content-Length"] = str(len(asked.body))
        connecting = min(CONNECT_TIMEOUT, timeout)
        return self._adapter.send(
            header(request), timeout=(connecting, timeout), **self._environment
        )


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def fetch(wire: Wire, request: Request, header: AuthBase, bounds: AnswerBounds) -> Received:
    """Send `request`, following no redirect.

    Raises:
        requests.RequestException or urllib3.exceptions.HTTPError: no whole answer in time.
        ServerError: the answer is larger than `bounds.largest`.
    """
    asked = time.time()
    with asking_within(bounds):
        response = wire.send(request, header, bounds.timeout)
    with response:
        answered = time.time()
        body = _body(response, request, bounds)
        return Received(
            response.status_code, response.reason, response.headers, body, asked, answered
        )


def _body(response: requests.Response, request: Request, bounds: AnswerBounds) -> bytes:
    """The body. What lies beyond the bound is left unread: the connection is closed then."""
    is_error = not response.ok
    most = _LARGEST_ERROR if is_error else bounds.largest
    announced = response.headers.get("Content-Length", "")
    size = int(announced) if announced.isascii() and announced.isdigit() else 0
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    gzipped = encoding in {"gzip", "x-gzip"}
    others = not gzipped and encoding not in {"", "identity"}
    if is_error or size <= most:
        body = _received(response, size, most, bounds, decoded=others)
        if gzipped and (is_error or len(body) <= most):
            body = unzipped(body, most, in_part=is_error)
        if is_error or len(body) <= most:
            return body[:most]
        # Errors are kept while others try, with what their frames hold.
        body = b""
    message = f"{request.shown} sent more than {bounds.largest >> 20} MiB at once."
    raise ServerError(message, url=request.url, status=response.status_code)


def _received(
    response: requests.Response, size: int, most: int, bounds: AnswerBounds, *, decoded: bool
) -> bytes:
    """The body as it is sent, of `size` bytes if that was announced; ends soon behind `most`.

    A page is best received in one piece: what is put together from pieces goes through the
    processor's cache twice. So it is not `response.content`, whose pieces have 10 KiB, and not
    urllib3's decoder.
    """
    chunks: list[bytes] = []
    received = 0
    chunk_size = min(size or _LARGEST_CHUNK, _LARGEST_CHUNK, most + 1)
    with ending_within(bounds, response.raw):
        try:
            while received <= most:
                chunk = response.raw.read(chunk_size, decode_content=decoded)
                if not chunk:
                    break
                chunks.append(chunk)
                received += len(chunk)
        except HTTPError as error:
            if bounds.are_over():
                raise requests.exceptions.ReadTimeout(_LATE) from error
            raise
    if bounds.are_over():
        raise requests.exceptions.ReadTimeout(_LATE)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def unzipped(data: bytes, most: int, *, in_part: bool, library: Any = _zlib) -> bytes:
    """What gzip packed, at most one byte more than `most`; of a part, what there is.

    `library` has what Python's `zlib` has.

    Raises:
        urllib3.exceptions.DecodeError: it is damaged, or cut short.
    """
    parts: list[bytes] = []
    room = most + 1
    while room and (not parts or data.startswith(_GZIP)):
        member = library.decompressobj(16 + zlib.MAX_WBITS)
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
