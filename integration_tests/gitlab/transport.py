"""The TCP connections behind the requests, for faults that HTTP cannot express."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.auto import AutoHTTPProtocol

if TYPE_CHECKING:
    import asyncio
    from asyncio import Transport

    from starlette.types import Receive, Scope

_open: dict[tuple[str, int], Transport] = {}


class Protocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's HTTP protocol, with its connections kept by the client's address."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """A client has connected."""
        peer = transport.get_extra_info("peername")
        self._emulator_peer = cast("tuple[str, int]", tuple(peer[:2])) if peer else None
        if self._emulator_peer is not None:
            _open[self._emulator_peer] = transport
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if self._emulator_peer is not None:
            _open.pop(self._emulator_peer, None)
        super().connection_lost(exc)


class NoTransportError(RuntimeError):
    """A fault of the connection was asked for where there is none."""


def of_request(scope: Scope) -> Transport:
    """The connection of a request; raises NoTransportError outside the emulator's server."""
    client = scope.get("client")
    found = _open.get(tuple(client)) if client else None
    if found is None:
        message = "faults of the connection need the emulator's own server process"
        raise NoTransportError(message)
    return found


def reset(transport: Transport) -> None:
    """Break the connection with a TCP reset."""
    found: Any = transport.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def gone(receive: Receive) -> None:
    """Wait until the connection is closed, so that nobody answers on it any more."""
    while (await receive())["type"] != "http.disconnect":
        pass
