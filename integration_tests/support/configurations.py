"""Configurations that are right, and the secrets in them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml

TOKEN = "glpat-not-a-token-0123"
ACCESS, REFRESH, SECRET = "a1" * 32, "b2" * 32, "gloas-" + "c3" * 32
PAT = {"auth_type": "access_token", "access_token": TOKEN}
OAUTH = {
    "auth_type": "oauth2.0",
    "client_id": "app-id",
    "client_secret": SECRET,
    "access_token": ACCESS,
    "refresh_token": REFRESH,
    "token_expiry_date": "2024-05-01T12:00:00+02:00",
}


def pem(label: str, content: bytes) -> str:
    """PEM text as OpenSSL writes it."""
    lines = base64.encodebytes(content).decode()
    packed = "".join(lines.split())
    body = "\n".join(packed[i : i + 64] for i in range(0, len(packed), 64))
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"


CERTIFICATE = pem("CERTIFICATE", bytes(range(200)))
KEY = pem("PRIVATE KEY", bytes(range(50, 250)))
KEY_LINES = KEY.splitlines()[1:-1]
DIALECTS: dict[str, dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("dialects.yaml").read_text(encoding="utf-8")
)
