"""A proxy that cannot be used is told at once, by the name of the variable."""

from __future__ import annotations

import os
import re

import pytest

from source_gitlab.config import parse
from source_gitlab.gitlab.connection import Connection
from source_gitlab.gitlab.errors import FatalError, Unavailable
from source_gitlab.gitlab.transport.proxies import problem

URL = "http://gitlab.example.com/api/v4"
PASSWORD = "hunter2-hunter2"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.casefold().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (f"u:{PASSWORD}@@bad:x", "no address"),
        (f"http://u:{PASSWORD}@[::1", "no address"),
        (f"ftp://u:{PASSWORD}@proxy:3128", "a kind that is not known"),
        (f"http://u:{PASSWORD}@", "no host|no address"),
    ],
)
def test_a_proxy_that_is_none(monkeypatch: pytest.MonkeyPatch, value: str, why: str) -> None:
    """No request is tried: it would fail again and again."""
    monkeypatch.setenv("http_proxy", value)
    found = problem(URL)
    assert found is not None
    assert not isinstance(found, Unavailable)
    assert "http_proxy" in str(found)
    assert PASSWORD not in str(found)
    assert re.search(why, str(found))
    config = parse({"api_url": "http://gitlab.example.com", "private_token": "glpat-of-nobody-1"})
    client = Connection(config)
    try:
        with pytest.raises(FatalError, match="http_proxy"):
            client.one("version")
    finally:
        client.close()


@pytest.mark.parametrize("value", ["http://u:p@127.0.0.1:9", "proxy.example.com:3128", ""])
def test_a_proxy_that_may_be_one(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Whether it is there shows when it is asked."""
    monkeypatch.setenv("http_proxy", value)
    assert problem(URL) is None


def test_a_proxy_that_is_not_used_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is for other hosts."""
    monkeypatch.setenv("http_proxy", "ftp://proxy")
    monkeypatch.setenv("no_proxy", "gitlab.example.com")
    assert problem(URL) is None
