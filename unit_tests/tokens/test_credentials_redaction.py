"""What looks like a token, or is known to be one, is not shown."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from source_gitlab.gitlab.errors import GitlabError
from source_gitlab.interfaces.airbyte import protocol
from source_gitlab.interfaces.airbyte.errors import Failure
from source_gitlab.interfaces.airbyte.writer import Writer
from source_gitlab.redaction import keep_secret, redact


@pytest.mark.parametrize(
    "text",
    ["glpat-abc123DEF456", "gloas-0123456789", "glrt-t1_0123456789", "glcbt-64_0123456789"],
)
def test_what_looks_like_a_token_is_hidden(text: str) -> None:
    """In the middle of anything."""
    assert (
        redact(f"https://x:{text}@host/?a={text}&b=1") == "https://x:[secret]@host/?a=[secret]&b=1"
    )


@pytest.mark.parametrize("text", ["Authorization: Bearer 0123456789abcdef", "Bearer a.b-c_d/e+f=="])
def test_what_follows_bearer_is_hidden(text: str) -> None:
    """OAuth tokens have no form of their own."""
    assert redact(text) == text.partition("Bearer ")[0] + "Bearer [secret]"


@pytest.mark.parametrize("text", ["glpat-", "the Bearer of news", "sprint-0123456789", "acme/web"])
def test_other_words_stay(text: str) -> None:
    """A message that is blotted out helps nobody."""
    assert redact(text) == text


def test_what_is_known_is_hidden_the_longest_first() -> None:
    """So that no remainder of a longer one stays."""
    keep_secret("marked-token", "marked-token-and-more", "")
    assert redact("a marked-token-and-more b marked-token c") == "a [secret] b [secret] c"


def test_short_texts_are_not_hidden() -> None:
    """A password of two letters would blot out half of every sentence."""
    keep_secret("ab")
    assert redact("able") == "able"


def test_an_error_hides_what_it_is_made_of() -> None:
    """Wherever it is shown later."""
    keep_secret("known-to-be-secret")
    error = GitlabError("GitLab said known-to-be-secret and glpat-0123456789")
    assert str(error) == "GitLab said [secret] and [secret]"
    assert "secret and" not in repr(error).replace("[secret]", "")


def test_airbyte_messages_hide_them_but_for_the_one_that_brings_them() -> None:
    """Whatever a message is made of; CONTROL is how a platform gets renewed tokens."""
    keep_secret("a-renewed-token")
    output = io.BytesIO()
    writer = Writer(output)
    writer.write(protocol.log("INFO", "a-renewed-token and glpat-0123456789"))
    failed = Failure(
        "a-renewed-token", "system_error", "glpat-0123456789", error=ValueError("a-renewed-token")
    )
    writer.write(protocol.error(failed, stack=True))
    writer.write(protocol.connection_status(ok=False, message="a-renewed-token"))
    assert b"a-renewed-token" not in output.getvalue()
    assert b"0123456789" not in output.getvalue()
    writer.write(protocol.configuration({"access_token": "a-renewed-token"}))
    assert b"a-renewed-token" in output.getvalue()


def test_the_core_does_not_pay_for_the_vault() -> None:
    """What encrypts and locks is imported when a token is renewed, not when a read starts."""
    program = (
        "import sys, source_gitlab.core.session, source_gitlab.cli\n"
        "from source_gitlab.config import parse\n"
        "from source_gitlab.core.session import Session\n"
        "token = {'auth_type': 'oauth2.0', 'client_id': 'a', 'access_token': 'bbbbbbbb',"
        " 'refresh_token': 'cccccccc'}\n"
        "with Session(parse({'credentials': token})) as session: session.client.token()\n"
        "print(*{'cryptography', 'filelock', 'keyring'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []
