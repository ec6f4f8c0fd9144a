"""Whose answer it is: what GitLab itself says of one list, of the token, or of the token's user.

Firewalls, ingresses, sign-in pages and gateways refuse requests in GitLab's place, with the same
status codes. Their answer says nothing of rights, so only a body that GitLab's code can make is a
verdict:

| body                                                       | where GitLab makes it            |
| ---------------------------------------------------------- | -------------------------------- |
| `{"message": "403 Forbidden - reason"}`, "404 X Not Found" | lib/api/helpers.rb               |
| `{"error": "404 Not Found"}`: there is no such address     | lib/api/api.rb, its last route   |
| `{"error": "insufficient_scope", ...}`, "invalid_token"    | lib/api/api_guard.rb             |
| what a declaration has under `nothing`                     | the file that stands beside it   |
| `{"errors": [{"message": "Invalid token"}]}`               | graphql_controller.rb            |
| any JSON object, under a header X-Gitlab-Meta              | every answer since GitLab 13.10  |
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson
import requests

from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.gitlab.transport.body import Received

_META = "X-Gitlab-Meta"
_NUMBERED = {
    401: re.compile(r"401 Unauthorized\b"),
    403: re.compile(r"403 Forbidden\b"),
    # "404 page not found" is what web servers written in Go say.
    404: re.compile(r"404(?! page\b)( .+)? Not Found( - .*)?$", re.IGNORECASE),
    410: re.compile(r"410 Gone\b"),
}
# What app/controllers/graphql_controller.rb says in `errors`, of 422 in words of any kind.
_OF_GRAPHQL = {
    401: re.compile(r"Invalid token$"),
    403: re.compile(r"API not accessible for user$|Too many logins from different IPs\b"),
    404: re.compile(r"Not found!$"),
    422: re.compile(r"\S"),
}
# What standards of OAuth and GitLab's own guard call a refusal.
_CODES = {
    401: frozenset(
        {
            "dpop_error",
            "invalid_request",
            "invalid_token",
            "restricted_language_server_client_error",
            "unauthorized",
        }
    ),
    403: frozenset({"insufficient_scope", "insufficient_granular_scope"}),
}
# What HTTP itself calls a status, which is all that gateways say in JSON.
_PHRASES = frozenset(
    {"bad request", "forbidden", "not found", "unauthorized", "method not allowed", "gone"}
)
_NO_ROUTE = re.compile(r"404 Not Found$", re.IGNORECASE)
# The beginnings of what lib/gitlab/auth/user_access_denied_reason.rb says.
_OF_THE_USER = re.compile(
    r"403 Forbidden\s+- (Your (account|password|primary email|email)\b"
    r"|You (\(\S+\) )?must accept\b|This action cannot be performed by internal users)",
    re.IGNORECASE,
)


def is_failure(status: int) -> bool:
    """Whether a status tells that GitLab, or the way to it, failed for now."""
    return status >= 500 or status in {408, 425}  # noqa: PLR2004 -- the HTTP status itself


def is_answer(received: Received) -> bool:
    """Whether a GitLab gave or refused something, whatever it was asked for."""
    if received.status == requests.codes.ok:
        try:
            return isinstance(orjson.loads(received.body), (dict, list))
        except orjson.JSONDecodeError:
            return False
    if received.status == requests.codes.too_many_requests:
        return True
    return not is_failure(received.status) and is_gitlabs(received)


def is_gitlabs(received: Received) -> bool:
    """Whether GitLab itself made this refusal (a 4xx)."""
    data = _object(received.body)
    if data is None:
        return False
    if received.headers.get(_META):
        return True
    return _is_own(received.status, data)


def _is_own(status: int, data: Mapping[str, Any]) -> bool:
    message, error = data.get("message"), _error(data)
    if error in _CODES.get(status, ()):
        return True
    if data.keys() == {"errors"}:
        told = _OF_GRAPHQL.get(status)
        return told is not None and told.match(first_of_graphql(data)) is not None
    numbered = _NUMBERED.get(status)
    if numbered is None:
        # 400, 405, 422, …: GitLab says what is wrong in words of any kind. A message may hold those
        # of each attribute (render_api_error! in lib/api/helpers.rb), an error is one text.
        if data.keys() == {"message"} and isinstance(message, (dict, list)):
            return bool(message)
        said = message if data.keys() == {"message"} else error if data.keys() == {"error"} else ""
        return isinstance(said, str) and bool(said) and said.strip(" .").lower() not in _PHRASES
    if data.keys() == {"message"}:
        text = message if isinstance(message, str) else ""
        return numbered.match(text) is not None or text in _of_nothing()
    return data.keys() == {"error"} and numbered.match(error) is not None


@cache
def _of_nothing() -> frozenset[str]:
    """What GitLab says of lists that have nothing in them."""
    return frozenset(one.nothing for one in streams().values() if one.nothing)


def is_of_the_user(received: Received) -> bool:
    """Whether a 403 of GitLab's says that it refuses the token's user whatever is asked."""
    data = _object(received.body) or {}
    return (
        received.status == requests.codes.forbidden
        and _OF_THE_USER.match(str(data.get("message"))) is not None
    )


def is_of_the_scope(received: Received) -> bool:
    """Whether a 403 of GitLab's says that the token lacks a scope or a permission."""
    return _error(_object(received.body)) in _CODES[403]


def is_of_the_token(received: Received) -> bool:
    """Whether a 401 of GitLab's says that the token has ended, rather than that it is unknown."""
    return _error(_object(received.body)) == "invalid_token"


def has_no_route(received: Received) -> bool:
    """Whether a 404 of GitLab's says that this version of it knows no such address.

    It says so too when a proxy has decoded an encoded slash (%2F) in the address.
    """
    error = _error(_object(received.body))
    return received.status == requests.codes.not_found and bool(_NO_ROUTE.match(error))


def first_of_graphql(data: Mapping[str, Any]) -> str:
    """The first message of a response of GraphQL that has errors; "" where there is none."""
    errors = data.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    message = first.get("message") if isinstance(first, dict) else None
    return message if isinstance(message, str) else ""


def _error(data: Mapping[str, Any] | None) -> str:
    """The error code or text of a refusal; "" where there is none, or no text."""
    error = (data or {}).get("error")
    return error if isinstance(error, str) else ""


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return data if isinstance(data, dict) else None
