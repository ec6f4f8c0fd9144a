"""Connections on which an answer has to come in time as a whole, not only its next byte.

A time-out of a socket bounds the wait for each byte. A server that sends its headers or its body a
byte at a time would hold a request for days, so whatever takes too long as a whole is cut from
outside. That leaves the reading itself free to ask for a body in one piece. The same thread cuts
requests that their caller has given up.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

from source_gitlab.gitlab.transport import private_addresses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from requests import PreparedRequest, Response
    from urllib3.connectionpool import HTTPConnectionPool
    from urllib3.poolmanager import PoolManager, ProxyManager
    from urllib3.response import HTTPResponse

# Of requests that nobody has bound: a whole answer takes so many times as long as one byte may.
_WHOLE_ANSWER = 5.0
_GLANCE = 0.5
_LATE = "the headers of the answer did not end in time"
_SOCKET = "_watched_socket"


def _never() -> bool:
    return False


@dataclass(frozen=True)
class AnswerBounds:
    """What an answer may take.

    Each byte may take `timeout` seconds. All of it is cut when the monotonic clock shows `until`,
    or once it is given up. The body may have `largest` bytes.
    """

    timeout: float
    until: float
    largest: int = 0
    given_up: Callable[[], bool] = _never

    def are_over(self) -> bool:
        """Whether it is cut, or is about to be."""
        return time.monotonic() >= self.until or self.given_up()


class _Asked(threading.local):
    """The bounds of the request that a thread makes; urllib3 hands nothing on to connections."""

    bounds: AnswerBounds | None = None


_ASKED = _Asked()


@contextmanager
def asking_within(bounds: AnswerBounds) -> Iterator[None]:
    """Send a request in this block, and wait for its headers within these bounds."""
    _ASKED.bounds = bounds
    try:
        yield
    finally:
        _ASKED.bounds = None


class Watchdog:
    """Shuts sockets down whose time is over, from a thread that all connections share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[socket.socket, AnswerBounds] = {}
        self._thread: threading.Thread | None = None

    def watch(self, watched: socket.socket, bounds: AnswerBounds) -> None:
        """Cut `watched` when `bounds` are over, unless `release` comes first."""
        with self._lock:
            self._watched[watched] = bounds
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
                self._thread.start()

    def release(self, watched: socket.socket) -> None:
        """What was watched came, or failed."""
        with self._lock:
            self._watched.pop(watched, None)

    def _run(self) -> None:
        while True:
            time.sleep(_GLANCE)
            with self._lock:
                for watched, bounds in self._watched.items():
                    if bounds.are_over():
                        _cut(watched)


def _cut(watched: Any) -> None:
    """Shut a connection down below its TLS, which the thread that reads from it still uses."""
    # TLS within TLS is no socket, but has one.
    below = watched if isinstance(watched, socket.socket) else watched.socket
    # It may be closed already.
    with suppress(OSError):
        socket.socket.shutdown(below, socket.SHUT_RDWR)


WATCHDOG = Watchdog()


@contextmanager
def ending_within(bounds: AnswerBounds, response: HTTPResponse) -> Iterator[None]:
    """Read the body of `response` in this block; it is cut when `bounds` are over.

    A body that was cut may look like one that has ended.
    """
    watched: socket.socket | None = getattr(response, _SOCKET, None)
    if watched is None:
        yield
        return
    WATCHDOG.watch(watched, bounds)
    try:
        yield
    finally:
        WATCHDOG.release(watched)


class _Watched(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override] # urllib3's, as in its own class
        """The answer, once its headers are read.

        Raises:
            TimeoutError: they did not end in time.
        """
        watched = self.sock
        if watched is None:
            return super().getresponse()
        timeout = watched.gettimeout() or 60.0
        whole = time.monotonic() + _WHOLE_ANSWER * timeout
        bounds = _ASKED.bounds or AnswerBounds(timeout, whole)
        WATCHDOG.watch(watched, bounds)
        try:
            response = super().getresponse()
        except Exception as error:
            if bounds.are_over():
                raise TimeoutError(_LATE) from error
            raise
        finally:
            WATCHDOG.release(watched)
        if bounds.are_over():
            # What was cut in its headers passes for an answer without a body.
            response.close()
            raise TimeoutError(_LATE)
        setattr(response, _SOCKET, watched)
        return response


class WatchedAdapter(HTTPAdapter):
    """An adapter of requests whose connections, through proxies too, are watched.

    What requests looks up on the disk for each request, it looks up once for each host. In the
    cloud it asks no private address.
    """

    def __init__(self, **settings: Any) -> None:
        """Take the settings of requests' own adapter."""
        self._attributes: dict[tuple[Any, ...], Any] = {}
        self._verified: WeakSet[Any] = WeakSet()
        self._guarded = private_addresses.is_cloud()
        super().__init__(**settings)

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """Send a request, as requests' own adapter does.

        Raises:
            PrivateAddress: a platform in the cloud forbids it.
        """
        if self._guarded:
            private_addresses.refuse(request.url or "")
        return super().send(request, *args, **kwargs)

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        """Which pool a request belongs to, by its host and certificates."""
        host = (request.url or "").split("/", 3)[:3]
        key = (*host, verify, cert)
        if key not in self._attributes:
            attributes = super().build_connection_pool_key_attributes(request, verify, cert)
            self._attributes[key] = attributes
        return self._attributes[key]

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Give a pool its certificates, when it is new."""
        if conn not in self._verified:
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call] # requests
            self._verified.add(conn)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **kwargs)
        _watch(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> ProxyManager:
        """Make the pools of connections through one proxy."""
        manager: ProxyManager = super().proxy_manager_for(*args, **kwargs)
        _watch(manager)
        return manager


def _watch(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {
        scheme: _watched(pool) for scheme, pool in manager.pool_classes_by_scheme.items()
    }


def _watched(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    """The same kind of pool, plain, with TLS or over SOCKS, with connections that are watched."""
    if issubclass(pool.ConnectionCls, _Watched):
        return pool
    connection = type("Watched", (_Watched, pool.ConnectionCls), {})
    return type("WatchedPool", (pool,), {"ConnectionCls": connection})
