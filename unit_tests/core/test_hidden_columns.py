"""What of a row never leaves: secrets inside objects and addresses, and rows of other streams."""

from __future__ import annotations

from typing import Any

import pytest

from source_gitlab.core.transform import RowTransformer, redacted
from source_gitlab.streams import Stream


def transformed(row: dict[str, Any], **declared: Any) -> dict[str, Any]:
    """One row of a stream that is declared so."""
    stream = Stream(name="x", kind="project", path="x", key=("id",), doc="", **declared)
    (found,) = RowTransformer(stream).transform([row])
    return found


def test_secrets_inside_objects_and_lists() -> None:
    """Whatever stands around them; what is no object is left alone."""
    row = {
        "id": 1,
        "certificate": {"subject": "CN", "certificate": "PEM"},
        "variables": [{"key": "A", "value": "s"}, {"key": "B"}, None, 7],
        "inputs": None,
    }
    drop = ("certificate.certificate", "variables.value", "inputs.value", "absent.value")
    assert transformed(row, drop=drop) == {
        "id": 1,
        "certificate": {"subject": "CN"},
        "variables": [{"key": "A"}, {"key": "B"}, None, 7],
        "inputs": None,
    }


def test_only_the_columns_that_are_taken_leave() -> None:
    """Beside those that are added."""
    row = {"id": 1, "iid": 2, "title": "x", "author": {"id": 3}}
    found = transformed(row, takes=("id", "iid"), add={"author_id": "author.id"})
    assert found == {"id": 1, "iid": 2, "author_id": 3}


@pytest.mark.parametrize(
    ("address", "host", "login"),
    [
        (
            "https://u:p@hooks.example.com:8443/services/T0/secret?token=1#f",
            "https://hooks.example.com:8443",
            "https://hooks.example.com:8443/services/T0/secret",
        ),
        (
            "https://*****:*****@gitlab.com/a/b.git",
            "https://gitlab.com",
            "https://gitlab.com/a/b.git",
        ),
        ("ssh://git@example.com/a.git", "ssh://example.com", "ssh://example.com/a.git"),
        ("https://[::1]:80/x?y", "https://[::1]:80", "https://[::1]:80/x"),
        ("git@example.com:a/b.git", None, None),
        ("https://[::1/x", None, None),
        ("secret", None, None),
        ("", None, None),
        (None, None, None),
        ({"url": "https://a"}, None, None),
    ],
)
def test_addresses(address: object, host: str | None, login: str | None) -> None:
    """What is no address might be a secret as a whole."""
    assert redacted(address, "host") == host
    assert redacted(address, "login") == login
