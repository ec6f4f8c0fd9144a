"""GitLab's refusals in words: what was refused, why as far as GitLab says, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import requests
from urllib3.exceptions import DecodeError, IncompleteRead, NameResolutionError, ProtocolError

from source_gitlab.gitlab import verdicts
from source_gitlab.gitlab.errors import NoSuchList, Skipped
from source_gitlab.gitlab.transport.body import ImpossibleLength

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_gitlab.gitlab.request import Request
    from source_gitlab.gitlab.transport.body import Received

_SHOWN = 200


def said(body: bytes) -> str:
    """What an error body says, in one line of at most 200 characters; "" when nothing readable.

    GitLab uses `message` (a text, or an object of lists), `error` and `error_description`
    (https://docs.gitlab.com/api/rest/troubleshooting/).
    """
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        text = body[:_SHOWN].decode("utf-8", "replace").strip()
        return "" if text.startswith("<") else " ".join(text.split())
    if not isinstance(data, dict):
        return ""
    for name in ("error_description", "message", "error"):
        if data.get(name):
            return " ".join(_in_words(data[name]).split())[:_SHOWN]
    return " ".join(verdicts.first_of_graphql(data).split())[:_SHOWN]


def _in_words(value: object) -> str:
    """A message of GitLab's, which may hold texts by attribute: `{"name": ["is too long"]}`."""
    if isinstance(value, dict):
        return "; ".join(f"{name} {_in_words(inner)}" for name, inner in value.items())
    return ", ".join(map(_in_words, value)) if isinstance(value, list) else str(value)


def _because(body: bytes, status: int) -> str:
    text = said(body) or f"HTTP {status}"
    return text if str(status) in text else f"{status} {text}"


def late(request: Request, wait: float) -> str:
    """A call whose deadline is over; `wait` is how long GitLab lets nothing like it be asked."""
    message = f"{request.shown} was not answered before the deadline."
    if wait > 0.0:
        message += f" GitLab limits such requests: the next one may start in {wait:.0f} s."
    return message


def skipped(request: Request, received: Received) -> Skipped:
    """A 403 or 404 of GitLab's, sorted by what would have to change for it to be readable.

    The forms: `insufficient_scope` names scopes, `insufficient_granular_scope` permissions
    (lib/api/api_guard.rb); "404 Project Not Found" is also what a private project answers.
    """
    status, body = received.status, received.body
    if verdicts.is_of_the_scope(received):
        data = orjson.loads(body)
        message = f"{request.shown} needs a token with the scope {data.get('scope') or 'read_api'}."
        if data["error"] == "insufficient_granular_scope":
            message = f"{request.shown} may not be read by this token ({_because(body, status)})."
        return Skipped(message, reason="scope", url=request.url, status=status)
    because = _because(body, status)
    if verdicts.has_no_route(received):
        message = (
            f"{request.shown} is not known to this GitLab: it came with a later version"
            f" ({because})."
        )
        return NoSuchList(message, reason="feature", url=request.url, status=status)
    if status == requests.codes.forbidden:
        message = (
            f"{request.shown} may not be read by this token, or its feature is off ({because})."
        )
        return Skipped(message, reason="permission", url=request.url, status=status)
    message = f"{request.shown} does not exist, or this token may not see it ({because})."
    return Skipped(message, reason="gone", url=request.url, status=status)


def intercepted(url: str, received: Received) -> str:
    """A refusal in GitLab's place."""
    kind = received.headers.get("Content-Type", "").partition(";")[0].strip()
    text = said(received.body)
    what = f'"{text}"' if text else kind or "nothing"
    return (
        f"{url} was refused with HTTP {received.status} by something else than GitLab ({what}),"
        " again and again. Look for a firewall, a proxy or a sign-in page between this machine and"
        " GitLab, and check api_url."
    )


def needs_token(request: Request, body: bytes) -> Skipped:
    """A 401 for a request without a token: some lists of public projects want one all the same."""
    message = (
        f"{request.shown} is not shown to everybody: it needs a token ({_because(body, 401)})."
    )
    return Skipped(message, reason="permission", url=request.url, status=401)


def closed_to_jobs(request: Request) -> Skipped:
    """A 401 for the token of a CI job that still runs: few lists are open to such tokens."""
    message = (
        f"{request.shown} is not open to the tokens of CI jobs. Use a project or group access"
        " token to read it (https://docs.gitlab.com/ci/jobs/ci_job_token/)."
    )
    return Skipped(message, reason="scope", url=request.url, status=401)


def closed(request: Request, body: bytes) -> Skipped:
    """A 401 for one list, while the token is good: what GitLab answers where a role is missing."""
    message = (
        f"{request.shown} may not be read by this token, which GitLab accepts elsewhere"
        f" ({_because(body, 401)})."
    )
    return Skipped(message, reason="permission", url=request.url, status=401)


def doubtful(url: str, body: bytes) -> str:
    """A 401 while nobody can say whether the token is good."""
    return f"{url} refused the token ({_because(body, 401)}), and GitLab does not say who it is of."


def user(body: bytes) -> str:
    """A 403 that is about the token's user."""
    return f"GitLab refuses the token's user, whatever is asked for ({_because(body, 403)})"


def unauthorized(body: bytes) -> str:
    """A 401 that no renewal can mend."""
    return (
        f"GitLab does not accept the token ({_because(body, 401)}). Check that it is complete, not"
        " expired or revoked, and made on this GitLab; then put a new one into the configuration."
    )


def client(url: str, status: int, body: bytes) -> str:
    """A 4xx that is neither a permission nor a limit."""
    return f"GitLab did not accept the request {url} ({_because(body, status)})."


def server(url: str, status: int, body: bytes) -> str:
    """A 5xx or 408 that did not go away."""
    return f"GitLab failed to answer {url} ({_because(body, status)}), again and again."


def too_many(url: str) -> str:
    """A 429 that did not go away."""
    return (
        f"GitLab kept refusing {url} as one request too many. Lower num_workers or"
        " max_requests_per_minute, or ask the administrator for a higher limit."
    )


def unavailable(problem: str, api_url: str) -> str:
    """Nothing is answered any more."""
    return f"{problem} No other request to {api_url} is answered either, so nothing more is asked."


def not_json(url: str, received: Received, error: ValueError) -> str:
    """A 200 that is not the JSON that it should be."""
    kind = received.headers.get("Content-Type", "").partition(";")[0].strip()
    if not received.body.strip():
        return f"{url} answered with an empty body."
    if kind.endswith("json"):
        return f"{url} answered with JSON that cannot be read ({error})."
    return (
        f"{url} answered with {kind or 'something'} that is not JSON. Check that api_url is the"
        " address of GitLab itself, with nothing in between that asks people to sign in."
    )


def too_many_values(url: str) -> str:
    """A body that parsing would blow up."""
    return f"{url} sent more values at once than a page of GitLab has."


def mended(url: str) -> str:
    """A 200 with texts that are no text."""
    return (
        f"{url} answered with texts that are not UTF-8. What cannot be read of them became U+FFFD;"
        " everything else is as GitLab sent it."
    )


def redirected(url: str, location: str) -> str:
    """A redirect that leads away from the API."""
    target = location.partition("?")[0]
    if "sign_in" in target:
        return (
            f"{url} leads to a sign-in page. Check api_url, and that the API needs no VPN or SSO."
        )
    return (
        f"{url} is redirected to {target or 'nowhere'}, which is not followed: the token goes to"
        " the address in api_url alone. Check api_url."
    )


def transport(url: str, error: Exception) -> str:
    """No whole answer: what failed below HTTP, without the library's own wording around it."""
    causes = list(causes_of(error))
    what = f"the request failed ({type(error).__name__})"
    for kinds, sentence in _below_http(_last(causes)):
        if any(isinstance(cause, kinds) for cause in causes):
            what = sentence
            break
    return f"{url}: {what}."


def _below_http(
    last: str,
) -> tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...]:
    """What is wrong where one of these is among the causes; `last` is the innermost, in words."""
    return (
        (
            requests.exceptions.ProxyError,
            "the proxy could not be reached or refused the connection",
        ),
        (
            requests.exceptions.SSLError,
            f"TLS failed ({last}); check api_url, ca_certificate and client_certificate",
        ),
        (NameResolutionError, "its name could not be resolved; check api_url"),
        (requests.exceptions.ConnectTimeout, "it could not be reached in time"),
        (requests.exceptions.Timeout, "it did not answer in time"),
        (ConnectionRefusedError, "the connection was refused; check api_url and its port"),
        (IncompleteRead, "its answer was cut short"),
        (ImpossibleLength, "it announced more bytes than any answer has"),
        (DecodeError, "its answer is packed, and cannot be unpacked"),
        ((ConnectionError, ProtocolError), "the connection was lost"),
    )


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """The error and all that it came of, each once."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        cause = waiting.pop()
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [cause.__cause__, cause.__context__]
        waiting += [inner for inner in cause.args if isinstance(inner, BaseException)]
        reason = getattr(cause, "reason", None)
        waiting.append(reason if isinstance(reason, BaseException) else None)


def _last(causes: list[BaseException]) -> str:
    return " ".join(str(causes[-1]).split())[:_SHOWN]
