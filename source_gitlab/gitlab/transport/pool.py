"""Connections: certificates from the configuration, and the pool that uses them."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Any, NoReturn

import requests
import urllib3

from source_gitlab import temporary_files
from source_gitlab.gitlab.errors import FatalError
from source_gitlab.gitlab.transport.deadline import WatchedAdapter

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter

    from source_gitlab.config import Config


TRANSPORT_VERSION: str = urllib3.__version__  # type: ignore[attr-defined] # not among its exports
# urllib3-future installs itself under the name urllib3, with such numbers in the third place.
_FIRST_OF_A_FORK = 900


def replaced(version: str) -> FatalError | None:
    """Why `version` of urllib3 cannot be used; None when it can.

    niquests brings urllib3-future, which overwrites urllib3 with a library that calls the methods
    of connections in another way (https://github.com/jawah/urllib3.future). Which of the two is
    there depends on what was installed last.
    """
    patch = version.split(".")[2:3]
    if not (patch and patch[0].isdecimal() and int(patch[0]) >= _FIRST_OF_A_FORK):
        return None
    return FatalError(
        f"The package urllib3 was replaced by urllib3-future ({version}), which niquests installs,"
        " and no request can be made with it. Install this connector in an environment of its own,"
        " or remove urllib3-future and install urllib3 again."
    )


class Certificates:
    """A custom CA and a client certificate, given as PEM text or as paths.

    PEM text is kept until `close` in memory that has a name, else in a private folder. `problem` is
    what is wrong with them: found here, since a request would fail over it again and again, in the
    words of OpenSSL.
    """

    def __init__(self, config: Config, *, named_memory: bool = True) -> None:
        """Keep what is given as text; `named_memory` is false to do without, as on some systems."""
        self._named_memory = named_memory
        self._memories: list[int] = []
        self._folder: temporary_files.TemporaryFolder | None = None
        self.authority = self._path("ca.pem", config.ca_certificate)
        self.client = self._path("client.pem", config.client_certificate)
        self.key = self._path("client.key", config.client_private_key)
        self.problem = self._problem()

    def close(self) -> None:
        """Remove the files that were written."""
        while self._memories:
            os.close(self._memories.pop())
        if self._folder is not None:
            self._folder.close()

    def _path(self, name: str, value: str | None) -> str | None:
        if value is None or "-----BEGIN" not in value:
            return value
        memory = (
            temporary_files.named_memory(f"source-gitlab-{name}") if self._named_memory else None
        )
        if memory is not None:
            number, path = memory
            self._memories.append(number)
        else:
            self._folder = self._folder or temporary_files.TemporaryFolder()
            path = self._folder.path / name
            path.touch(mode=0o600)
        path.write_text(value.replace("\\n", "\n").strip() + "\n", encoding="ascii")
        return str(path)

    def _problem(self) -> FatalError | None:
        if not (self.authority or self.client):
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.authority:
            try:
                context.load_verify_locations(self.authority)
            except OSError as error:  # of which ssl.SSLError is one
                return FatalError(f"ca_certificate: no certificate can be read ({_why(error)}).")
        if self.client:
            try:
                context.load_cert_chain(self.client, self.key, password=_no_passphrase)
            except _PassphraseNeeded:
                return FatalError(
                    "client_private_key: this key is protected by a passphrase, and nobody is "
                    "there to type it. Give a key without one."
                )
            except OSError as error:
                return FatalError(
                    "client_certificate and client_private_key cannot be read, or do not belong "
                    f"together ({_why(error)})."
                )
        return None


class _PassphraseNeeded(Exception):
    """OpenSSL would ask the terminal for a passphrase."""


def _no_passphrase() -> NoReturn:
    raise _PassphraseNeeded


def _why(error: OSError) -> str:
    reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
    return str(reason).replace("_", " ").lower()


class _Pool(requests.Session):
    """A session in which what the user configured counts more than the environment.

    requests lets REQUESTS_CA_BUNDLE replace the authority of a session, which images and CI jobs
    set for everything that runs in them. Proxies still come from the environment.
    """

    def merge_environment_settings(self, *args: Any, **kwargs: Any) -> Any:
        """What requests merges, with the authority that was configured."""
        merged = super().merge_environment_settings(*args, **kwargs)
        if self.verify is not True:
            merged["verify"] = self.verify
        return merged


def open_pool(
    config: Config, certificates: Certificates, transport: BaseAdapter | None = None
) -> requests.Session:
    """A pool of connections with these certificates; it retries nothing by itself.

    Requests go through `transport`, where one is given, in place of sockets.
    """
    session = _Pool()
    adapter = transport or WatchedAdapter(
        pool_connections=4, pool_maxsize=config.num_workers, max_retries=0, pool_block=False
    )
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers.update(
        {"User-Agent": "source-gitlab", "Accept": "application/json", "Accept-Encoding": "gzip"}
    )
    if certificates.authority:
        session.verify = certificates.authority
    if certificates.client and certificates.key:
        session.cert = (certificates.client, certificates.key)
    return session
