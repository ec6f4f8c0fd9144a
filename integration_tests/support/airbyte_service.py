"""A server of ours in the place of Airbyte's, which notes what it is asked."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "hosted-client-secret-0001"
CONNECTORS = "/api/v1/integrations/connectors"
CONSENT = "https://consent.example.com/?state=1"
TOKEN = "/api/v1/account/applications/token"


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Service:
    """What the service knows, and what it was asked.

    `answers` take the place of what it answers, by method and path: a status and a body.
    """

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    connectors: list[dict[str, str]] = field(default_factory=lambda: [{"id": "connector-1"}])
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    tokens: int = 0
    expires_in: int | None = None
    hangs: threading.Event | None = None

    def of(self, method: str, path: str) -> list[Asked]:
        """The requests of one kind, without their query."""
        return [
            one for one in self.asked if (one.method, one.path.partition("?")[0]) == (method, path)
        ]

    def answer(self, one: Asked) -> tuple[int, Any]:
        """What the service says."""
        path = one.path.partition("?")[0]
        said = self.answers.get(f"{one.method} {path}")
        if said is not None:
            return said
        if path == TOKEN:
            if one.body["client_secret"] != SECRET:
                return 401, {"detail": "unknown client"}
            self.tokens += 1
            lives = {} if self.expires_in is None else {"expires_in": self.expires_in}
            return 200, {"access_token": f"hosted-token-{self.tokens}", **lives}
        if one.headers.get("authorization") != f"Bearer hosted-token-{self.tokens}":
            return 401, {"detail": "token expired"}
        known: dict[str, tuple[int, Any]] = {
            f"GET {CONNECTORS}": (200, {"data": self.connectors}),
            f"POST {CONNECTORS}": (201, {"id": "connector-made"}),
            f"POST {CONNECTORS}/oauth/initiate": (200, {"consent_url": CONSENT}),
        }
        return known.get(f"{one.method} {path}") or self._executed(one)

    def _executed(self, one: Asked) -> tuple[int, Any]:
        if one.body["action"] == "list":
            return 200, {"result": [{"iid": 1}], "connector_metadata": {"next": "https://next/"}}
        if one.body["action"] == "get":
            return 200, {"result": {"iid": 1}, "connector_metadata": None}
        meta = {"has_more": True, "cursor": "c1", "took_ms": 3}
        return 200, {"result": {"data": [{"id": 1}], "meta": meta}, "connector_metadata": None}


@contextmanager
def service() -> Iterator[Service]:
    """The server, on a free port of this machine."""
    made = Service()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            text = self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            one = Asked(self.command, self.path, headers, json.loads(text) if text else None)
            made.asked.append(one)
            if made.hangs is not None:
                made.hangs.wait()
            status, body = made.answer(one)
            sent = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = _answer  # noqa: N815 -- the names of the base class

        def log_message(self, *_: object) -> None:
            """Be silent."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Say nothing of a client that has left."""

    server = Server(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
