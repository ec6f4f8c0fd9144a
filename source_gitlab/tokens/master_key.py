"""The master key: out of the environment, the keyring of the system, or a file of its own."""

from __future__ import annotations

import base64
import binascii
import importlib
import importlib.util
import os
import secrets
from typing import TYPE_CHECKING, Any, Final

from source_gitlab.tokens.errors import VaultError
from source_gitlab.tokens.location import key_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KEY_VARIABLE: Final = "SOURCE_GITLAB_VAULT_KEY"
_BYTES: Final = 32
_SERVICE, _ENTRY = "source-gitlab", "vault-key"
_HOW_TO_MAKE: Final = (
    "Make one with: python -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())'"
)


def master_key(environment: Mapping[str, str], *, create: bool) -> bytes:
    """The key that the keys of all profiles are derived from, 32 bytes.

    With `create`, a key is made where there is none. Call it under a lock then: two processes that
    make a key in the keyring at the same time would each keep the other's out.

    Raises:
        VaultError: there is no key, or it is not one.
    """
    given = environment.get(KEY_VARIABLE, "").strip()
    if given:
        return _decoded(given, KEY_VARIABLE)
    ring = _Keyring.of_system()
    held = ring.get() if ring else None
    if held:
        return _decoded(held, "the key in the keyring")
    path = key_file(environment)
    if path is not None and (found := _read(path)) is not None:
        return found
    if not create:
        where = f"not in the keyring and not at {path}" if path else "and there is no home for one"
        message = (
            f"The key that opens the kept tokens is missing: {KEY_VARIABLE} is not set, {where}. "
            "Put it back, or sign in again after removing the profile."
        )
        raise VaultError(message)
    made = secrets.token_bytes(_BYTES)
    if ring and ring.put(base64.b64encode(made).decode()):
        return made
    if path is None:
        message = f"There is no place for a key that encrypts tokens. Set {KEY_VARIABLE}. "
        raise VaultError(message + _HOW_TO_MAKE)
    return _write(path, made)


def _decoded(text: str, name: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _BYTES:
        message = f"{name} must be {_BYTES} bytes in base64. {_HOW_TO_MAKE}"
        raise VaultError(message)
    return key


def _read(path: Path) -> bytes | None:
    try:
        with path.open(encoding="ascii") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
                message = f"The key {path} can be read by other users. Run: chmod 600 {path}"
                raise VaultError(message)
            return _decoded(file.read().strip(), str(path))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        message = f"The key {path} cannot be read ({error})."
        raise VaultError(message) from error


def _write(path: Path, key: bytes) -> bytes:
    """Write the key whole or not at all; the key of a process that was faster counts."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(base64.b64encode(key) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.link(beside, path)
        finally:
            beside.unlink()
    except FileExistsError:
        pass
    except OSError as error:
        message = (
            f"The key that encrypts tokens cannot be kept at {path} ({error.strerror}). "
            f"Set {KEY_VARIABLE}. {_HOW_TO_MAKE}"
        )
        raise VaultError(message) from error
    found = _read(path)
    if found is None:
        message = f"The key {path} vanished while it was written."
        raise VaultError(message)
    return found


class _Keyring:
    """The keyring of the operating system, through the `keyring` package where that is there."""

    def __init__(self) -> None:
        # By name, because it is not among our dependencies.
        self._ring: Any = importlib.import_module("keyring")
        errors: Any = importlib.import_module("keyring.errors")
        self._errors = (errors.KeyringError, RuntimeError)

    @classmethod
    def of_system(cls) -> _Keyring | None:
        """The keyring, or None where the package is not installed."""
        return cls() if importlib.util.find_spec("keyring") else None

    def get(self) -> str | None:
        """What is kept there; None when there is nothing, or no keyring behind the package."""
        try:
            held: str | None = self._ring.get_password(_SERVICE, _ENTRY)
        except self._errors:
            return None
        return held

    def put(self, text: str) -> bool:
        """Keep it, and say whether it can be had back: some backends only pretend."""
        try:
            self._ring.set_password(_SERVICE, _ENTRY, text)
        except self._errors:
            return False
        return self.get() == text
