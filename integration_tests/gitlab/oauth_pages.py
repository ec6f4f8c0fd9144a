"""The HTTP side of OAuth: pages and endpoints outside the API."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

import orjson
from starlette.responses import HTMLResponse, RedirectResponse, Response

from integration_tests.gitlab.auth import Token, invalid_token
from integration_tests.gitlab.errors import ApiError, json_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from integration_tests.gitlab.emulator import Emulator

NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}


async def _form(request: Request) -> dict[str, str]:
    """The parameters of a POST, which GitLab takes as a form, as JSON or in the query."""
    given = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("application/json"):
        body = await request.body()
        try:
            parsed = orjson.loads(body or b"{}")
        except orjson.JSONDecodeError as error:
            raise ApiError(400, {"error": "invalid_request"}) from error
        given |= {str(name): str(value) for name, value in parsed.items()}
    else:
        given |= dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
    return given


class OAuthPages:
    """The endpoints below /oauth of one instance."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[tuple[str, str, Callable[..., Awaitable[Response]], bool]]:
        """Method, path, answer, and whether the request is authenticated as the API's are."""
        return [
            ("POST", "/oauth/token", self.token, False),
            ("GET", "/oauth/token/info", self.info, True),
            ("POST", "/oauth/revoke", self.revoke, False),
            ("GET", "/oauth/authorize", self.authorize, False),
            ("POST", "/oauth/authorize_device", self.device, False),
            ("GET", "/oauth/device", self.verify, False),
            ("GET", "/users/sign_in", self.sign_in, False),
        ]

    async def token(self, request: Request, _token: Token | None) -> Response:
        """Exchange a code, a refresh token or a device code for a pair of tokens."""
        return json_response(
            self._emulator.oauth.token(await _form(request)),
            headers=dict(NO_STORE),
        )

    async def info(self, _request: Request, token: Token | None) -> Response:
        """What an OAuth token says of itself; personal access tokens are not known here."""
        if token is None or token.kind != "oauth":
            description = "The access token is invalid"
            raise invalid_token(description)
        return json_response(self._emulator.oauth.info(token))

    async def revoke(self, request: Request, _token: Token | None) -> Response:
        """Revoke a token; the answer is the same for one that never was."""
        self._emulator.oauth.revoke((await _form(request)).get("token", ""))
        return json_response({})

    async def authorize(self, request: Request, _token: Token | None) -> Response:
        """The consent page, or with ?auto=1 (or by setting) the redirect that follows it."""
        query = dict(request.query_params)
        auto = query.get("auto") == "1" or self._emulator.world.settings.oauth_auto_approve
        if query.get("deny") == "1":
            denied = {"error": "access_denied", "state": query.get("state", "")}
            return RedirectResponse(f"{query['redirect_uri']}?{urlencode(denied)}", 302)
        if not auto:
            yes = f"{request.url.path}?{urlencode(query | {'auto': '1'})}"
            return HTMLResponse(f'<a id="authorize" href="{yes}">Authorize</a>')
        code = self._emulator.oauth.authorize(query)
        given = {"code": code}
        if "state" in query:
            given["state"] = query["state"]
        glue = "&" if "?" in query["redirect_uri"] else "?"
        return RedirectResponse(f"{query['redirect_uri']}{glue}{urlencode(given)}", 302)

    async def device(self, request: Request, _token: Token | None) -> Response:
        """Start a device grant."""
        base = str(request.base_url).rstrip("/") + self._emulator.world.settings.relative_url_root
        return json_response(self._emulator.oauth.device(await _form(request), base))

    async def verify(self, request: Request, _token: Token | None) -> Response:
        """The page where a user lets a device in: ?user_code=…, with deny=1 to refuse."""
        approve = request.query_params.get("deny") != "1"
        code = request.query_params.get("user_code", "")
        if not self._emulator.oauth.decide(code, approve=approve):
            return HTMLResponse("unknown code", 404)
        return HTMLResponse("approved" if approve else "denied")

    async def sign_in(self, _request: Request, _token: Token | None) -> Response:
        """The page that a browser without a session is sent to."""
        return HTMLResponse("<!DOCTYPE html><title>Sign in · GitLab</title>")
