"""A history's GitLab for other processes: its wire behind a real server, on a free port."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from requests import Request
from requests.exceptions import ConnectionError as LostConnection

from integration_tests.support.inprocess import URL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration_tests.support.inprocess import Wire

_OF_A_CONNECTION = frozenset({"connection", "content-length", "host"})


@contextmanager
def served(wire: Wire) -> Iterator[str]:
    """Serve what `wire` answers, for as long as the block; its address."""

    class Handler(BaseHTTPRequestHandler):
        """Hands requests on; several connections are open at the same time."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Answer one request."""
            headers = {
                name: value
                for name, value in self.headers.items()
                if name.lower() not in _OF_A_CONNECTION
            }
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            asked = Request(self.command, f"{URL}{self.path}", headers, data=body).prepare()
            try:
                status, headers, content = wire.answered(asked)
            except LostConnection:
                self.close_connection = True
                return
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in _OF_A_CONNECTION:
                    self.send_header(name, value)
            self.send_header("content-length", headers["content-length"])
            self.end_headers()
            self.wfile.write(content)
            # What is torn has no more to send.
            self.close_connection = len(content) < int(headers["content-length"])

        do_POST = do_GET  # noqa: N815 -- the standard library's name

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        """One whose workers may be killed over an answer."""

        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Say nothing: who asked is gone."""

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
