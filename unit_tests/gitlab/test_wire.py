"""What comes over connections of our own is what comes over those of `requests`."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
import requests
from urllib3.exceptions import HTTPError

from integration_tests.gitlab.patience import PATIENCE
from source_gitlab.config import parse
from source_gitlab.gitlab import error_messages
from source_gitlab.gitlab.auth import TokenHeader
from source_gitlab.gitlab.connection import Connection
from source_gitlab.gitlab.errors import FatalError, GitlabError
from source_gitlab.gitlab.request import Request
from source_gitlab.gitlab.retry_pause import VARIABLE
from source_gitlab.gitlab.transport.deadline import AnswerBounds, WatchedAdapter
from source_gitlab.gitlab.transport.direct import DirectPool, Tls
from source_gitlab.gitlab.transport.headers import Headers
from source_gitlab.gitlab.transport.wire import wire_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_gitlab.gitlab.transport.wire import Wire

BOTH = pytest.mark.parametrize("is_direct", [True, False], ids=["direct", "requests"])
OK = b"HTTP/1.1 200 OK\r\n"
BODY = b'[{"id": 1, "title": "a row"}]'
SIZED = OK + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
BAD = b"HTTP/1.1 502 Bad\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n"
PACKED = OK + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n"
MOST = 4096


class Scripted:
    """A server that answers each request on a connection with the next of `answers`.

    A connection is closed after an answer of `closing_after`, and when there is none any more.
    """

    def __init__(self, *answers: bytes, closing_after: tuple[int, ...] = ()) -> None:
        self.heads: list[bytes] = []
        self.connections = 0
        self.hung_up = threading.Event()
        self._answers = list(answers)
        self._closing = closing_after
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Serve nobody any more."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connected, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            # Whoever does not read all of an answer resets the connection.
            with connected, connected.makefile("rb") as file, suppress(ConnectionError):
                self._talk(connected, file)
            self.hung_up.set()

    def _talk(self, connected: socket.socket, file: Any) -> None:
        while head := read_head(file):
            self.heads.append(head)
            if not self._answers:
                return
            connected.sendall(self._answers.pop(0))
            if len(self.heads) in self._closing or not self._answers:
                return


def read_head(file: Any) -> bytes:
    """A request as it came, with its body."""
    lines: list[bytes] = []
    while (line := file.readline()).strip():
        lines.append(line)
    size = [int(line[15:]) for line in lines if line.lower().startswith(b"content-length:")]
    return b"".join(lines) + (file.read(size[0]) if size else b"")


@contextmanager
def wire(url: str, *, is_direct: bool) -> Iterator[Wire]:
    """A way to a server."""
    with requests.Session() as session:
        session.headers.update({"Accept-Encoding": "gzip", "Accept": "application/json"})
        session.mount("http://", WatchedAdapter(max_retries=0))
        session.trust_env = False
        way = wire_of(session, url, is_direct=is_direct)
        with closing(way):
            yield way


def outcome(way: Wire, asked: Request, token: str = "glpat-one", seconds: float = 5.0) -> Any:
    """What came: status, body, headers; or the error, in words."""
    bounds = AnswerBounds(seconds, time.monotonic() + 2 * seconds, MOST)
    try:
        received = way.fetch(asked, TokenHeader(token), bounds)
    except (requests.RequestException, HTTPError) as error:
        return error_messages.transport("it", error)
    except GitlabError as error:
        return str(error).replace(asked.url, "it")
    headers = {name.lower(): value for name, value in received.headers.items()}
    return received.status, received.reason, headers, received.body


ANSWERS = {
    "sized": SIZED,
    "sized and more": SIZED + b"HTTP/1.1 500 Not Asked For\r\n\r\n",
    "empty": OK + b"Content-Length: 0\r\n\r\n",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n[]",
    "until the end": OK + b"Connection: close\r\n\r\n" + BODY,
    "until the end of an old one": b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
    "chunks": CHUNKED + b"\r\n5\r\n[1, 2\r\n4;name=value\r\n, 3]\r\n0\r\n\r\n",
    "chunks with trailers": CHUNKED + b"\r\n2\r\n[]\r\n0\r\nX-Sum: 1\r\n\r\n",
    "no chunk": CHUNKED + b"\r\n0\r\n\r\n",
    "chunks in large letters": CHUNKED.replace(b"d", b"D") + b"\r\nA\r\n[1,2,3   ]\r\n0\r\n\r\n",
    "chunks and a length": CHUNKED + b"Content-Length: 1\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" + SIZED,
    "continue twice": b"HTTP/1.1 100 Continue\r\nX-One: 1\r\n\r\n" * 2 + SIZED,
    "nothing to say": b"HTTP/1.1 204 No Content\r\n\r\n",
    "not changed": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
    "header twice": OK + b"Link: <a>\r\nLINK: <b>\r\nContent-Length: 2\r\n\r\n[]",
    "header without blanks": OK + b"X-Total:5\r\nX-Odd:   6  \r\nContent-Length:2\r\n\r\n[]",
    "header of no ASCII": OK + b"X-Name: \xe9\r\nContent-Length: 2\r\n\r\n[]",
    "empty header": OK + b"X-Next-Page: \r\nX-Total:\r\nContent-Length: 2\r\n\r\n[]",
    "folded header": OK + b"X-Long: one\r\n two\r\nContent-Length: 2\r\n\r\n[]",
    "bare line ends": SIZED.replace(b"\r\n", b"\n"),
    "refused": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}",
    "an error that is large": b"HTTP/1.1 502 Bad\r\nContent-Length: 90000\r\n\r\n" + b"x" * 90_000,
    "too large by its header": OK + b"Content-Length: 5000\r\n\r\n" + b" " * 5000,
    "an impossible length": OK + b"Content-Length: 99999999999999999999\r\n\r\n[]",
    "a length of many digits": OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n[]",
    "an impossible length of an error": BAD + b"Content-Length: 99999999999999999999\r\n\r\n{}",
    "too large in chunks": CHUNKED + b"\r\n1388\r\n" + b" " * 5000 + b"\r\n0\r\n\r\n",
    "too large": OK + b"Connection: close\r\n\r\n" + b" " * 5000,
    "too large when unpacked": PACKED + gzip.compress(b" " * 5000),
    "packed": PACKED + gzip.compress(BODY),
    "packed and cut": PACKED + gzip.compress(BODY)[:-9],
    "packed in another way": OK + b"Content-Encoding: br\r\nConnection: close\r\n\r\n" + BODY,
    "cut": OK + b"Content-Length: 99\r\n\r\n" + BODY,
    "cut at once": OK + b"Content-Length: 99\r\n\r\n",
    "cut in a chunk": CHUNKED + b"\r\n20\r\n[1, 2",
    "cut between chunks": CHUNKED + b"\r\n5\r\n[1, 2\r\n",
    "cut before a chunk": CHUNKED + b"\r\n",
    "no size of a chunk": CHUNKED + b"\r\nfive\r\n[1, 2\r\n0\r\n\r\n",
    "a negative chunk": CHUNKED + b"\r\n-5\r\n[1, 2\r\n0\r\n\r\n",
    "closed": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "no HTTP and long": b"x" * 100_000 + b"\r\n",
    "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]",
    "a length that is no number": OK + b"Content-Length: +2\r\n\r\n[]",
    "another transfer coding": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
    "the same length twice": OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n[]",
    "a long header": OK + b"X-Long: " + b"x" * 70_000 + b"\r\nContent-Length: 2\r\n\r\n[]",
    "redirected": b"HTTP/1.1 301 Moved\r\nLocation: /api/v4/x\r\nContent-Length: 0\r\n\r\n",
}  # fmt: skip
# Where the answer is not HTTP: requests believes more of it, or says it in other words.
# Where it is told in other words, or requests takes what is no answer of HTTP's for one.
OTHERWISE = {
    "header without blanks": (
        200,
        "OK",
        {"x-total": "5", "x-odd": "6", "content-length": "2"},
        b"[]",
    ),
    "cut in a chunk": "it: its answer was cut short.",
    "cut before a chunk": "it: its answer was cut short.",
    "cut between chunks": "it: its answer was cut short.",
    "two lengths": "it: the connection was lost.",
    "a length that is no number": "it: the connection was lost.",
    "another transfer coding": "it: the connection was lost.",
}


def asked(server: Scripted, **more: Any) -> Request:
    """A request to a server."""
    return Request(f"{server.url}/api/v4/projects/acme%2Fweb", "projects", **more)


@pytest.mark.parametrize("name", ANSWERS)
def test_both_ways_bring_the_same(name: str) -> None:
    """Whatever comes, in the same words."""
    outcomes: dict[bool, Any] = {}
    for is_direct in (True, False):
        with (
            closing(Scripted(ANSWERS[name])) as server,
            wire(server.url, is_direct=is_direct) as way,
        ):
            outcomes[is_direct] = outcome(way, asked(server))
            assert len(server.heads) == 1
    assert outcomes[True] == OTHERWISE.get(name, outcomes[False])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("too large by its header", "it announced more than"),
        ("too large in chunks", "it sent more than"),
        ("an impossible length", "it: it announced more bytes than any answer has."),
        ("a length of many digits", "it: it announced more bytes than any answer has."),
        ("an impossible length of an error", "it: it announced more bytes than any answer has."),
    ],
)
@BOTH
def test_a_length_is_told_as_what_it_is(is_direct: bool, name: str, told: str) -> None:  # noqa: FBT001
    """What was only announced was not sent, and what no answer can have is no length."""
    with closing(Scripted(ANSWERS[name])) as server, wire(server.url, is_direct=is_direct) as way:
        found = outcome(way, asked(server))
        assert str(found).replace("GET ", "").startswith(told), found


def test_a_request_is_tried_again_behind_an_impossible_length(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was broken on the way, which passes."""
    monkeypatch.setenv(VARIABLE, "0")
    answers = [ANSWERS["an impossible length"]] * 2 + [SIZED]
    with closing(Scripted(*answers)) as server:
        config = parse({"api_url": server.url, "private_token": "glpat-of-nobody-1"})
        with Connection(config) as connection:
            assert len(connection.rows("projects", {}).data) == 1
        assert len(server.heads) == len(answers)


