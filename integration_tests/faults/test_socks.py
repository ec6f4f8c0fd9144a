"""A GitLab that is reached over SOCKS, for which urllib3 has connections of their own."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from source_gitlab.config import parse
from source_gitlab.gitlab.client import Retries
from source_gitlab.gitlab.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration_tests.gitlab.launch import Emulator


class Socks(ThreadingTCPServer):
    """A proxy (RFC 1928) that knows one host, whatever it is asked for by name."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, target: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.target = target
        self.names: list[str] = []


class Handler(BaseRequestHandler):
    """One connection over the proxy."""

    server: Socks
    request: socket.socket

    def handle(self) -> None:
        """Lead it on."""
        file = self.request.makefile("rb")
        _, methods = file.read(2)
        file.read(methods)
        self.request.sendall(b"\x05\x00")
        *_, kind = file.read(4)
        assert kind == 3, "a name was asked for"
        (length,) = file.read(1)
        self.server.names.append(file.read(length).decode())
        file.read(2)
        with socket.create_connection(self.server.target) as beyond:
            self.request.sendall(b"\x05\x00\x00\x01" + bytes(6))
            back = threading.Thread(target=carry, args=(beyond, self.request), daemon=True)
            back.start()
            carry(self.request, beyond)
            back.join()
        file.close()


def carry(come: socket.socket, go: socket.socket) -> None:
    """Bring all that comes from one side to the other."""
    with suppress(OSError):
        while data := come.recv(65_536):
            go.sendall(data)
        go.shutdown(socket.SHUT_WR)


@pytest.fixture
def socks(gitlab: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Socks]:
    """A proxy in the environment that leads to the emulated GitLab."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    parts = urlsplit(gitlab.url)
    with Socks((str(parts.hostname), int(parts.port or 80))) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        monkeypatch.setenv("ALL_PROXY", f"socks5h://127.0.0.1:{server.server_address[1]}")
        yield server
        server.shutdown()


def test_gitlab_is_read_over_socks(gitlab: Emulator, socks: Socks) -> None:
    """The host does not exist, so only the proxy can have led there."""
    token = {"auth_type": "access_token", "access_token": gitlab.token}
    config = parse({"api_url": "http://gitlab.invalid", "credentials": token})
    with Connection(config, retries=Retries(1, 0.01)) as connection:
        assert connection.one("user")["username"] == "ada"
        assert connection.one("version")["version"]
    assert socks.names == ["gitlab.invalid"]
