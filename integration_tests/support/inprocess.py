"""The emulated GitLab without sockets: an adapter of `requests` that calls the ASGI application.

A request costs a fraction of a millisecond, and whoever drives it may change the world or break
the connection between any two requests, so that thousands of histories can be read and each one
can be repeated. What the connector sees is HTTP: statuses, headers, bodies, lost connections.
"""

from __future__ import annotations

import io
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from requests.adapters import BaseAdapter, HTTPAdapter
from requests.exceptions import ConnectionError as LostConnection
from urllib3 import HTTPResponse

from integration_tests.gitlab.app import create_app
from source_gitlab.config import parse
from source_gitlab.core.session import Session
from source_gitlab.gitlab.client import Retries
from source_gitlab.gitlab.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from requests import PreparedRequest, Response

    from integration_tests.gitlab.emulator import Emulator
    from source_gitlab.config import Config
    from source_gitlab.gitlab.tuning import Tuning

URL = "http://gitlab.test"
TOKEN = "glpat-emulator-default-0001"


HttpAnswer = tuple[int, dict[str, str], bytes]
"""Status, headers in small letters, body."""


class Wire(BaseAdapter):
    """Carries requests to an emulator in this process, one at a time.

    `before` is called ahead of each request with its path and query, and `tamper` changes what is
    answered, as what stands before a GitLab does. While `broken` is positive,
    answers are lost: by a reset before them, or, with `torn`, after half of the body.
    """

    def __init__(self, emulator: Emulator) -> None:
        super().__init__()
        self.emulator = emulator
        self.tamper: Callable[[str, str, HttpAnswer], HttpAnswer] = lambda _path, _query, got: got
        self.before: Callable[[str, str], None] = lambda _path, _query: None
        self.requests = 0
        self.broken = 0
        self.torn = False
        self._app: Any = create_app(emulator)
        self._http = HTTPAdapter()
        self._lock = threading.Lock()

    def send(self, request: PreparedRequest, *_: object, **__: object) -> Response:
        """Answer one request."""
        status, headers, body = self.answered(request)
        raw = HTTPResponse(
            io.BytesIO(body),
            headers,
            status,
            preload_content=False,
            enforce_content_length=True,
            request_method=request.method,
        )
        return self._http.build_response(request, raw)

    def answered(self, request: PreparedRequest) -> HttpAnswer:
        """The answer to one request; the body of a torn one is shorter than its header says.

        Raises:
            LostConnection: none comes.
        """
        parts = urlsplit(request.url or "")
        with self._lock:
            self.requests += 1
            self.before(str(parts.path), str(parts.query))
            lost = self.broken > 0
            self.broken -= lost
            if lost and not self.torn:
                raise LostConnection(ConnectionResetError("reset by the emulator"))
            answer = self._ask(request, str(parts.path), str(parts.query))
            status, headers, body = self.tamper(str(parts.path), str(parts.query), answer)
        headers = {**headers, "content-length": str(len(body))}
        return status, headers, body[: len(body) // 2] if lost else body

    def close(self) -> None:
        """Nothing is open."""

    def _ask(self, request: PreparedRequest, path: str, query: str) -> HttpAnswer:
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [
                (name.lower().encode(), str(value).encode())
                for name, value in {**request.headers, "host": "gitlab.test"}.items()
            ],
            "client": ("127.0.0.1", 0),
            "server": ("gitlab.test", 80),
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            body = request.body or b""
            return {
                "type": "http.request",
                "body": body.encode() if isinstance(body, str) else body,
                "more_body": False,
            }

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        # Nothing in the application waits, unless latency or a late fault is set.
        try:
            self._app(scope, receive, send).send(None)
        except StopIteration:
            pass
        else:
            message = "the emulator would wait, which it cannot do without a server"
            raise RuntimeError(message)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], headers, b"".join(one.get("body", b"") for one in sent[1:])


@contextmanager
def session(
    wire: Wire,
    tries: int = 3,
    timer: Timer | None = None,
    tuning: Tuning | None = None,
    *,
    raw_rows: bool = False,
    **settings: Any,
) -> Iterator[Session]:
    """A session of the connector over `wire`, with `settings` beside address and token."""
    retries = Retries(tries=tries, first=0.0, timer=timer or Timer())
    config = configured(**settings)
    with Session(
        config, retries=retries, transport=wire, tuning=tuning, raw_rows=raw_rows
    ) as opened:
        yield opened


def configured(**settings: Any) -> Config:
    """A configuration for what a `Wire` carries to, with `settings` beside address and token."""
    token = {"auth_type": "access_token", "access_token": TOKEN}
    return parse({"api_url": URL, "credentials": token, **settings})
