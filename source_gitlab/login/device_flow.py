"""Sign-in from a machine without a browser: a code that is typed on any other one.

RFC 8628, in GitLab since 17.2 (https://docs.gitlab.com/api/oauth2/#device-authorization-grant-flow).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import requests

from source_gitlab.gitlab.errors import FatalError
from source_gitlab.gitlab.oauth import AnswerLost, GrantRefused, NotSent
from source_gitlab.login.browser_flow import SCOPE
from source_gitlab.login.errors import SignInError
from source_gitlab.redaction import keep_secret, redact

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_gitlab.gitlab.oauth import Grant, OAuthEndpoints

_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_PATIENCE: Final = 300.0  # seconds
_INTERVAL: Final = 5.0  # seconds between questions, and what `slow_down` adds (RFC 8628, 3.5)
_MOST: Final = 60.0


def sign_in(
    endpoints: OAuthEndpoints,
    say: Callable[[str], object],
    *,
    wait: Callable[[float], object] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> Grant:
    """Tokens for whoever types the code that is said to `say`, within five minutes.

    Raises:
        SignInError: nobody did, or they said no.
        FatalError: GitLab could not be asked.
    """
    start = _start(endpoints)
    keep_secret(start["device_code"])
    say(
        f"Open {start['verification_uri']} in any browser, sign in, and type this code:\n\n"
        f"  {start['user_code']}\n"
    )
    interval = _seconds(start.get("interval"), _INTERVAL)
    end = now() + min(_seconds(start.get("expires_in"), _PATIENCE), _PATIENCE)
    form = {"grant_type": _GRANT, "device_code": start["device_code"]}
    while now() + interval < end:
        wait(interval)
        try:
            return endpoints.grant(form)
        except GrantRefused as error:
            if error.code == "slow_down":
                interval += _INTERVAL
            elif error.code != "authorization_pending":
                raise SignInError(_ended(error)) from error
        except (NotSent, AnswerLost):
            # The net is away for a moment, and the code lives on.
            interval = min(interval * 2, _MOST)
    message = "Nobody typed the code in time. Run the command again for a new one."
    raise SignInError(message)


def _start(endpoints: OAuthEndpoints) -> dict[str, Any]:
    url = endpoints.base_url
    try:
        start = endpoints.post("oauth/authorize_device", {"scope": SCOPE})
    except GrantRefused as error:
        message = (
            f"GitLab refused to begin ({error}). Check the Application ID, and that the application"
            f" has the scope {SCOPE}."
        )
        raise SignInError(message) from error
    except FatalError as error:
        if error.status == requests.codes.not_found:
            message = f"{url} has no sign-in by device (new in 17.2). Leave out --device."
            raise SignInError(message) from error
        raise
    wanted = ("device_code", "user_code", "verification_uri")
    if not all(isinstance(start.get(name), str) for name in wanted):
        message = f"{url} did not answer with a code for a device. Check the address."
        raise SignInError(message)
    return start


def _seconds(value: object, otherwise: float) -> float:
    return float(value) if isinstance(value, (int, float)) and value > 0 else otherwise


def _ended(error: GrantRefused) -> str:
    if error.code == "access_denied":
        return "The sign-in was denied in the browser."
    if error.code == "expired_token":
        return "Nobody typed the code in time. Run the command again for a new one."
    if error.code == "invalid_grant":
        return "GitLab does not know the code any more. Run the command again for a new one."
    if error.code == "invalid_client":
        return "GitLab wants the secret of the application: give --client-secret."
    return f"GitLab refused the sign-in: {redact(str(error))}"
