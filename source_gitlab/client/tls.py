"""Certificates from the configuration, as the files that the TLS library wants."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from source_gitlab.config import Config


class Certificates:
    """A custom CA and a client certificate, given as PEM text or as paths.

    PEM text is kept in a private directory until `close`.
    """

    def __init__(self, config: Config) -> None:
        """Write what is given as text to files that only this user can read."""
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.authority = self._path("ca.pem", config.ca_certificate)
        self.client = self._path("client.pem", config.client_certificate)
        self.key = self._path("client.key", config.client_private_key)

    def _path(self, name: str, value: str | None) -> str | None:
        if value is None or "-----BEGIN" not in value:
            return value
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="source-gitlab-")
        path = Path(self._folder.name, name)
        path.touch(mode=0o600)
        path.write_text(value.replace("\\n", "\n").strip() + "\n", encoding="ascii")
        return str(path)

    def close(self) -> None:
        """Remove the files that were written."""
        if self._folder is not None:
            self._folder.cleanup()
