"""Whose answer it is: only what GitLab's code can make is a verdict."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_gitlab.gitlab import error_messages, verdicts
from source_gitlab.gitlab.request import Request
from source_gitlab.gitlab.transport.body import Received

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["403 Forbidden", "", "x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
NAMES = ["message", "error", "error_description", "scope"]


@given(
    status=st.sampled_from([400, 401, 403, 404, 405, 410, 422, 429]),
    body=st.dictionaries(st.sampled_from(NAMES), JSON),
)
def test_no_answer_is_a_stumbling_block(status: int, body: dict[str, Any]) -> None:
    """Whatever stands where GitLab has a text."""
    answer = received(status, orjson.dumps(body))
    verdicts.is_gitlabs(answer)
    verdicts.is_answer(answer)
    verdicts.is_of_the_user(answer)
    verdicts.is_of_the_token(answer)
    error_messages.said(answer.body)
    if verdicts.is_gitlabs(answer):
        error_messages.skipped(Request("https://gitlab.example.com/api/v4/projects/7", ""), answer)


def test_a_message_by_attribute_is_said_in_words() -> None:
    """And not as a program writes it."""
    body = b'{"message": {"name": ["is too long", "is taken"], "path": ["is reserved"]}}'
    assert error_messages.said(body) == "name is too long, is taken; path is reserved"


def test_a_permission_that_a_token_lacks_is_no_scope() -> None:
    """GitLab's own sentence says which it is."""
    said = "Access denied: Your Personal Access Token lacks the required permissions: [Label: Read]"
    body = orjson.dumps({"error": "insufficient_granular_scope", "error_description": said})
    told = str(
        error_messages.skipped(
            Request("https://gitlab.example.com/labels", ""), received(403, body)
        )
    )
    assert said in told
    assert "scope" not in told


def received(status: int, body: bytes, headers: dict[str, str] | None = None) -> Received:
    """An answer."""
    return Received(status, "", headers or {}, body, 0.0, 0.0)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, b'{"message": "401 Unauthorized"}'),
        (401, b'{"error": "invalid_token", "error_description": "Token is expired."}'),
        (401, b'{"error": "dpop_error", "error_description": "DPoP validation error"}'),
        (403, b'{"message": "403 Forbidden"}'),
        (403, b'{"message": "403 Forbidden - Your account has been blocked."}'),
        (403, b'{"message": "403 Forbidden  - Not authorized to access /api/v4/users"}'),
        (403, b'{"error": "insufficient_scope", "error_description": "x", "scope": "api"}'),
        (403, b'{"error": "insufficient_granular_scope", "error_description": "x"}'),
        (404, b'{"message": "404 Project Not Found"}'),
        (404, b'{"message": "404 Not found"}'),
        (404, b'{"message": "404 User with ID or username \'9\' Not Found"}'),
        (404, b'{"error": "404 Not Found"}'),
        (410, b'{"message": "410 Gone"}'),
        (400, b'{"error": "ref_name is invalid"}'),
        (400, b'{"message": {"name": ["is too long"]}}'),
        (405, b'{"error": "Offset pagination has a maximum allowed offset of 50000"}'),
        (422, b'{"message": "422 Unprocessable Entity"}'),
    ],
)
def test_what_gitlab_says(status: int, body: bytes) -> None:
    """Each form that its code makes."""
    assert verdicts.is_gitlabs(received(status, body))


@pytest.mark.parametrize("status", [401, 403, 404, 410, 400, 405, 422])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"403 Forbidden"',
        b"Forbidden\n",
        b"default backend - 404",
        b"404 page not found\n",
        b"<html><head><title>403 Forbidden</title></head></html>",
        b'{"message": "Forbidden"}',
        b'{"message": "Not Found"}',
        b'{"message": "Unauthorized."}',
        b'{"error": "Bad Request"}',
        b'{"code": 403, "message": "403 Forbidden"}',
        b'{"status": 404, "error": "Not Found", "path": "/api/v4/projects/7"}',
        b'{"success": false, "errors": [{"code": 10000}]}',
        b'{"message": "403 Forb',
        b'{"error_msg": "404 Route Not Found"}',
        b'{"error": {"code": 403, "message": "Forbidden", "status": "PERMISSION_DENIED"}}',
        b'{"error": ["insufficient_scope"]}',
        b'{"error": 403}',
    ],
)
def test_what_others_say(status: int, body: bytes) -> None:
    """Firewalls, ingresses, gateways and web servers."""
    assert not verdicts.is_gitlabs(received(status, body))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b'{"message": "404 page not found"}'),
        (404, b'{"message": "no Route matched with those values"}'),
        (403, b'{"message": "Missing Authentication Token"}'),
        (403, b'{"message": "User is not authorized to access this resource"}'),
        (401, b'{"message": "No API key found in request"}'),
        (403, b'{"message": "404 Project Not Found"}'),
        (404, b'{"message": "403 Forbidden"}'),
        (404, b'{"error": "insufficient_scope"}'),
    ],
)
def test_words_of_gateways(status: int, body: bytes) -> None:
    """A sentence in JSON is not enough: GitLab's begins with the status."""
    assert not verdicts.is_gitlabs(received(status, body))


def test_a_header_that_only_gitlab_sends() -> None:
    """With it, any JSON object is GitLab's; a page is not."""
    headers = {"X-Gitlab-Meta": '{"correlation_id":"x","version":"1"}'}
    assert verdicts.is_gitlabs(received(403, b'{"message": "Not allowed"}', headers))
    assert not verdicts.is_gitlabs(received(403, b"<html>", headers))


@pytest.mark.parametrize(
    ("sentence", "of_the_user"),
    [
        ("Your account has been blocked.", True),
        ("Your account is pending approval from your administrator and hence blocked.", True),
        ("Your account has been deactivated by your administrator. Please log back in", True),
        ("You (@ada) must accept the Terms of Service in order to perform this action.", True),
        ("You must accept the Terms of Service in order to perform this action.", True),
        ("Your primary email address is not confirmed. Please check your inbox", True),
        ("Your password expired. Please access GitLab from a web browser", True),
        ("This action cannot be performed by internal users", True),
        ("Not authorized to access /api/v4/users", False),
        ("Must be an owner of the group", False),
        ("You are not allowed to read this", False),
    ],
)
def test_who_is_refused(sentence: str, *, of_the_user: bool) -> None:
    """GitLab's sentences about an account (lib/gitlab/auth/user_access_denied_reason.rb)."""
    body = b'{"message": "403 Forbidden - %s"}' % sentence.encode()
    assert verdicts.is_of_the_user(received(403, body)) is of_the_user
    assert not verdicts.is_of_the_user(received(404, body))


@pytest.mark.parametrize("status", [500, 501, 502, 507, 520, 525, 526, 529, 530, 599, 408, 425])
def test_what_is_tried_again(status: int) -> None:
    """Every 5xx, whoever invented it."""
    assert verdicts.is_failure(status)
