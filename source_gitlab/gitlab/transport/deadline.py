"""Connections on which an answer has to come in time as a whole, not only its next byte.

A time-out of a socket bounds the wait for each byte. A server that sends its headers or its body a
byte at a time would hold a request for days, so whatever takes too long as a whole is cut from
outside. That leaves the reading itself free to ask for a body in one piece.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from source_gitlab.gitlab.transport import private_addresses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests import PreparedRequest, Response
    from urllib3.poolmanager import PoolManager, ProxyManager
    from urllib3.response import HTTPResponse

# An answer as a whole may take so many times as long as one byte may.
WHOLE_ANSWER = 5.0
_GLANCE = 0.5
_LATE = "the headers of the answer did not end in time"
_SOCKET = "_watched_socket"


class _Watchdog:
    """Shuts sockets down whose time is over, from a thread that all connections share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: dict[socket.socket, float] = {}
        self._thread: threading.Thread | None = None

    def watch(self, watched: socket.socket, due: float) -> None:
        """Cut `watched` unless `release` comes before the monotonic clock shows `due`."""
        with self._lock:
            self._due[watched] = due
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
                self._thread.start()

    def release(self, watched: socket.socket) -> None:
        """What was watched came, or failed."""
        with self._lock:
            self._due.pop(watched, None)

    def _run(self) -> None:
        while True:
            time.sleep(_GLANCE)
            now = time.monotonic()
            with self._lock:
                for watched, due in self._due.items():
                    if due <= now:
                        _cut(watched)


def _cut(watched: Any) -> None:
    """Shut a connection down below its TLS, which the thread that reads from it still uses."""
    # TLS within TLS is no socket, but has one.
    below = watched if isinstance(watched, socket.socket) else watched.socket
    # It may be closed already.
    with suppress(OSError):
        socket.socket.shutdown(below, socket.SHUT_RDWR)


_WATCHDOG = _Watchdog()


@contextmanager
def ending_by(due: float, response: HTTPResponse) -> Iterator[None]:
    """Read the body of `response` in this block; it is cut once the monotonic clock shows `due`.

    A body that was cut may look like one that has ended.
    """
    watched: socket.socket | None = getattr(response, _SOCKET, None)
    if watched is None:
        yield
        return
    _WATCHDOG.watch(watched, due)
    try:
        yield
    finally:
        _WATCHDOG.release(watched)


class _Watched(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override] # urllib3's, as in its own class
        """The answer, once its headers are read.

        Raises:
            TimeoutError: they did not end in time.
        """
        watched = self.sock
        if watched is None:
            return super().getresponse()
        due = time.monotonic() + WHOLE_ANSWER * (watched.gettimeout() or 60.0)
        _WATCHDOG.watch(watched, due)
        try:
            response = super().getresponse()
        except Exception as error:
            if time.monotonic() >= due:
                raise TimeoutError(_LATE) from error
            raise
        finally:
            _WATCHDOG.release(watched)
        if time.monotonic() >= due:
            # What was cut in its headers passes for an answer without a body.
            response.close()
            raise TimeoutError(_LATE)
        setattr(response, _SOCKET, watched)
        return response


class _WatchedTls(_Watched, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTls


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
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
