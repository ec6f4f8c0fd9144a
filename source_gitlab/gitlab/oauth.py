"""GitLab's OAuth endpoints: tokens for a code, a device or a refresh token, and their end.

Every refresh revokes the old pair at once, with no grace
(https://docs.gitlab.com/api/oauth2/#refresh-token), so the one thing that must be known about a
refresh that failed is whether GitLab can have seen it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import requests
from requests.auth import AuthBase
from urllib3.exceptions import MaxRetryError, NewConnectionError

from source_gitlab.gitlab import error_messages, verdicts
from source_gitlab.gitlab.errors import FatalError, Unauthorized, Unavailable
from source_gitlab.gitlab.request_log import timed
from source_gitlab.gitlab.timer import Timer
from source_gitlab.gitlab.tuning import Tuning
from source_gitlab.redaction import keep_secret
from source_gitlab.tokens.model import Tokens

_CONNECT: Final = 15.0  # seconds
_TRIES: Final = 4
_LIFE: Final = 7200.0  # seconds, what GitLab gives every access token
# Refused before anything was done: a limit, or no server behind the proxy.
_NOT_DONE: Final = frozenset({429, 503})
# OAuth's words for what passes (RFC 6749, section 4.1.2.1); all others are about the request.
_PASSING: Final = frozenset({"server_error", "temporarily_unavailable"})


class NotSent(Unavailable):
    """The request did not reach GitLab, or GitLab turned it away unread."""


class AnswerLost(Unavailable):
    """GitLab can have done what was asked, but its answer did not arrive."""


class GrantRefused(Unauthorized):
    """GitLab said no; `code` is OAuth's word for why (RFC 6749, section 5.2)."""

    def __init__(self, message: str, *, code: str, url: str, status: int) -> None:
        super().__init__(message, url=url, status=status)
        self.code = code


@dataclass(frozen=True)
class Application:
    """The OAuth application that a user made in GitLab; with no secret if not confidential."""

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    redirect_uri: str | None = None


@dataclass(frozen=True)
class Grant:
    """A pair of tokens and the scopes that come with it."""

    tokens: Tokens
    scopes: tuple[str, ...]


class NoAuthorization(AuthBase):
    """Adds nothing, which keeps a ~/.netrc from adding something."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Leave the request as it is."""
        return request


