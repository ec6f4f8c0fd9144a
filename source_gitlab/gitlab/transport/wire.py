"""One request and one answer: over connections of our own, or over those of `requests`.

`requests` and urllib3 know proxies, and take the transports that are given to a `Connection`. All
else goes the direct way (`direct`), which costs a quarter.
"""

from __future__ import annotations

import ssl
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import select_proxy
from urllib3.exceptions import HTTPError, ProtocolError

from source_gitlab.gitlab.transport.body import LATE, Received, announced, body_of
from source_gitlab.gitlab.transport.deadline import asking_within, ending_within
from source_gitlab.gitlab.transport.direct import DirectPool, Exchange, Tls, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests.auth import AuthBase

    from source_gitlab.gitlab.request import Request
    from source_gitlab.gitlab.transport.deadline import AnswerBounds

CONNECT_TIMEOUT = 15.0
_LARGEST_PIECE = 1 << 20


class Wire(Protocol):
    """What sends requests to one host."""

    def fetch(self, request: Request, header: AuthBase, bounds: AnswerBounds) -> Received:
        """Send `request` with what `header` sets, following no redirect.

        Raises:
            requests.RequestException or urllib3.exceptions.HTTPError: no whole answer in time.
            ServerError: the answer is larger than `bounds.largest`.
        """
        ...

    def close_idle(self) -> None:
        """Close the connections that nobody uses; the next request opens a new one."""
        ...

    def close(self) -> None:
        """Close all connections; no request is made any more."""
        ...


def wire_of(session: requests.Session, base_url: str, *, is_direct: bool = True) -> Wire:
    """The way to what is below `base_url`, with the certificates and headers of `session`."""
    environment = session.merge_environment_settings(base_url, {}, True, None, None)  # noqa: FBT003 -- stream
    if not is_direct or select_proxy(base_url, environment["proxies"]):
        return _PooledWire(session, base_url, environment)
    return _DirectWire(session, base_url, environment)


def _template(session: requests.Session, base_url: str) -> requests.PreparedRequest:
    """A request with the headers of a session."""
    # With credentials of its own, so that requests does not look for some in a ~/.netrc.
    return session.prepare_request(requests.Request("GET", base_url, auth=_unchanged))


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class _PooledWire:
    """Over the connections of a session.

    Which proxy, certificates and headers a request gets is the same for all requests to a host, and
    working it out costs as much as the rest of a small request, so it is done once.
    """

    def __init__(self, session: requests.Session, base_url: str, environment: Any) -> None:
        self._session = session
        self._adapter = session.get_adapter(base_url)
        self._environment: dict[str, Any] = dict(environment)
        self._template = _template(session, base_url)

    def close_idle(self) -> None:
        self._session.close()

    def close(self) -> None:
        self._session.close()

    def fetch(self, request: Request, header: AuthBase, bounds: AnswerBounds) -> Received:
        asked = time.time()
        with asking_within(bounds):
            response = self._sent(request, header, bounds.timeout)
        with response:
            answered = time.time()
            pieces = partial(_pieces, response, bounds)
            body = body_of(request, response.status_code, response.headers, pieces, bounds)
            return Received(
                response.status_code, response.reason, response.headers, body, asked, answered
            )

    def _sent(self, asked: Request, header: AuthBase, timeout: float) -> requests.Response:
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


def _pieces(response: requests.Response, bounds: AnswerBounds, most: int) -> Iterator[bytes]:
    """The body as it is sent: not `response.content`, whose pieces have 10 KiB."""
    piece_size = min(announced(response.headers) or _LARGEST_PIECE, _LARGEST_PIECE, most + 1)
    received = 0
    with ending_within(bounds, response.raw):
        try:
            while received <= most:
                piece = response.raw.read(piece_size, decode_content=False)
                if not piece:
                    break
                yield piece
                received += len(piece)
        except ValueError as error:
            # What urllib3 raises for a chunk of a negative size.
            message = "no size of a chunk"
            raise ProtocolError(message) from error
        except HTTPError as error:
            if bounds.are_over():
                raise requests.exceptions.ReadTimeout(LATE) from error
            raise


class _DirectWire:
    """Over connections of our own."""

    def __init__(self, session: requests.Session, base_url: str, environment: Any) -> None:
        certificate = environment["cert"] or (None, None)
        self._pool = DirectPool(base_url, Tls(environment["verify"], *certificate))
        template = _template(session, base_url).headers
        self._headers = {"Host": self._pool.authority, **template}

    def close_idle(self) -> None:
        self._pool.close_idle()

    def close(self) -> None:
        self._pool.close()

    def fetch(self, request: Request, header: AuthBase, bounds: AnswerBounds) -> Received:
        signed = requests.PreparedRequest()
        signed.headers = CaseInsensitiveDict(self._headers)
        if request.body is not None:
            signed.headers["Content-Type"] = "application/json"
            signed.headers["Content-Length"] = str(len(request.body))
        fields = header(signed).headers
        message = written(request.method, request.address, fields, request.body)
        asked = time.time()
        connecting = min(CONNECT_TIMEOUT, bounds.timeout)
        connection = self._pool.take(request.address, connecting)
        with Exchange(self._pool, connection, bounds) as exchange, _in_words(bounds):
            head = exchange.ask(message)
            answered = time.time()
            pieces = partial(exchange.pieces, head)
            body = body_of(request, head.status, head.headers, pieces, bounds)
            return Received(head.status, head.reason, head.headers, body, asked, answered)


@contextmanager
def _in_words(bounds: AnswerBounds) -> Iterator[None]:
    """Raise what `requests` raises where a connection fails in this block."""
    try:
        yield
    except (OSError, HTTPError) as error:
        if isinstance(error, requests.RequestException):
            raise
        if bounds.are_over() or isinstance(error, TimeoutError):
            raise requests.exceptions.ReadTimeout(LATE) from error
        if isinstance(error, HTTPError):
            raise
        is_cut = isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError))
        if isinstance(error, ssl.SSLError) and not is_cut:
            raise requests.exceptions.SSLError(error) from error
        raise requests.ConnectionError(error) from error