@BOTH
def test_what_is_sent(is_direct: bool) -> None:  # noqa: FBT001 -- parametrized
    """One request line and the headers, the token among them; of a question, its body."""
    with closing(Scripted(SIZED, SIZED)) as server, wire(server.url, is_direct=is_direct) as way:
        outcome(way, asked(server, query="a=1&b=%C3%A9"))
        outcome(way, asked(server, method="POST", body=b'{"query": "{ x }"}'), token="")
    first, second = server.heads
    host = server.url.removeprefix("http://").encode()
    assert first.startswith(b"GET /api/v4/projects/acme%2Fweb?a=1&b=%C3%A9 HTTP/1.1\r\n")
    assert second.startswith(b"POST /api/v4/projects/acme%2Fweb HTTP/1.1\r\n")
    assert second.endswith(b'{"query": "{ x }"}')
    for head in (first, second):
        lines = {line.lower() for line in head.split(b"\r\n")}
        assert {b"host: " + host, b"accept-encoding: gzip", b"accept: application/json"} <= lines
        assert sum(line.startswith(b"host:") for line in lines) == 1
    assert b"\r\nAuthorization: Bearer glpat-one\r\n" in first
    assert b"authorization" not in second.lower()
    assert b"\r\ncontent-type: application/json\r\n" in second.lower()