class OAuthEndpoints:
    """What is below /oauth on one GitLab, for one application."""

    def __init__(
        self,
        base_url: str,
        application: Application,
        session: requests.Session,
        timer: Timer | None = None,
        tuning: Tuning | None = None,
    ) -> None:
        """Send through `session`, for its TLS set-up; `timer` tells when tokens expire."""
        self._tuning = tuning or Tuning()
        self.base_url = base_url
        self.application = application
        self._session = session
        self._timer = timer or Timer()

    def refresh(self, refresh_token: str, *, cut_off: bool = False) -> Tokens:
        """Spend a refresh token. With `cut_off`, an earlier process may have spent it already.

        Raises:
            NotSent: the refresh token is not spent.
            AnswerLost: it may be.
            Unavailable: something else answers in GitLab's place; it is not spent.
            Unauthorized: GitLab does not take it, or not the application; when that is because an
                answer was lost, the message says so.
            FatalError: the address of GitLab is another one.
        """
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        if self.application.redirect_uri:
            form["redirect_uri"] = self.application.redirect_uri
        lost = 0
        for number in range(1, _TRIES + 1):
            try:
                return self.grant(form, fallback=refresh_token).tokens
            except NotSent:
                if number == _TRIES:
                    raise
            except AnswerLost:
                # Tried once more with the same token: if GitLab never saw it, this works.
                lost += 1
                if lost > 1 or number == _TRIES:
                    raise
            except GrantRefused as error:
                raise self._refresh_refused(error, doubtful=cut_off or lost > 0) from error
            time.sleep(self._tuning.renewal_pause * 2 ** (number - 1))
        raise AssertionError  # every way out of the last round is above

    def grant(self, form: dict[str, str], *, fallback: str = "") -> Grant:
        """One try to get tokens; `fallback` is the refresh token if GitLab sends no new one.

        Raises:
            NotSent, AnswerLost, GrantRefused, FatalError: as above; GrantRefused has OAuth's own
                word.
        """
        url = f"{self.base_url}/oauth/token"
        sent = self._timer.epoch()
        answer = self.post("oauth/token", form)
        access, refresh = answer.get("access_token"), answer.get("refresh_token") or fallback
        if not isinstance(access, str) or not access or not isinstance(refresh, str):
            message = f"{url} did not answer with a token. Check api_url, or try again later."
            raise AnswerLost(message, reached=True, url=url)
        keep_secret(access, refresh)
        life = answer.get("expires_in")
        seconds = float(life) if isinstance(life, (int, float)) and life > 0 else _LIFE
        tokens = Tokens(access, refresh, received=sent, expires=sent + seconds)
        return Grant(tokens, tuple(str(answer.get("scope") or "").split()))

    def revoke(self, token: str) -> None:
        """Revoke the pair that an access or a refresh token belongs to.

        Raises:
            FatalError: GitLab could not be reached, or refused.
        """
        self.post("oauth/revoke", {"token": token})

    def post(self, path: str, form: dict[str, str]) -> dict[str, Any]:
        """The answer to one POST of a form, in which the application names itself.

        Raises:
            NotSent, AnswerLost, GrantRefused, FatalError: as in the class's other methods.
        """
        url = f"{self.base_url}/{path}"
        form = {**form, "client_id": self.application.client_id}
        if self.application.client_secret:
            form["client_secret"] = self.application.client_secret
        timeout = (_CONNECT, self._tuning.renewal_timeout)
        try:
            # Not followed: a POST that is redirected from http to https would become a GET.
            with timed(f"POST {url}", "", self._timer.now) as tried:
                response = self._session.post(
                    url, data=form, timeout=timeout, allow_redirects=False, auth=NoAuthorization()
                )
                tried.status = response.status_code
        except requests.RequestException as error:
            message = error_messages.transport(url, error)
            if _was_not_sent(error):
                raise NotSent(message, reached=False, url=url) from error
            raise AnswerLost(message, reached=True, url=url) from error
        return _sorted(url, response)

    def _refresh_refused(self, error: GrantRefused, *, doubtful: bool) -> Unauthorized:
        where = f"Sign in to {self.base_url} again"
        if error.code == "invalid_grant" and doubtful:
            message = (
                "The answer to a renewal of the OAuth token was lost on its way: GitLab had already"
                f" revoked the old tokens, and nobody has the new ones. {where}."
            )
        elif error.code == "invalid_grant":
            message = (
                f"GitLab does not take the OAuth refresh token. {where}: a refresh token works"
                " once, and this one was used elsewhere, was revoked, or is of another application."
            )
        elif error.code in {"invalid_client", "unauthorized_client"}:
            message = (
                f"{self.base_url} does not know the application that the OAuth token is of, or its"
                " secret was renewed. Check client_id and client_secret; the token is not spent."
            )
        else:
            message = f"GitLab refused to renew the OAuth token ({error}). {where}."
        return Unauthorized(message, url=error.url, status=error.status)


def _was_not_sent(error: requests.RequestException) -> bool:
    """Whether no connection came to be, so that nothing can have been sent on it."""
    if isinstance(
        error,
        (
            requests.ConnectTimeout,
            requests.exceptions.ProxyError,
            requests.exceptions.SSLError,
            requests.exceptions.InvalidURL,
            requests.exceptions.InvalidProxyURL,
        ),
    ):
        return True
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    return isinstance(reason, NewConnectionError)


def _sorted(url: str, response: requests.Response) -> dict[str, Any]:
    status, body = response.status_code, response.content
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    if response.is_redirect:
        raise FatalError(
            error_messages.redirected(url, response.headers.get("Location", "")),
            url=url,
            status=status,
        )
    if status in _NOT_DONE:
        message = f"{url} is busy ({status} {response.reason}). Try again later."
        raise NotSent(message, reached=True, url=url, status=status)
    code = answer.get("error") if isinstance(answer, dict) else None
    is_cut = response.ok and _was_cut(response, answer)
    if verdicts.is_failure(status) or is_cut or code in _PASSING:
        message = f"{url} failed to answer ({status} {response.reason}). Try again later."
        raise AnswerLost(message, reached=True, url=url, status=status)
    if isinstance(answer, dict) and response.ok:
        return answer
    if isinstance(code, str):
        said = error_messages.said(body)
        raise GrantRefused(said, code=code, url=url, status=status)
    # A page of a proxy, a firewall or a gateway, which may be gone with the next request.
    message = (
        f"There is no OAuth of GitLab at {url} (HTTP {status}). Check api_url, and what is in front"
        " of GitLab, or try again later."
    )
    # GitLab itself refuses in OAuth's words; whoever does not knows nothing of the sign-in.
    if response.ok:
        raise AnswerLost(message, reached=True, url=url, status=status)
    raise Unavailable(message, reached=True, url=url, status=status)


def _was_cut(response: requests.Response, answer: object) -> bool:
    """Whether a 200 says that it is JSON and is not, as when a proxy gave up in the middle."""
    declared = response.headers.get("Content-Type", "").partition(";")[0].strip()
    return answer is None and declared == "application/json"
