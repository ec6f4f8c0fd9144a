"""The control of the emulator itself, below /emulator: JSON, no token needed, never a fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from starlette.routing import Route

from integration_tests.gitlab.changes.base import MutationError
from integration_tests.gitlab.clock import SECOND, moment, stamp
from integration_tests.gitlab.errors import json_response
from integration_tests.gitlab.expected import expected_rows
from integration_tests.gitlab.faults import Fault
from integration_tests.gitlab.mutations import mutate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from integration_tests.gitlab.emulator import Emulator


class Control:
    """The control endpoints of one instance."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def requests(self, request: Request) -> Any:
        """GET: counts by endpoint and status, and the last requests (?limit=)."""
        return self._emulator.log.report(int(request.query_params.get("limit", "20000")))

    async def reset_requests(self, _request: Request) -> Any:
        """POST: forget the requests so far."""
        self._emulator.log.reset()
        return {}

    async def reset(self, _request: Request) -> Any:
        """POST: return to the first state in everything."""
        self._emulator.reset()
        return {}

    async def mutate(self, request: Request) -> Any:
        """POST {op, args}, or {ops: [...]}: change the world; answers with what came of it."""
        given = await _json(request)
        if "ops" in given:
            return [mutate(self._emulator, one["op"], one.get("args", {})) for one in given["ops"]]
        return mutate(self._emulator, given["op"], given.get("args", {}))

    async def clock(self, request: Request) -> Any:
        """GET, or POST {set: time, frozen: bool} | {advance: seconds} | {reset: true}."""
        clock = self._emulator.world.clock
        given = await _json(request) if request.method == "POST" else {}
        if "set" in given:
            clock.set(moment(given["set"]), frozen=bool(given.get("frozen", False)))
        if "advance" in given:
            clock.advance(int(given["advance"] * SECOND))
        if given.get("reset"):
            clock.reset()
        return {"now": stamp(clock.now())}

    async def faults(self, request: Request) -> Any:
        """GET, DELETE, or POST {faults: [...], keep: bool}: replaces the faults unless keep."""
        faults = self._emulator.faults
        if request.method == "POST":
            given = await _json(request)
            rules = [Fault.parse(one) for one in given["faults"]]
            faults.rules = (faults.rules if given.get("keep") else []) + rules
        if request.method == "DELETE":
            faults.rules = []
        return faults.report()

    async def world(self, request: Request) -> Any:
        """GET: what a reader should end up with, see expected.py for the parameters."""
        return expected_rows(self._emulator, dict(request.query_params))

    async def settings(self, request: Request) -> Any:
        """GET, or POST with settings by name."""
        if request.method == "POST":
            self._emulator.world.settings.update(await _json(request))
            self._emulator.limiter.reset()
        return vars(self._emulator.world.settings)

    async def tokens(self, request: Request) -> Any:
        """GET, or POST {op: create|revoke|expire, token, user_id, scopes, days}."""
        tokens = self._emulator.tokens
        if request.method == "POST":
            given = await _json(request)
            if given["op"] == "create":
                user_id, days = given.get("user_id", 1), given.get("days", 365)
                tokens.create(given["token"], user_id, given["scopes"], days)
            elif given["op"] in {"revoke", "expire"}:
                getattr(tokens, given["op"])(given["token"])
            else:
                message = f"no such op: {given['op']}; there are create, revoke, expire"
                raise ValueError(message)
        return [
            {
                "token": one.value,
                "user_id": one.user_id,
                "kind": one.kind,
                "scopes": one.scopes,
                "active": tokens.active(one),
            }
            for one in tokens.by_value.values()
        ]

    async def oauth(self, request: Request) -> Any:
        """GET, or POST {expires_in, scopes}: issue a new pair of tokens."""
        authority = self._emulator.oauth
        if request.method == "POST":
            given = await _json(request)
            return authority.answer(
                authority.issue(
                    expires_in=given.get("expires_in"),
                    scopes=given.get("scopes"),
                )
            )
        return {"rotations": authority.rotations, "pairs": len(authority.grants)}


async def _json(request: Request) -> dict[str, Any]:
    given = orjson.loads(await request.body() or b"{}")
    if not isinstance(given, dict):
        message = "a JSON object is needed"
        raise TypeError(message)
    return given


def control_routes(emulator: Emulator) -> list[Route]:
    """The routes below /emulator."""
    control = Control(emulator)

    def answer(
        work: Callable[[Request], Awaitable[Any]],
    ) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            try:
                return json_response(await work(request))
            except (KeyError, TypeError, ValueError, MutationError) as error:
                name = type(error).__name__
                return json_response({"error": f"{name}: {error}"}, 400)

        return respond

    return [
        Route("/emulator/requests", answer(control.requests), methods=["GET"]),
        Route("/emulator/reset-requests", answer(control.reset_requests), methods=["POST"]),
        Route("/emulator/reset", answer(control.reset), methods=["POST"]),
        Route("/emulator/mutate", answer(control.mutate), methods=["POST"]),
        Route("/emulator/clock", answer(control.clock), methods=["GET", "POST"]),
        Route("/emulator/faults", answer(control.faults), methods=["GET", "POST", "DELETE"]),
        Route("/emulator/world", answer(control.world), methods=["GET"]),
        Route("/emulator/settings", answer(control.settings), methods=["GET", "POST"]),
        Route("/emulator/tokens", answer(control.tokens), methods=["GET", "POST"]),
        Route("/emulator/oauth", answer(control.oauth), methods=["GET", "POST"]),
    ]
