"""HTTP/1.1 over sockets of our own, for a GitLab that is reached without a proxy.

A page costs more in `requests`, `urllib3` and the header parser of `http.client`, which makes an
e-mail of each answer, than its rows do to split. One request is written and one answer is read here
with as little as HTTP asks for (RFC 9112). What a wrong answer leads to, and which certificates
count, is the same as through `requests`, and so are the errors that are raised.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH, requote_uri
from urllib3.exceptions import IncompleteRead, NameResolutionError, ProtocolError
from urllib3.util import parse_url
from urllib3.util.ssl_ import create_urllib3_context
from urllib3.util.wait import wait_for_read

from source_gitlab.gitlab.errors import FatalError
from source_gitlab.gitlab.transport import private_addresses
from source_gitlab.gitlab.transport.body import length_of
from source_gitlab.gitlab.transport.deadline import WATCHDOG
from source_gitlab.gitlab.transport.headers import Headers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from io import BufferedReader

    from typing_extensions import Self

    from source_gitlab.gitlab.transport.deadline import AnswerBounds

_LONGEST_LINE = 65_536
_MOST_LINES = 200
_LARGEST_PIECE = 1 << 20
_INFORMATION = range(100, 200)
_WITHOUT_BODY = frozenset({204, 304})
# What stands in a request line as it is (RFC 3986); the rest is encoded first.
_PLAIN = re.compile(r"[!-~]*")
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([^\r\n]*))?\r?\n")
_NO_CERTIFICATES = (
    "The certificates in {path} cannot be read ({why}). Check ca_certificate, REQUESTS_CA_BUNDLE"
    " and CURL_CA_BUNDLE in the environment."
)
_CUT = "the answer ended before its end"


class Tls(NamedTuple):
    """Whose certificates count, by path or by name of the usual ones; and those of this client."""

    authority: str | bool
    client: str | None = None
    key: str | None = None

    def context(self) -> ssl.SSLContext:
        """What a connection is wrapped with.

        Raises:
            FatalError: a file cannot be read.
        """
        context = create_urllib3_context()
        path = DEFAULT_CA_BUNDLE_PATH if self.authority is True else str(self.authority)
        try:
            if Path(path).is_dir():
                context.load_verify_locations(capath=path)
            else:
                context.load_verify_locations(cafile=path)
            if self.client:
                context.load_cert_chain(self.client, self.key)
        except OSError as error:  # of which ssl.SSLError is one
            raise FatalError(_NO_CERTIFICATES.format(path=path, why=error.strerror)) from error
        return context


class DirectPool:
    """Connections to the host of one address. Thread-safe.

    They are kept between requests, until `close`.
    """

    def __init__(self, base_url: str, tls: Tls) -> None:
        """Open none yet."""
        parts = parse_url(base_url)
        self._scheme = parts.scheme or "https"
        self._host = (parts.host or "").strip("[]")
        self._port = parts.port or (443 if self._scheme == "https" else 80)
        self.authority = parts.netloc or ""
        self._tls = tls
        self._context: ssl.SSLContext | None = None
        self._idle: list[_Connection] = []
        self._lock = threading.Lock()
        self._is_closed = False
        self._guarded = private_addresses.is_cloud()

    def close(self) -> None:
        """Close what is idle, and what is not once its request has ended."""
        with self._lock:
            self._is_closed = True
        self.close_idle()

    def close_idle(self) -> None:
        """Close what nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def take(self, address: str, connecting: float) -> _Connection:
        """A connection that nobody else uses, which may take so many seconds to open.

        Raises:
            requests.RequestException: there is no way to the host of `address`.
            FatalError: the certificates that count cannot be read.
            PrivateAddress: a platform in the cloud forbids it.
        """
        if self._guarded:
            private_addresses.refuse(address)
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return _Connection(self._opened(connecting))
            if not wait_for_read(connection.socket, timeout=0.0):
                return connection
            # The other side has closed it, or says what nobody has asked for.
            connection.close()

    def give(self, connection: _Connection) -> None:
        """Keep a connection whose answer was read to its end."""
        with self._lock:
            if not self._is_closed:
                self._idle.append(connection)
                return
        connection.close()

    def _opened(self, connecting: float) -> socket.socket:
        try:
            plain = socket.create_connection((self._host, self._port), connecting)
        except (socket.gaierror, UnicodeError) as error:
            reason = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
            unknown = NameResolutionError(self._host, self, reason)  # type: ignore[arg-type] # it is only shown
            raise requests.ConnectionError(unknown) from error
        except TimeoutError as error:
            raise requests.exceptions.ConnectTimeout(error) from error
        except OSError as error:
            raise requests.ConnectionError(error) from error
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._scheme != "https":
                return plain
            if self._context is None:
                self._context = self._tls.context()
            return self._context.wrap_socket(plain, server_hostname=self._host)
        except BaseException as error:
            plain.close()
            if isinstance(error, ssl.SSLError):
                raise requests.exceptions.SSLError(error) from error
            if isinstance(error, TimeoutError):
                raise requests.exceptions.ConnectTimeout(error) from error
            if isinstance(error, OSError):
                raise requests.ConnectionError(error) from error
            raise