@BOTH
def test_a_connection_serves_many_requests(is_direct: bool) -> None:  # noqa: FBT001 -- parametrized
    """Whatever the form of their bodies, as long as they have ended."""
    answers = (SIZED, ANSWERS["chunks"], ANSWERS["nothing to say"], ANSWERS["refused"], SIZED)
    with closing(Scripted(*answers)) as server, wire(server.url, is_direct=is_direct) as way:
        for _ in answers:
            assert isinstance(outcome(way, asked(server)), tuple)
        assert server.connections == 1


@pytest.mark.parametrize(
    ("first", "closing_after"),
    [
        (SIZED, (1,)),
        (OK + b"Connection: close\r\nContent-Length: 2\r\n\r\n[]", ()),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n[]", ()),
        (ANSWERS["too large"], (1,)),
        (ANSWERS["no size of a chunk"], ()),
        (ANSWERS["an error that is large"], ()),
    ],
    ids=["hung up", "says so", "old", "too large", "no chunk", "an error"],
)
@BOTH
def test_the_next_request_goes_over_another_connection(
    is_direct: bool,  # noqa: FBT001 -- parametrized
    first: bytes,
    closing_after: tuple[int, ...],
) -> None:
    """Where the first one was closed, or may hold what belongs to no answer."""
    server = Scripted(first, SIZED, closing_after=closing_after)
    with closing(server), wire(server.url, is_direct=is_direct) as way:
        outcome(way, asked(server))
        if closing_after:
            assert server.hung_up.wait(PATIENCE)
        assert outcome(way, asked(server))[0] == 200
        assert server.connections == 2


