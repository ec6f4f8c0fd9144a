"""Signing in by browser: what is turned away, and what ends it."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.signing_in import CONFIDENTIAL, endpoints, home, lab
from source_gitlab.login import browser_flow
from source_gitlab.login.errors import SignInError

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator


__all__ = ["home", "lab"]


def callback(said: list[str]) -> tuple[str, str]:
    """The redirect URI and the state of the address that was said."""
    query = parse_qs(urlsplit(said[0].split()[-1]).query)
    return query["redirect_uri"][0], query["state"][0]


def test_what_has_a_wrong_state_is_turned_away(lab: Emulator) -> None:
    """Any page can send a browser to a port of this machine; the sign-in goes on."""
    seen: list[tuple[int, int, int]] = []

    def say(text: str) -> None:
        def visit() -> None:
            uri, state = callback([text])
            wrong = requests.get(uri, {"code": "x", "state": state[:-1]}, timeout=PATIENCE)
            none = requests.get(uri, {"error": "access_denied"}, timeout=PATIENCE)
            lost = requests.get(uri.replace("callback", "favicon.ico"), timeout=PATIENCE)
            seen.append((wrong.status_code, none.status_code, lost.status_code))
            requests.get(text.rsplit(maxsplit=1)[-1], {"auto": "1"}, timeout=PATIENCE)

        threading.Thread(target=visit).start()

    granted, _ = browser_flow.sign_in(endpoints(lab), say, browser=False, patience=20)
    assert granted.scopes == ("read_api",)
    assert seen == [(400, 400, 404)]


def test_the_browser_gets_its_page_before_the_sign_in_ends(
    lab: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that ends with it would tear the page."""
    ended = threading.Event()
    early: list[bool] = []
    send = BaseHTTPRequestHandler.end_headers

    def slowly(self: BaseHTTPRequestHandler) -> None:
        early.append(ended.wait(0.3))
        send(self)

    monkeypatch.setattr(BaseHTTPRequestHandler, "end_headers", slowly)

    def say(text: str) -> None:
        query = {"auto": "1", "deny": "1"}
        address = text.rsplit(maxsplit=1)[-1]
        threading.Thread(
            target=requests.get, args=(address, query), kwargs={"timeout": PATIENCE}
        ).start()

    with pytest.raises(SignInError, match="access_denied"):
        browser_flow.sign_in(endpoints(lab), say, browser=False, patience=9)
    ended.set()
    assert early == [False]


def test_a_connection_that_says_nothing_holds_up_nobody(lab: Emulator) -> None:
    """Browsers open connections in advance."""

    def say(text: str) -> None:
        uri, _ = callback([text])
        silent = socket.create_connection(("127.0.0.1", urlsplit(uri).port or 0))
        opened.append(silent)
        visit = threading.Thread(
            target=requests.get,
            args=(text.rsplit(maxsplit=1)[-1], {"auto": "1"}),
            kwargs={"timeout": PATIENCE},
        )
        visit.start()

    opened: list[socket.socket] = []
    granted, _ = browser_flow.sign_in(endpoints(lab), say, browser=False, patience=5)
    for one in opened:
        one.close()
    assert granted.tokens.refresh_token


def test_waiting_for_the_browser_ends(lab: Emulator) -> None:
    """With advice for the two reasons that there are."""
    with pytest.raises(SignInError, match=r"--device.*register the redirect URI"):
        browser_flow.sign_in(endpoints(lab), lambda _: None, browser=False, patience=0.05)


def test_a_port_that_is_taken_is_named(lab: Emulator) -> None:
    """Instances that compare ports need a fixed one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SignInError, match=f"Port {port} of 127.0.0.1 cannot be used"):
            browser_flow.sign_in(endpoints(lab), lambda _: None, port=port, browser=False)


def test_a_missing_secret_is_named(lab: Emulator) -> None:
    """A confidential application cannot exchange its code without it."""

    def say(text: str) -> None:
        threading.Thread(
            target=requests.get,
            args=(text.rsplit(maxsplit=1)[-1], {"auto": "1"}),
            kwargs={"timeout": PATIENCE},
        ).start()

    with pytest.raises(SignInError, match="give --client-secret"):
        browser_flow.sign_in(
            endpoints(lab, CONFIDENTIAL, "gloas-wrong"), say, browser=False, patience=9
        )
