"""Servers that send what GitLab never would: an error that names the place, and soon."""

from __future__ import annotations

import gzip
import json
import resource
import socket
import ssl
import threading
import time
import zlib
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from urllib3.util.ssltransport import SSLTransport

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.gitlab.tls import make_certificates
from integration_tests.support.reading import read
from source_gitlab.gitlab.client import Retries
from source_gitlab.gitlab.transport import deadline
from source_gitlab.gitlab.transport.deadline import AnswerBounds
from source_gitlab.gitlab.tuning import Tuning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from typing_extensions import Self

    from integration_tests.gitlab.tls import Certificates
    from integration_tests.support.reading import Reading

ONCE = Retries(tries=1, first=0.0)
MEGABYTE = 1 << 20
Answer = tuple[bytes, dict[str, str]]


class Hostile:
    """A server with one project, whose lists are answered by `behave`."""

    def __init__(
        self,
        behave: Callable[[BaseHTTPRequestHandler], None],
        certificates: Certificates | None = None,
    ) -> None:
        paths = self.paths = []  # type: list[str]

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16

            def do_GET(self) -> None:
                paths.append(self.path)
                path = urlsplit(self.path).path
                if path.endswith("/version"):
                    answer(self, {"version": "18.5.2"})
                elif path.endswith("/user"):
                    answer(self, {"id": 1, "username": "ada", "state": "active"})
                elif path.endswith("/projects/acme%2Fweb"):
                    namespace = {"id": 1, "full_path": "acme"}
                    row = {"id": 7, "path_with_namespace": "acme/web", "namespace": namespace}
                    answer(self, row)
                else:
                    try:
                        behave(self)
                    except (BrokenPipeError, ConnectionResetError):
                        self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Say nothing of clients that hang up, which is what they should do here."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._authority = certificates.authority if certificates else None
        scheme = "https" if certificates else "http"
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        if certificates:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.server, certificates.server_key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def read(self, name: str, tuning: Tuning | None = None, **more: Any) -> Reading:
        """Read one stream of the project."""
        token = {"auth_type": "access_token", "access_token": "glpat-anything-at-all"}
        config: dict[str, Any] = {"api_url": self.url, "credentials": token}
        config["projects_list"] = ["acme/web"]
        if self._authority:
            config["ca_certificate"] = str(self._authority)
        return read({**config, **more}, [name], retries=ONCE, tuning=tuning)


def answer(handler: BaseHTTPRequestHandler, data: object, **headers: str) -> None:
    """Send JSON, or bytes as they are."""
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    for header, value in headers.items():
        handler.send_header(header.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def fails_with(reading: Reading, told: str) -> bool:
    """One clear error that says this and where."""
    assert reading.failure is not None
    assert "Traceback" not in reading.failure
    assert not [line for line in reading.logs if "Traceback" in line]
    assert reading.report["failed"] or reading.report["ended"]
    return told in reading.failure


def dripping(handler: BaseHTTPRequestHandler, **headers: str) -> None:
    """Send a body of which each byte comes in time, and which never ends."""
    handler.send_response(200)
    for header, value in headers.items():
        handler.send_header(header.replace("_", "-"), value)
    handler.end_headers()
    while True:
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.1)


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_drips(announced: bool, tls: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """Without a length, what was cut looks like an answer that ended."""
    headers = {"Content_Length": "1000000000"} if announced else {"Connection": "close"}
    certificates = make_certificates(tmp_path) if tls else None
    with Hostile(lambda handler: dripping(handler, **headers), certificates) as server:
        # The announced size alone would end it otherwise.
        tuning = Tuning(whole_answer=1.0, largest_body=1 << 40)
        reading = server.read("branches", tuning=tuning, request_timeout=1)
        assert fails_with(reading, "did not answer in time")


def test_a_body_that_drips_through_tls_within_tls(tmp_path: Path) -> None:
    """As urllib3 speaks through a proxy that is reached with TLS itself."""
    certificates = make_certificates(tmp_path)
    context = ssl.create_default_context(cafile=str(certificates.authority))
    adapter = deadline.WatchedAdapter()
    connection = adapter.poolmanager.pool_classes_by_scheme["http"].ConnectionCls("127.0.0.1")
    with Hostile(lambda handler: dripping(handler, Connection="close"), certificates) as server:
        plain = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
        connection.sock = SSLTransport(plain, context, server_hostname="127.0.0.1")
        connection.request("GET", "/api/v4/anything", preload_content=False)
        response = connection.getresponse()
        with deadline.ending_within(AnswerBounds(5.0, time.monotonic() + 0.5), response):
            assert not response.read().strip()
        response.close()
        connection.close()
    adapter.close()


def test_headers_that_drip() -> None:
    """Each byte comes in time, and the answer would never begin."""

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Endless: ")
        while True:
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.1)

    with Hostile(drip) as server:
        reading = server.read("branches", tuning=Tuning(whole_answer=1.0), request_timeout=1)
        assert fails_with(reading, "did not answer in time")


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_of_a_gigabyte(announced: bool) -> None:  # noqa: FBT001
    """It is not read to its end, and memory stays flat."""
    sent = Counter[str]()

    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        if announced:
            handler.send_header("Content-Length", str(1024 * MEGABYTE))
        else:
            handler.send_header("Connection", "close")
        handler.end_headers()
        for _ in range(1024):
            handler.wfile.write(b" " * MEGABYTE)
            sent["megabytes"] += 1

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Hostile(flood) as server:
        assert fails_with(server.read("branches"), "more than 64 MiB")
    assert sent["megabytes"] < 1000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


