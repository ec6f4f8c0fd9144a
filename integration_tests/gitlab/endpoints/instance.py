"""The instance itself, and what a token says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration_tests.gitlab.call import Registry
from integration_tests.gitlab.clock import day
from integration_tests.gitlab.errors import ApiError, bad_request, json_response
from integration_tests.gitlab.present.people import access_token

if TYPE_CHECKING:
    from starlette.responses import Response

    from integration_tests.gitlab.call import Call

api = Registry()

REVISION = "0a1b2c3d4e5"


@api.get("/version", scopes=("api", "read_api", "read_user"), anonymous=False)
def version(call: Call) -> Response:
    """The version of GitLab."""
    shown = f"{call.settings.version}-ee"
    return json_response({"version": shown, "revision": REVISION})


@api.get("/job", scopes=(), anonymous=False, job_token=True)
def own_job(call: Call) -> Response:
    """The CI job whose token the request carries; other kinds of tokens are not to be had here."""
    token = call.token
    if token is None or token.kind != "job":
        raise ApiError(404, {"message": "404 Job Not Found"})
    user = call.world.users[token.user_id].facts["username"]
    return json_response({"id": 1, "name": "emulated", "user": {"username": user}})


@api.get("/personal_access_tokens/self", scopes=(), anonymous=False)
def own_token(call: Call) -> Response:
    """The access token of the request; OAuth tokens are not to be had here."""
    token = call.token
    if token is None:
        raise ApiError(404, {"message": "404 Not found"})
    if token.kind != "pat":
        reason = "This endpoint requires token type to be a personal access token"
        raise bad_request(reason)
    return json_response(
        access_token(
            token.token_id,
            name=token.name,
            revoked=token.revoked,
            created=token.created,
            scopes=token.scopes,
            user_id=token.user_id,
            used=token.used,
            active=True,
            expires_at=day(token.expires) if token.expires is not None else None,
        )
    )
