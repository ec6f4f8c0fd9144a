"""GitLab's refusals in words: what was refused, why, and what to do."""

from __future__ import annotations

import pytest
import requests
from urllib3.exceptions import IncompleteRead, NameResolutionError, ProtocolError

from source_gitlab.core.skip_log import SkipLog
from source_gitlab.core.slices import Place
from source_gitlab.gitlab import error_messages
from source_gitlab.gitlab.errors import Skipped
from source_gitlab.gitlab.request import Request
from source_gitlab.gitlab.transport.body import Received
from source_gitlab.streams import streams

URL = "https://gitlab.example.com/api/v4/projects/7/issues"


def received(status: int, body: bytes, headers: dict[str, str] | None = None) -> Received:
    """An answer."""
    return Received(status, "", headers or {}, body, 0.0, 0.0)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"message": "403 Forbidden"}', "403 Forbidden"),
        (b'{"message": {"error": "Too many"}}', "error Too many"),
        (
            b'{"error": "invalid_token", "error_description": "Token is expired."}',
            "Token is expired.",
        ),
        (b"Retry later\n", "Retry later"),
        (b"<html>502</html>", ""),
        (b"[1]", ""),
        (b"", ""),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'{"message": "' + b"x" * 1000 + b'"}', "x" * 200),
    ],
)
def test_said(body: bytes, expected: str) -> None:
    """One line, whatever the form."""
    assert error_messages.said(body) == expected


@pytest.mark.parametrize(
    ("status", "body", "reason", "told"),
    [
        (403, b'{"error": "insufficient_scope", "scope": "api"}', "scope", "the scope api"),
        (403, b'{"error": "insufficient_scope", "scope": ["api"]}', "scope", "the scope"),
        (403, b'{"message": "403 Forbidden"}', "permission", "(403 Forbidden)"),
        (404, b'{"message": "404 Project Not Found"}', "gone", "(404 Project Not Found)"),
        (404, b'{"error": "404 Not Found"}', "feature", "is not known to this GitLab"),
    ],
)
def test_skipped(status: int, body: bytes, reason: str, told: str) -> None:
    """Sorted by what would have to change."""
    error = error_messages.skipped(Request(URL, ""), received(status, body))
    assert error.reason == reason
    assert told in str(error)
    assert URL in str(error)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (requests.exceptions.ProxyError("x"), "the proxy"),
        (requests.exceptions.SSLError("certificate verify failed"), "TLS failed"),
        (requests.exceptions.ConnectTimeout("x"), "could not be reached in time"),
        (requests.exceptions.ReadTimeout("x"), "did not answer in time"),
        (requests.exceptions.ConnectionError(ConnectionRefusedError(111, "x")), "refused"),
        (ProtocolError("x", IncompleteRead(5, 10)), "cut short"),
        (ProtocolError("x", ConnectionResetError(104, "x")), "connection was lost"),
        (
            requests.exceptions.ConnectionError(NameResolutionError("h", None, OSError("x"))),  # type: ignore[arg-type]
            "could not be resolved",
        ),
        (requests.exceptions.InvalidHeader("x"), "InvalidHeader"),
    ],
)
def test_transport(error: Exception, told: str) -> None:
    """In our words, not in those of the library."""
    sentence = error_messages.transport(URL, error)
    assert sentence.startswith(URL)
    assert told in sentence


@pytest.mark.parametrize(
    ("kind", "body", "told"),
    [
        ("text/html; charset=utf-8", b"<html>", "text/html that is not JSON"),
        ("application/json", b"[1, ", "JSON that cannot be read"),
        ("application/json", b" ", "an empty body"),
        ("", b"x", "something that is not JSON"),
    ],
)
def test_not_json(kind: str, body: bytes, told: str) -> None:
    """A page for people is told from JSON that is broken."""
    answer = received(200, body, {"Content-Type": kind})
    assert told in error_messages.not_json(URL, answer, ValueError("line 1"))


def test_a_skip_names_what_the_stream_takes() -> None:
    """Tier and role as they are declared; a missing scope says it all already."""
    report = SkipLog({Place("group", 1): "acme"}.get)
    refused = Skipped("No.", reason="permission", status=403)
    report.refused(streams()["epics"], Place("group", 1), refused)
    report.refused(streams()["branches"], Place("project", 1), refused)
    report.refused(streams()["project_labels"], Place("project", 1), refused)
    no_api = Skipped("No api.", reason="scope", status=403)
    report.refused(streams()["epics"], Place("group", 2), no_api)
    told = {(one.stream, one.where): (one.reason, one.message) for one in report.skipped}
    assert told["epics", "group acme"] == ("tier", "No. Reading epics takes GitLab Premium.")
    role = "No. Reading branches takes at least the role Reporter in the project or group."
    assert told["branches", "project (id 1)"] == ("permission", role)
    assert told["project_labels", "project (id 1)"] == ("permission", "No.")
    assert told["epics", "group (id 2)"] == ("scope", "No api.")


def test_lines_are_few() -> None:
    """A thousand projects with the same trouble are one line."""
    report = SkipLog(lambda place: f"acme/{place.id}")
    for number in range(1000):
        report.skip("issues", Place("project", number), "permission", "No.")
    (line,) = report.lines()
    assert line == (
        "issues: skipped (permission) 1,000 projects: acme/0, acme/1, acme/2 and 997 more. No."
    )