def test_a_packed_body_of_a_gigabyte() -> None:
    """A million bytes that would become a thousand times as many are not unpacked to their end."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(packer.compress(b" " * MEGABYTE) for _ in range(1024)) + packer.flush()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Hostile(lambda handler: answer(handler, packed, Content_Encoding="gzip")) as server:
        assert fails_with(server.read("branches"), "more than 64 MiB")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


ROWS = [{"name": f"branch-{number}", "commit": {"id": f"{number:040x}"}} for number in range(30)]
BODY = json.dumps(ROWS).encode()


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(BODY)),
        ("x-gzip", gzip.compress(BODY)),
        ("GZip", gzip.compress(BODY[:100]) + gzip.compress(BODY[100:])),
        ("gzip", gzip.compress(BODY) + b"\0\0"),
        ("deflate", zlib.compress(BODY)),
        ("identity", BODY),
    ],
)
def test_bodies_that_are_packed(encoding: str, packed: bytes) -> None:
    """In one piece or in several, and by proxies that pack as they like."""
    headers = {"Content_Encoding": encoding}
    with Hostile(lambda handler: answer(handler, packed, **headers)) as server:
        reading = server.read("branches")
    assert reading.failure is None
    assert len(reading.rows["branches"]) == len(ROWS)


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(BODY)[:-9],
        gzip.compress(BODY)[:20],
        gzip.compress(BODY[:100]) + gzip.compress(BODY[100:])[:30],
        BODY,
        b"",
    ],
)
def test_bodies_that_are_packed_and_damaged(packed: bytes) -> None:
    """A part of the rows is never taken for all of them."""
    with Hostile(lambda handler: answer(handler, packed, Content_Encoding="gzip")) as server:
        reading = server.read("branches")
    assert fails_with(reading, "/repository/branches: its answer is packed")
    assert not reading.rows["branches"]


@pytest.mark.parametrize("times", [10_000, 1_000_000])
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_json_that_is_nested_too_deeply(opening: bytes, times: int) -> None:
    """The parser stops, or is not asked, and does not take the process with it."""
    with Hostile(lambda handler: answer(handler, opening * times)) as server:
        told = "JSON that cannot be read" if len(opening) * times < MEGABYTE else "/branches "
        assert fails_with(server.read("branches"), told)


def branch(number: int) -> dict[str, Any]:
    """A branch as GitLab sends it, as far as it matters."""
    return {"name": f"branch-{number}", "commit": {"id": "0" * 40}}


MOMENT = "2024-01-01T00:00:00.000Z"
NEXT = '<{}?pagination=keyset&cursor={}>; rel="next"'


# How many pages are asked for behind the first one.
ENDLESS = {
    ("itself", 0): {"branches": 0, "project_labels": 0, "issues": 0, "jobs": 0},
    ("itself", 1): {"branches": 1, "project_labels": 1, "issues": 3, "jobs": 1},
    ("another", 0): {"branches": 0, "project_labels": 0, "issues": 0, "jobs": 0},
    ("another", 1): {"branches": 21, "project_labels": 21, "issues": 23, "jobs": 21},
}


@contextmanager
def endless(link: str, rows: int) -> Iterator[Hostile]:
    """A server on which the next page is this one, or a new one with the same row or none."""
    count = iter(range(10**9))
    shown = [{**branch(1), "id": 1, "created_at": MOMENT, "updated_at": MOMENT}][:rows]

    def lease(handler: BaseHTTPRequestHandler) -> None:
        cursor = "same" if link == "itself" else str(next(count))
        answer(handler, shown, Link=NEXT.format(handler.path.partition("?")[0], cursor))

    with Hostile(lease) as server:
        yield server


@pytest.mark.parametrize("name", ["branches", "project_labels", "issues", "jobs"])
@pytest.mark.parametrize(("link", "rows"), ENDLESS)
def test_pagination_that_never_ends(name: str, link: str, rows: int) -> None:
    """It is an error after as many requests as can be told, whatever the list is read by."""
    with endless(link, rows) as server:
        reading = server.read(name, num_workers=1)
    assert reading.failure is not None
    pages = [path for path in server.paths if path.startswith("/api/v4/projects/7/")]
    # A page without rows is asked for twice.
    assert len(pages) == (1 if rows else 2) * (1 + ENDLESS[link, rows][name])


@pytest.mark.parametrize(("link", "rows"), ENDLESS)
def test_pagination_that_never_ends_in_many_windows(link: str, rows: int) -> None:
    """The windows of one list share what may come to nothing: they ask for no more than one does.

    Sixteen windows are opened at once, each of them with a page found by its number.
    """
    with endless(link, rows) as server:
        reading = server.read("issues", num_workers=20)
    assert reading.failure is not None
    most = {"itself": 17, "another": 500}[link] if rows else 0
    assert sum("cursor=" in path for path in server.paths) <= most
    assert sum("&page=" in path for path in server.paths) <= 17


def test_a_next_link_to_another_host() -> None:
    """Only the query is taken from it: the token stays here."""
    others: list[str] = []

    def elsewhere(handler: BaseHTTPRequestHandler) -> None:
        others.append(handler.path)
        answer(handler, [])

    with Hostile(elsewhere) as other:

        def lease(handler: BaseHTTPRequestHandler) -> None:
            if "cursor=2" in handler.path:
                answer(handler, [branch(2)])
            else:
                answer(handler, [branch(1)], Link=NEXT.format(other.url + "/x", 2))

        with Hostile(lease) as server:
            reading = server.read("branches")
    assert [row["name"] for row in reading.rows["branches"]] == ["branch-1", "branch-2"]
    assert not others


@pytest.mark.parametrize(
    ("name", "row", "told"),
    [
        ("branches", {"name": None}, "name is None"),
        ("branches", {"name": 5}, "name is 5"),
        ("branches", {}, "name is None"),
        ("project_labels", {"id": "1", "name": "x"}, "id is '1'"),
        ("project_labels", {"id": True}, "id is True"),
        ("issues", {"id": 1, "project_id": 7, "updated_at": "yesterday"}, "yesterday"),
        ("issues", {"id": None, "created_at": MOMENT, "updated_at": MOMENT}, "id is None"),
        ("jobs", {"id": 1.5}, "id is 1.5"),
        ("deployments", {"id": [1], "updated_at": "2024-01-01T00:00:00.000Z"}, "id is [1]"),
    ],
)
def test_rows_without_a_proper_key(name: str, row: dict[str, Any], told: str) -> None:
    """They could not be told apart later, so the slice fails, with its address."""

    def lease(handler: BaseHTTPRequestHandler) -> None:
        answer(handler, {"id": 1} if handler.path.endswith("/user") else [row])

    with Hostile(lease) as server:
        reading = server.read(name)
    assert fails_with(reading, told)
    assert fails_with(reading, "/api/v4/projects/7/")


@pytest.mark.parametrize(
    "headers",
    [
        {"Link": '<http://[::1>; rel="next"'},
        {"Link": ";;;<>;rel=next,,"},
        {"X_Total": "9" * 400, "X_Next_Page": ""},
        {"X_Total": "²"},
        {"RateLimit_Remaining": "-1", "RateLimit_Reset": "soon"},
        {"RateLimit_Remaining": "0", "RateLimit_Reset": "0"},
        {"Date": "the day before yesterday"},
    ],
)
def test_headers_that_make_no_sense(headers: dict[str, str]) -> None:
    """Either they do not matter, or the error says that they do."""
    with Hostile(lambda handler: answer(handler, [branch(1)], **headers)) as server:
        reading = server.read("branches")
    if reading.failure is None:
        assert [row["name"] for row in reading.rows["branches"]] == ["branch-1"]
    else:
        assert fails_with(reading, "link to the next page")
