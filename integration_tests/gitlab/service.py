"""What every request goes through: log, latency, limits, faults, compression, headers."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib
from random import getrandbits
from typing import TYPE_CHECKING

from starlette.requests import Request

from integration_tests.gitlab.auth import check_scope
from integration_tests.gitlab.call import Call
from integration_tests.gitlab.errors import ApiError, unauthorized
from integration_tests.gitlab.faults import DATED, SEVERING, dated, padded, replacement, sever
from integration_tests.gitlab.limits import throttled, too_many
from integration_tests.gitlab.query import Query
from integration_tests.gitlab.requestlog import Entry
from integration_tests.gitlab.row_faults import KINDS, altered, rewritten

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from integration_tests.gitlab.auth import Token
    from integration_tests.gitlab.call import Endpoint
    from integration_tests.gitlab.emulator import Emulator
    from integration_tests.gitlab.faults import Fault

SECURITY = {
    "cache-control": "max-age=0, private, must-revalidate",
    "vary": "Origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "server": "nginx",
}
COMPRESSED_FROM = 1024
ETAG_UP_TO = 65_536


class Service:
    """An ASGI application for one endpoint: ``answer`` does the work, this does the rest."""

    def __init__(
        self,
        emulator: Emulator,
        template: str,
        answer: Callable[[Request, Token | None], Awaitable[Response]],
        *,
        authenticates: bool = True,
    ) -> None:
        self._emulator = emulator
        self._template = template
        self._answer = answer
        self._authenticates = authenticates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or let it meet its fault."""
        emulator = self._emulator
        request = Request(scope, receive)
        entry = Entry(
            number=0,
            at=emulator.world.clock.now(),
            method=scope["method"],
            template=self._template,
            path=scope["emulator.path"],
            query=scope["query_string"].decode(),
            user=None,
            user_agent=request.headers.get("user-agent", ""),
        )
        started = time.perf_counter()
        emulator.log.begin(entry)
        try:
            await self._exchange(request, receive, send, entry)
        finally:
            entry.milliseconds = round((time.perf_counter() - started) * 1000, 3)
            emulator.log.end(entry)

    async def _exchange(
        self,
        request: Request,
        receive: Receive,
        send: Send,
        entry: Entry,
    ) -> None:
        emulator, settings = self._emulator, self._emulator.world.settings
        if settings.latency:
            await asyncio.sleep(settings.latency)
        fault = emulator.faults.strike(request.scope, self._template)
        entry.fault = fault.kind if fault else None
        if fault is not None and not fault.late:
            if fault.kind in SEVERING:
                await sever(fault, request.scope, receive, None)
                return
            root = str(request.base_url).rstrip("/") + settings.relative_url_root
            response = replacement(fault, request.scope, emulator.world.clock, root)
        else:
            if fault is not None:
                rewritten(fault, request.scope)
            response = await self._limited(request, entry)
        if fault is not None and fault.late:
            done = await self._late(fault, request, receive, response)
            if done is None:
                return
            response = done
        self._finish(request, response)
        if fault is not None and fault.kind in DATED:
            dated(fault, response, emulator.world.clock)
        entry.status, entry.bytes = response.status_code, len(response.body)
        await response(request.scope, receive, send)

    async def _late(
        self,
        fault: Fault,
        request: Request,
        receive: Receive,
        response: Response,
    ) -> Response | None:
        """Apply a fault to an answer; None when it was lost with its connection."""
        if fault.kind in SEVERING:
            self._finish(request, response)
            await sever(fault, request.scope, receive, response)
            return None
        if fault.kind in DATED:
            return response
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            return response
        if fault.kind == "large":
            padded(response, fault.size)
            return response
        if fault.kind in KINDS:
            changed = altered(fault, response)
            if changed is not None:
                return changed
        clock = self._emulator.world.clock
        return replacement(fault, request.scope, clock, str(request.base_url).rstrip("/"))

    async def _limited(self, request: Request, entry: Entry) -> Response:
        """The answer, unless a rate limit stands before it."""
        emulator, settings = self._emulator, self._emulator.world.settings
        who = (
            request.headers.get("authorization")
            or request.headers.get("private-token")
            or "anonymous"
        )
        quota = emulator.limiter.throttle(settings, who)
        headers = {} if quota is None else quota.headers()
        if quota is not None and quota.exceeded:
            wait = max((quota.reset - emulator.world.clock.now()) // 1_000_000 + 1, 1)
            return throttled(headers, wait)
        if emulator.limiter.family_exceeded(settings, f"{entry.method} {self._template}", who):
            return too_many(headers)
        response = await self._authorized(request, entry)
        response.headers.update(headers)
        return response

    async def _authorized(self, request: Request, entry: Entry) -> Response:
        try:
            token = None
            if self._authenticates:
                query = Query(request.scope["query_string"].decode())
                token = self._emulator.tokens.of_request(request.headers, query)
                entry.user = None if token is None else token.user_id
            return await self._answer(request, token)
        except ApiError as error:
            return error.response()

    def _finish(self, request: Request, response: Response) -> None:
        """Put on the headers that every answer has, and compress it when that is wanted."""
        headers, settings = response.headers, self._emulator.world.settings
        body = bytes(response.body)
        if response.status_code == 200 and len(body) <= ETAG_UP_TO:
            etag = f'W/"{zlib.crc32(body):08x}{len(body):08x}"'
            headers["etag"] = etag
            if request.headers.get("if-none-match") == etag:
                response.status_code = 304
                response.body = b""
                del headers["content-length"]
                del headers["content-type"]
        accepts = request.headers.get("accept-encoding", "")
        if settings.gzip and "gzip" in accepts and len(response.body) >= COMPRESSED_FROM:
            response.body = gzip.compress(bytes(response.body), 1)
            headers["content-encoding"] = "gzip"
            headers["content-length"] = str(len(response.body))
        for name, value in SECURITY.items():
            headers.setdefault(name, value)
        headers["date"] = self._emulator.world.clock.http_date()
        headers["x-request-id"] = f"{getrandbits(128):032x}"
        headers["x-runtime"] = "0.01"


def api_answer(
    emulator: Emulator,
    endpoint: Endpoint,
) -> Callable[[Request, Token | None], Awaitable[Response]]:
    """How an endpoint of the API answers: the token's kind and scope first, then the data."""

    async def answer(request: Request, token: Token | None) -> Response:
        if token is None and not endpoint.anonymous:
            raise unauthorized()
        if token is not None and token.kind == "job" and not endpoint.job_token:
            raise unauthorized()
        check_scope(token, endpoint.scopes)
        query = Query(request.scope["query_string"].decode())
        return endpoint.answer(
            Call(
                request,
                query,
                emulator.world,
                emulator.access,
                emulator.tokens,
                token,
            )
        )

    return answer
