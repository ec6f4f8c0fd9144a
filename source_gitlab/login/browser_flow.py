"""Sign-in through the browser: an authorization code with PKCE, sent to a port of this machine.

RFC 8252 (native applications) and RFC 7636 (PKCE), as GitLab takes them
(https://docs.gitlab.com/api/oauth2/#authorization-code-with-proof-key-for-code-exchange-pkce).
GitLab ignores the port of a redirect URI on 127.0.0.1, but not on localhost, so one registered
URI serves any free port.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
import webbrowser
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from source_gitlab.gitlab.oauth import GrantRefused
from source_gitlab.login.errors import SignInError
from source_gitlab.redaction import keep_secret, redact

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_gitlab.gitlab.oauth import Grant, OAuthEndpoints

HOST: Final = "127.0.0.1"
PATH: Final = "/callback"
REGISTERED: Final = f"http://{HOST}{PATH}"
SCOPE: Final = "read_api"
_PATIENCE: Final = 300.0  # seconds
_LONGEST: Final = 300  # characters of an error that are shown
_PAGE: Final = (
    '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>source-gitlab</title>'
    "<p>{text}</p></html>"
)


def sign_in(
    endpoints: OAuthEndpoints,
    say: Callable[[str], object],
    *,
    port: int = 0,
    browser: bool = True,
    patience: float = _PATIENCE,
) -> tuple[Grant, str]:
    """Tokens for whoever signs in within `patience` seconds, and the redirect URI that was used.

    `port` 0 takes a free one. The address to open is said to `say` in any case.

    Raises:
        SignInError: nobody did, they said no, or the port is taken.
        FatalError: GitLab did not take the code.
    """
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    keep_secret(state, verifier)
    try:
        server = _Server((HOST, port), state)
    except OSError as error:
        message = f"Port {port} of {HOST} cannot be used ({error.strerror}). Name another --port."
        raise SignInError(message) from error
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
        thread.start()
        try:
            redirect_uri = f"http://{HOST}:{server.server_address[1]}{PATH}"
            address = _address(endpoints, redirect_uri, state, verifier)
            say(f"Open this address in a browser on this machine, and sign in:\n\n  {address}\n")
            if browser:
                _open(address)
            code = server.code(patience)
        finally:
            server.shutdown()
            thread.join()
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    try:
        return endpoints.grant(form), redirect_uri
    except GrantRefused as error:
        raise SignInError(_refused(error)) from error


def _address(endpoints: OAuthEndpoints, redirect_uri: str, state: str, verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    query = {
        "client_id": endpoints.application.client_id,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": SCOPE,
        "state": state,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    return f"{endpoints.base_url}/oauth/authorize?{urlencode(query)}"


def _open(address: str) -> None:
    try:
        webbrowser.open(address)
    except webbrowser.Error:
        # There is none to open: the address is on the screen.
        return


def _refused(error: GrantRefused) -> str:
    if error.code == "invalid_client":
        return (
            "GitLab does not know this application, or wants its secret: give --client-secret if "
            "the application is confidential."
        )
    return f"GitLab did not give tokens for the sign-in ({error}). Try again."


class _Server(ThreadingHTTPServer):
    """Waits for the browser to come back.

    A thread for each connection, because browsers open some that they never use.
    """

    daemon_threads = True
    allow_reuse_address = False

    def __init__(self, address: tuple[str, int], state: str) -> None:
        self._state = state
        self._answered = threading.Event()
        self._code = ""
        self._error = ""
        super().__init__(address, _Handler)

    def code(self, patience: float) -> str:
        if not self._answered.wait(patience):
            message = (
                f"Nobody signed in within {patience / 60:.0f} minutes. If the browser runs on "
                "another machine, use --device. If GitLab showed an error, register the redirect "
                f"URI {REGISTERED} with the application."
            )
            raise SignInError(message)
        if self._error:
            raise SignInError(self._error)
        return self._code

    def take(self, query: dict[str, list[str]]) -> tuple[int, str]:
        """Status and text of the page for what the browser brings.

        What has the wrong state does not end the sign-in: any page can send a browser here.
        """
        state = query.get("state", [""])[0]
        if not hmac.compare_digest(state.encode(), self._state.encode()):
            return 400, "This is not the answer to the sign-in that runs now. Nothing was done."
        if self._code or self._error:
            return 400, "This sign-in is over already."
        code = query.get("code", [""])[0]
        if code:
            keep_secret(code)
            self._code = code
            text = "You are signed in. You can close this page and go back to the terminal."
        else:
            why = query.get("error_description", query.get("error", ["no code"]))[0]
            self._error = f"GitLab refused the sign-in: {redact(why)[:_LONGEST]}"
            text = self._error
        return 200, text

    def answered(self) -> None:
        """Let the sign-in go on, if it has what it waits for; the browser has its page by now."""
        if self._code or self._error:
            self._answered.set()


class _Handler(BaseHTTPRequestHandler):
    """Answers the one request that matters."""

    server: _Server
    timeout = 10

    def do_GET(self) -> None:
        """Take the code, or tell favicons and scanners that there is nothing."""
        parts = urlsplit(self.path)
        if parts.path != PATH:
            self.send_error(404)
            return
        status, text = self.server.take(parse_qs(parts.query))
        try:
            self._show(status, text)
        finally:
            self.server.answered()

    def _show(self, status: int, text: str) -> None:
        page = _PAGE.format(text=escape(text)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        # The code is in the address: nobody is to be told of it, and nothing is to keep it.
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the line would hold the code."""
