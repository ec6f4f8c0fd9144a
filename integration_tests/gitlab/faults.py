"""Faults on demand: which requests they strike, and what these get in place of an answer."""

from __future__ import annotations

import asyncio
import re
from dataclasses import asdict, dataclass, field, fields
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.responses import HTMLResponse, RedirectResponse, Response

from integration_tests.gitlab import row_faults, transport
from integration_tests.gitlab.clock import SECOND, http_date
from integration_tests.gitlab.errors import json_response
from integration_tests.gitlab.limits import Quota, throttled, too_many

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope

    from integration_tests.gitlab.clock import Clock

KINDS = {
    "status": "answer ``status`` with GitLab's JSON, or with ``body``",
    "rate_limit": "answer 429 in one of four forms: retry_after, reset, application, plain",
    "reset": "TCP reset",
    "close": "close the connection without an answer",
    "stall": "no answer for ``seconds``, then close",
    "slow": "answer after ``seconds``",
    "torn": "announce the whole body, send half of it, close",
    "html": "200 with an HTML page",
    "empty": "200 with nothing",
    "null_body": "200 with the JSON ``null``",
    "object": "200 with a JSON object in place of a list",
    "not_json": "200 with application/json that is cut off, the length being right",
    "sign_in": "302 to the sign-in page, which is HTML",
    "redirect": "302 to ``location``, with the path and query of the request",
    "large": "the answer padded with white space by ``size`` bytes",
    "date": "the answer, by a clock that is ``seconds`` ahead, or behind",
    "no_date": "the answer without ``Date``, as some proxies send it",
    **row_faults.KINDS,
}
FORMS = ("retry_after", "reset", "application", "plain")
DATED = {"date", "no_date"}
LATE = {"torn", "slow", "large", *row_faults.KINDS} | DATED
"""Faults that need the answer first."""

SIGN_IN_PAGE = "<!DOCTYPE html>\n<html><head><title>Sign in · GitLab</title></head></html>\n"


@dataclass
class Fault:
    """One rule. It strikes a request that fits every condition given.

    ``query`` are parameters that it must have, ``without`` names those that it must not have.
    ``nth`` are ordinals, from 1, among the requests that fit; ``skip`` lets the first ones pass;
    ``every`` strikes each so-many-th; ``probability`` is drawn with ``seed``; ``times`` bounds how
    often it strikes in all. ``when`` is ``after`` to do the work and lose the answer.
    """

    kind: str
    method: str = ""
    path: str = ""
    template: str = ""
    query: dict[str, str] = field(default_factory=dict)
    without: list[str] = field(default_factory=list)
    nth: list[int] = field(default_factory=list)
    skip: int = 0
    every: int = 0
    probability: float = 1.0
    seed: int = 0
    times: int = 0
    when: str = "before"
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    row: dict[str, Any] = field(default_factory=dict)
    column: str = ""
    columns: list[str] = field(default_factory=list)
    text: str = ""
    body: Any = None
    form: str = "retry_after"
    seconds: float = 1.0
    location: str = ""
    size: int = 1_000_000
    fitting: int = 0
    struck: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            message = f"no such fault: {self.kind}; there are {', '.join(KINDS)}"
            raise ValueError(message)
        if self.form not in FORMS:
            message = f"no such form of 429: {self.form}; there are {', '.join(FORMS)}"
            raise ValueError(message)
        self._random = Random(self.seed)
        self._path = re.compile(self.path)

    @classmethod
    def parse(cls, given: dict[str, Any]) -> Fault:
        """Make a fault from JSON; raises ValueError for names that mean nothing."""
        known = {entry.name for entry in fields(cls)} - {"fitting", "struck"}
        strange = set(given) - known
        if strange:
            message = f"a fault has no {', '.join(sorted(strange))}; it has {', '.join(known)}"
            raise ValueError(message)
        return cls(**given)

    def fits(self, method: str, path: str, template: str, query: dict[str, str]) -> bool:
        """Whether the request is one of those that this fault is about."""
        return (
            (not self.method or self.method == method)
            and (not self.template or self.template == template)
            and self._path.search(path) is not None
            and all(query.get(name) == value for name, value in self.query.items())
            and not any(name in query for name in self.without)
        )

    def strikes(self) -> bool:
        """Count a request that fits, and say whether it is struck."""
        self.fitting += 1
        number = self.fitting - self.skip
        if number < 1 or (self.times and self.struck >= self.times):
            return False
        if self.nth and self.fitting not in self.nth:
            return False
        if self.every and number % self.every:
            return False
        if self.probability < 1.0 and self._random.random() >= self.probability:
            return False
        self.struck += 1
        return True

    @property
    def late(self) -> bool:
        """Whether the request's work is done before the fault shows."""
        return self.when == "after" or self.kind in LATE


