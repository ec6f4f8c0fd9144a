"""The ASGI application: GitLab's API, OAuth, and the control of the emulator itself."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from integration_tests.gitlab.control import control_routes
from integration_tests.gitlab.endpoints import (
    ci,
    code,
    groups,
    instance,
    people,
    planning,
    projects,
    singles,
)
from integration_tests.gitlab.errors import json_response
from integration_tests.gitlab.graphql import endpoint as graphql
from integration_tests.gitlab.oauth_pages import OAuthPages
from integration_tests.gitlab.plain import answers
from integration_tests.gitlab.service import Service, api_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from integration_tests.gitlab.auth import Token
    from integration_tests.gitlab.call import Endpoint
    from integration_tests.gitlab.emulator import Emulator


ANYTHING = "/{rest:path}"
NO_SLASH = "<!DOCTYPE HTML><html><head><title>404 Not Found</title></head></html>"


class RawPath:
    """Routes by the path as it was sent, so that ``%2F`` stays inside one segment.

    A web server in front may not let it through: some answer 404 themselves, which is the default
    of Apache (AllowEncodedSlashes), and some decode it.
    """

    def __init__(self, routes: Sequence[Route], emulator: Emulator) -> None:
        self._routes = routes
        self._templates = tuple(route.path for route in routes)
        self._words = {word for template in self._templates for word in _segments(template)}
        self._apps: dict[tuple[str, ...], ASGIApp] = {}
        self._emulator = emulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Route one request."""
        if scope["type"] == "http":
            raw = scope.get("raw_path") or scope["path"].encode()
            path = raw.split(b"?", 1)[0].decode("ascii", "replace")
            slash = self._emulator.world.settings.encoded_slash
            if "%2F" in path and slash == "refused":
                await Response(NO_SLASH, 404, media_type="text/html")(scope, receive, send)
                return
            if slash == "decoded":
                path = path.replace("%2F", "/")
            scope = {**scope, "path": path, "emulator.path": path}
            app = self._app(path)
        else:
            app = self._app("/")
        await app(scope, receive, send)

    def _app(self, path: str) -> ASGIApp:
        """The routes that may fit a path: to try all of them would cost more than to answer."""
        key = tuple(word if word in self._words else "" for word in _segments(path))
        found = self._apps.get(key)
        if found is None:
            numbers = _fitting(self._templates, key)
            found = self._apps[key] = Starlette(routes=[self._routes[one] for one in numbers])
        return found


def _segments(path: str) -> list[str]:
    return path.split("/")[1:]


@lru_cache(10_000)
def _fitting(templates: tuple[str, ...], key: tuple[str, ...]) -> list[int]:
    return [number for number, one in enumerate(templates) if _may_fit(one, key)]


def _may_fit(template: str, key: tuple[str, ...]) -> bool:
    """Whether a path whose words are these, with nothing for others, may be one of a template."""
    if template == ANYTHING:
        return True
    parts = _segments(template)
    return len(parts) == len(key) and all(
        part == word or part.startswith("{") for part, word in zip(parts, key, strict=True)
    )


def endpoints() -> list[Endpoint]:
    """Every endpoint of the API."""
    areas = (groups, projects, planning, people, code, ci, instance, singles)
    return [endpoint for area in areas for endpoint in area.api.endpoints] + answers.endpoints()


def _starlette_path(template: str) -> str:
    return re.sub(r":(\w+)", r"{\1}", template)


def create_app(emulator: Emulator) -> ASGIApp:
    """The application of one instance."""
    root = emulator.world.settings.relative_url_root.rstrip("/")
    routes = [
        Route(
            f"{root}/api/v4{_starlette_path(endpoint.template)}",
            Service(emulator, endpoint.template, api_answer(emulator, endpoint)),
            methods=["GET"],
        )
        for endpoint in endpoints()
    ]
    routes += [
        Route(
            f"{root}{path}",
            Service(emulator, path, answer, authenticates=authenticates),
            methods=[method],
        )
        for method, path, answer, authenticates in OAuthPages(emulator).routes()
    ]
    answer_graphql = graphql.GraphqlEndpoint(emulator).answer
    routes.append(
        Route(
            f"{root}{graphql.PATH}",
            Service(emulator, graphql.PATH, answer_graphql, authenticates=False),
            methods=["POST"],
        )
    )
    routes += control_routes(emulator)

    async def missing(request: Request, _token: Token | None) -> Response:
        if "/api/" in request.scope["path"]:
            return json_response({"error": "404 Not Found"}, 404)
        return Response("<!DOCTYPE html><title>Not Found</title>", 404, media_type="text/html")

    every = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"]
    routes.append(
        Route(
            ANYTHING,
            Service(emulator, "(unknown)", missing, authenticates=False),
            methods=every,
        )
    )
    return RawPath(routes, emulator)