class _Connection:
    """A socket, and what came over it and was not read yet."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        # It puts a body of a known size into one piece of memory, without a copy.
        self.file: BufferedReader = connected.makefile("rb")

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def has_rest(self) -> bool:
        """Whether more came than an answer has, which would pass for the next one."""
        self.socket.settimeout(0.0)
        try:
            return bool(self.file.peek())
        except ssl.SSLWantReadError:
            return False
        except OSError:
            return True


class Head(NamedTuple):
    """The first part of an answer: all but its body."""

    status: int
    reason: str
    headers: Headers
    is_kept: bool
    """Whether the connection serves a next request, behind the body."""

    @property
    def size(self) -> int | None:
        """How many bytes the body has; None when its end alone tells.

        Raises:
            ProtocolError: nothing tells where it ends, or what tells it cannot be.
        """
        if self.status in _WITHOUT_BODY:
            return 0
        if self.is_chunked:
            return None
        coding = self.headers.get("transfer-encoding", "identity").strip().lower()
        lengths = {one.strip() for one in self.headers.get("content-length", "").split(",")}
        length = lengths.pop()
        is_number = length.isascii() and length.isdigit()
        # To read to the end of a connection that stays open would take until it is cut.
        if coding != "identity" or lengths or (length and not is_number):
            message = "the length of the answer cannot be understood"
            raise ProtocolError(message)
        return length_of(length) if length else None

    @property
    def is_chunked(self) -> bool:
        """Whether its body comes in chunks that name their sizes."""
        return self.headers.get("transfer-encoding", "").strip().lower() == "chunked"


class Exchange:
    """One request and its answer on one connection, which a block bounds in time.

    Leaving the block gives the connection back to its pool where the answer was read to its end.
    """

    def __init__(self, pool: DirectPool, connection: _Connection, bounds: AnswerBounds) -> None:
        """Use `connection` within these bounds."""
        self._pool = pool
        self._connection = connection
        self._bounds = bounds
        self._is_done = False

    def __enter__(self) -> Self:
        """Watch the connection."""
        self._connection.socket.settimeout(self._bounds.timeout)
        WATCHDOG.watch(self._connection.socket, self._bounds)
        return self

    def __exit__(self, *_: object) -> None:
        """Keep the connection, or close it."""
        WATCHDOG.release(self._connection.socket)
        is_open = self._is_done and not self._bounds.are_over()
        if is_open and not self._connection.has_rest():
            self._pool.give(self._connection)
        else:
            self._connection.close()

    def ask(self, request: bytes) -> Head:
        """Send a whole request; the answer without its body.

        Raises:
            OSError, ProtocolError: no answer comes.
        """
        # Who reads no more may have answered before.
        with suppress(BrokenPipeError):
            self._connection.socket.sendall(request)
        head = self._head()
        while head.status in _INFORMATION:
            head = self._head()
        return head

    def pieces(self, head: Head, most: int) -> Iterator[bytes]:
        """The body, in pieces; soon behind `most` bytes the rest is left where it is.

        Raises:
            OSError, ProtocolError, IncompleteRead: it does not come to its end.
        """
        size = head.size
        if size is not None:
            wanted = min(size, most + 1)
            piece = self._connection.file.read(wanted) if wanted else b""
            if len(piece) < wanted:
                raise IncompleteRead(len(piece), size - len(piece))
            yield piece
            is_whole = size <= most
        elif head.is_chunked:
            left = most + 1
            while left > 0 and (length := self._chunk_size()):
                piece = self._connection.file.read(min(length, left))
                if len(piece) < min(length, left):
                    raise IncompleteRead(len(piece), length - len(piece))
                yield piece
                left -= length
                if left > 0 and self._connection.file.readline(_LONGEST_LINE).strip():
                    message = "a chunk of the answer is longer than it says"
                    raise ProtocolError(message)
            is_whole = left > 0
            if is_whole:
                self._headers()
        else:
            left = most + 1
            while left > 0 and (piece := self._connection.file.read1(min(left, _LARGEST_PIECE))):
                left -= len(piece)
                yield piece
            is_whole = False
        self._is_done = is_whole and head.is_kept

    def _head(self) -> Head:
        line = self._connection.file.readline(_LONGEST_LINE)
        if not line:
            message = "Remote end closed connection without response"
            raise ConnectionResetError(message)
        found = _STATUS.fullmatch(line)
        if found is None:
            message = f"no answer of HTTP/1: {line[:60]!r}"
            raise ProtocolError(message)
        status = int(found[2])
        headers = self._headers()
        connection = headers.get("connection", "").lower()
        is_kept = "keep-alive" in connection if found[1] == b"0" else "close" not in connection
        reason = (found[3] or b"").decode("latin-1")
        return Head(status, reason, headers, is_kept)

    def _headers(self) -> Headers:
        """The lines up to an empty one."""
        read = self._connection.file.readline
        lines: list[bytes] = []
        while (line := read(_LONGEST_LINE)) not in {b"\r\n", b"\n"}:
            if not line.endswith(b"\n"):
                raise (
                    ConnectionResetError(_CUT)
                    if len(line) < _LONGEST_LINE
                    else ProtocolError("a header of the answer is too long")
                )
            lines.append(line)
            if len(lines) > _MOST_LINES:
                message = "the answer has too many headers"
                raise ProtocolError(message)
        return Headers.of_lines(lines)

    def _chunk_size(self) -> int:
        line = self._connection.file.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise IncompleteRead(0, 1)
        number = line.partition(b";")[0].strip()
        try:
            size = int(number, 16)
        except ValueError:
            size = -1
        if size < 0:
            message = f"no size of a chunk: {number[:20]!r}"
            raise ProtocolError(message)
        return size


def written(
    method: str, address: str, headers: Mapping[str, str | bytes], body: bytes | None
) -> bytes:
    """A whole request, as it is sent.

    Raises:
        requests.exceptions.InvalidHeader: a header holds what would end it.
    """
    target = address.split("/", 3)[3] if address.count("/") > 2 else ""  # noqa: PLR2004 -- scheme://host/
    if not _PLAIN.fullmatch(target):
        target = requote_uri(target)
    lines = [f"{method} /{target} HTTP/1.1"]
    for name, value in headers.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if "\r" in text or "\n" in text:
            message = f"The header {name} would hold a line break."
            raise requests.exceptions.InvalidHeader(message)
        lines.append(f"{name}: {text}")
    head = "\r\n".join(lines) + "\r\n\r\n"
    return head.encode("latin-1") + (body or b"")