class Faults:
    """The faults that are set; of several that strike one request the first one counts."""

    def __init__(self) -> None:
        self.rules: list[Fault] = []

    def strike(self, scope: Scope, template: str) -> Fault | None:
        """The fault for this request, if any."""
        if not self.rules:
            return None
        path = scope["emulator.path"]
        query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        for rule in self.rules:
            if rule.fits(scope["method"], path, template, query) and rule.strikes():
                return rule
        return None

    def report(self) -> list[dict[str, Any]]:
        """The rules and how often each has struck."""
        return [asdict(rule) for rule in self.rules]


def _rate_limited(fault: Fault, clock: Clock) -> Response:
    wait = max(int(fault.seconds), 1)
    end = clock.now() + wait * SECOND
    if fault.form == "retry_after":
        return throttled({}, wait)
    if fault.form == "reset":
        return throttled(Quota(2000, 2001, end).headers(), None)
    if fault.form == "application":
        return too_many(Quota(2000, 10, end).headers())
    return throttled({}, None)


def _status(fault: Fault) -> Response:
    if fault.body is not None:
        if isinstance(fault.body, str):
            return Response(fault.body, fault.status, fault.headers, media_type="text/html")
        return json_response(fault.body, fault.status, fault.headers)
    texts: dict[int, Any] = {
        401: {"message": "401 Unauthorized"},
        403: {"message": "403 Forbidden"},
        404: {"message": "404 Not found"},
        410: {"message": "410 Gone"},
        408: {"message": {"error": "Request timed out"}},
        500: {"message": "500 Internal Server Error"},
    }
    if fault.status in texts:
        return json_response(texts[fault.status], fault.status, fault.headers)
    page = f"<html><head><title>{fault.status}</title></head><body>{fault.status}</body></html>\n"
    return Response(page, fault.status, fault.headers, media_type="text/html")


def replacement(fault: Fault, scope: Scope, clock: Clock, root: str) -> Response:
    """What a fault answers in place of the real answer."""
    json_type = "application/json"
    query = scope["query_string"].decode()
    path = scope["emulator.path"] + (f"?{query}" if query else "")
    made: dict[str, Callable[[], Response]] = {
        "rate_limit": lambda: _rate_limited(fault, clock),
        "html": lambda: HTMLResponse(SIGN_IN_PAGE),
        "empty": lambda: Response(b"", media_type=json_type),
        "null_body": lambda: Response(b"null", media_type=json_type),
        "object": lambda: json_response(fault.body or {"message": "this is no list"}),
        "not_json": lambda: Response(b'[{"id": 1, "ti', media_type=json_type),
        "sign_in": lambda: RedirectResponse(f"{root}/users/sign_in", 302),
        "redirect": lambda: RedirectResponse(f"{fault.location.rstrip('/')}{path}", 302),
    }
    return made.get(fault.kind, lambda: _status(fault))()


def padded(response: Response, size: int) -> None:
    """Blow a JSON answer up with white space, which leaves it the same JSON."""
    response.body = bytes(response.body) + b" " * size
    response.headers["content-length"] = str(len(response.body))


def dated(fault: Fault, response: Response, clock: Clock) -> None:
    """Let an answer tell another time than the server's clock."""
    if fault.kind == "no_date":
        del response.headers["date"]
    else:
        response.headers["date"] = http_date(clock.now() + int(fault.seconds * SECOND))


async def sever(
    fault: Fault,
    scope: Scope,
    receive: Receive,
    answer: Response | None,
) -> None:
    """Do to the connection what the fault says; returns when it is closed."""
    connection = transport.of_request(scope)
    if fault.kind == "stall":
        waiting = asyncio.ensure_future(transport.gone(receive))
        await asyncio.wait([waiting], timeout=fault.seconds)
        waiting.cancel()
    if fault.kind == "torn" and answer is not None:
        head = [f"HTTP/1.1 {answer.status_code} OK".encode()]
        head += [name + b": " + value for name, value in answer.raw_headers]
        body = bytes(answer.body)
        connection.write(b"\r\n".join(head) + b"\r\n\r\n" + body[: len(body) // 2])
    if fault.kind == "reset":
        transport.reset(connection)
    else:
        connection.close()
    await transport.gone(receive)


SEVERING = {"reset", "close", "stall", "torn"}
