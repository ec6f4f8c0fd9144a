"""Contents of a profile, sealed with AES-256-GCM under a key of the profile's own.

The file is JSON: what the profile is for stands in clear, the rest is sealed. The clear part is
the additional data of the seal, so that neither can be changed or moved to another profile.
"""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass
from typing import Any, Final

import orjson

from source_gitlab.tokens.errors import VaultError
from source_gitlab.tokens.model import Contents

_VERSION: Final = 1
_NONCE: Final = 12  # bytes, what NIST SP 800-38D wants for GCM
_TAMPERED: Final = (
    "was changed, belongs to another profile, or was sealed with another key. Put the right key "
    "back, or remove the file and sign in again."
)


@dataclass(frozen=True)
class Purpose:
    """What a profile is for; `client_id` is the application's id."""

    profile: str
    base_url: str
    client_id: str


@dataclass(frozen=True)
class Seal:
    """Seals and opens what belongs to one profile."""

    purpose: Purpose
    key: bytes

    @classmethod
    def of(cls, purpose: Purpose, master: bytes) -> Seal:
        """With the key that the profile has under this master key."""
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 -- slow to import
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

        info = b"source-gitlab profile\0" + purpose.profile.encode()
        return cls(purpose, HKDF(SHA256(), length=32, salt=None, info=info).derive(master))

    def close(self, contents: Contents) -> bytes:
        """The bytes of the profile's file."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        header = _header(self.purpose)
        nonce = os.urandom(_NONCE)
        sealed = AESGCM(self.key).encrypt(nonce, orjson.dumps(contents.to_json()), _bytes(header))
        text = base64.b64encode(nonce + sealed).decode()
        return orjson.dumps({**header, "sealed": text}) + b"\n"

    def open(self, blob: bytes, path: object) -> Contents:
        """What is in the bytes of the profile's file.

        Raises:
            VaultError: they were changed, or belong to another profile or key.
        """
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        purpose, sealed = unsealed_part(blob, path)
        for what in ("profile", "base_url", "client_id"):
            found, wanted = getattr(purpose, what), getattr(self.purpose, what)
            if found != wanted:
                message = f"{path} is for the {what} {found}, not for {wanted}."
                raise VaultError(message)
        header = _bytes(_header(self.purpose))
        try:
            plain = AESGCM(self.key).decrypt(sealed[:_NONCE], sealed[_NONCE:], header)
            return Contents.of_json(orjson.loads(plain))
        except (InvalidTag, ValueError, KeyError, TypeError):
            message = f"{path} {_TAMPERED}"
            raise VaultError(message) from None


def unsealed_part(blob: bytes, path: object) -> tuple[Purpose, bytes]:
    """What a file says that it is for, which is not proven yet, and the sealed rest.

    Raises:
        VaultError: it is no profile, or one of a version that is not known here.
    """
    try:
        data = orjson.loads(blob)
        version = data["version"]
        purpose = Purpose(str(data["profile"]), str(data["base_url"]), str(data["client_id"]))
        sealed = base64.b64decode(data["sealed"], validate=True)
    except (orjson.JSONDecodeError, binascii.Error, KeyError, TypeError, ValueError):
        message = f"{path} {_TAMPERED}"
        raise VaultError(message) from None
    if version != _VERSION:
        message = f"{path} was written by another version of source-gitlab. Use that one."
        raise VaultError(message)
    return purpose, sealed


def _header(purpose: Purpose) -> dict[str, Any]:
    return {
        "version": _VERSION,
        "profile": purpose.profile,
        "base_url": purpose.base_url,
        "client_id": purpose.client_id,
    }


def _bytes(header: dict[str, Any]) -> bytes:
    return orjson.dumps(header, option=orjson.OPT_SORT_KEYS)