def test_what_nobody_asked_for_is_no_answer() -> None:
    """It would pass for the answer to the next request, and its rows for those of another list."""
    for more in (SIZED, b"0\r\n\r\n"):
        with closing(Scripted(SIZED + more, SIZED)) as server:
            way = wire_of(requests.Session(), server.url)
            for _ in range(2):
                assert outcome(way, asked(server))[3] == BODY
            assert server.connections == 2
            way.close()


def test_a_connection_that_comes_back_late_is_closed() -> None:
    """The pool may be closed while a request is under way."""
    with closing(Scripted(SIZED)) as server:
        pool = DirectPool(server.url, Tls(authority=True))
        connection = pool.take(server.url, 5.0)
        pool.close()
        pool.give(connection)
        assert connection.socket.fileno() == -1


def test_a_header_cannot_be_ended() -> None:
    """A token with a line break would begin a header of its own."""
    with closing(Scripted(SIZED)) as server, wire(server.url, is_direct=True) as way:
        with pytest.raises(requests.exceptions.InvalidHeader, match="Authorization"):
            way.fetch(asked(server), TokenHeader("a\r\nX-Other: b"), AnswerBounds(1.0, 1e12, MOST))
        assert not server.heads


def test_an_address_that_needs_to_be_encoded() -> None:
    """A request line holds no blanks and nothing but ASCII."""
    with closing(Scripted(SIZED)) as server, wire(server.url, is_direct=True) as way:
        outcome(way, Request(f"{server.url}/api/v4/a b\r\nX: é", "a"))
        assert server.heads[0].startswith(b"GET /api/v4/a%20b%0D%0AX:%20%C3%A9 HTTP/1.1\r\n")


def test_certificates_that_are_not_there_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images name a file in REQUESTS_CA_BUNDLE which another image has not."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    with closing(Scripted()) as server, requests.Session() as session:
        url = server.url.replace("http", "https")
        with (
            closing(wire_of(session, url)) as way,
            pytest.raises(FatalError, match="/nowhere/ca"),
        ):
            way.fetch(Request(f"{url}/x", "x"), TokenHeader(""), AnswerBounds(1.0, 1e12, MOST))


def test_headers_have_names_in_any_case() -> None:
    """As HTTP says."""
    headers = Headers.of_lines([b"X-Total: 5\r\n", b"nonsense\r\n", b" of two lines\r\n"])
    assert headers["x-total"] == headers["X-TOTAL"] == "5 of two lines"
    assert "X-total" in headers
    assert "x-next-page" not in headers
    assert headers.get("X-TOTAL", "none") == headers["x-total"]
    assert headers.get("Link", "none") == "none"
    assert list(headers) == ["x-total"]
    assert len(headers) == 1
