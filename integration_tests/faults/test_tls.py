"""HTTPS with an authority of one's own and client certificates, and proxies, for real."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import requests

from integration_tests.gitlab.launch import ROOT, Emulator
from integration_tests.gitlab.patience import PATIENCE
from integration_tests.gitlab.tls import make_certificates
from integration_tests.support.reading import read
from source_gitlab.config import parse
from source_gitlab.gitlab.client import Retries
from source_gitlab.gitlab.connection import Connection
from source_gitlab.gitlab.errors import FatalError, GitlabError
from source_gitlab.gitlab.transport.pool import Certificates, open_pool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Row = dict[str, Any]
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(scope="module")
def lab() -> Iterator[Emulator]:
    """An emulated GitLab that speaks with nobody who has no certificate of its authority."""
    with Emulator("--require-client-cert") as emulator:
        yield emulator
        if emulator.certificates:
            shutil.rmtree(emulator.certificates)


@pytest.fixture(autouse=True)
def _no_environment(lab: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.faults([])
    for name in [*PROXIES, "requests_ca_bundle", "curl_ca_bundle", "ssl_cert_file"]:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("SOURCE_GITLAB_HOME", str(tmp_path / "tokens"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def folder(lab: Emulator) -> Path:
    """Where the emulator's certificates are."""
    assert lab.certificates is not None
    return lab.certificates


def config_of(lab: Emulator, *, text: bool = False, **more: Any) -> Row:
    """A configuration with certificates, as paths or as text."""
    names = {
        "ca_certificate": "ca.pem",
        "client_certificate": "client.pem",
        "client_private_key": "client-key.pem",
    }
    paths = {field: folder(lab) / name for field, name in names.items()}
    given = {field: path.read_text() if text else str(path) for field, path in paths.items()}
    token = {"auth_type": "access_token", "access_token": lab.token}
    config = {"api_url": lab.url, "credentials": token, "groups_list": ["acme"], **given, **more}
    return {name: value for name, value in config.items() if value is not None}


def whoami(config: Row) -> str:
    """The user of the configuration's token."""
    client = Connection(parse(config), retries=Retries(1, 0.01))
    try:
        return str(client.one("user")["username"])
    finally:
        client.close()


@pytest.mark.parametrize("text", [True, False], ids=["text", "path"])
def test_a_read_over_mutual_tls(lab: Emulator, *, text: bool) -> None:
    """A whole read through the Airbyte face."""
    reading = read(config_of(lab, text=text), ["issues", "branches"])
    assert reading.failure is None
    assert reading.rows["issues"]
    assert reading.rows["branches"]


def test_text_from_a_form_works(lab: Emulator) -> None:
    """Forms turn the ends of lines into spaces, environments into two characters."""
    config = config_of(lab, text=True)
    for end in ("\\n", " "):
        fields = ("ca_certificate", "client_certificate", "client_private_key")
        mangled = {name: config[name].replace("\n", end) for name in fields}
        assert whoami({**config, **mangled}) == "ada"


def test_pem_text_leaves_no_file_behind(
    lab: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has to be one for the TLS library, private and only for the time of the read."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    config = parse(config_of(lab, text=True))
    certificates = Certificates(config, named_memory=False)
    (private,) = tmp_path.glob("source-gitlab-*")
    assert private.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in private.iterdir()} == {0o600}
    with open_pool(config, certificates) as pool:
        assert (
            pool.get(f"{lab.url}/api/v4/user", headers={"private-token": lab.token}).status_code
            == 200
        )
    certificates.close()
    assert list(tmp_path.glob("source-gitlab-*")) == []


def test_without_a_client_certificate_the_message_says_tls(lab: Emulator) -> None:
    """The server ends the handshake, or the connection right after it."""
    config = config_of(lab, client_certificate=None, client_private_key=None)
    with pytest.raises(GitlabError, match=r"TLS failed.*client_certificate|connection was lost"):
        whoami(config)


def test_an_unknown_authority_is_refused(lab: Emulator) -> None:
    """There is no way to switch verification off."""
    with pytest.raises(GitlabError, match=r"TLS failed.*ca_certificate"):
        whoami(config_of(lab, ca_certificate=None))


def test_another_authority_is_refused(lab: Emulator, tmp_path: Path) -> None:
    """As is one that has signed something else."""
    other = make_certificates(tmp_path)
    with pytest.raises(GitlabError, match="TLS failed"):
        whoami(config_of(lab, ca_certificate=str(other.authority)))


def test_the_configured_authority_counts_more_than_the_environment(
    lab: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images set REQUESTS_CA_BUNDLE for everything in them."""
    other = make_certificates(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other.authority))
    assert whoami(config_of(lab)) == "ada"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder(lab) / "ca.pem"))
    assert whoami(config_of(lab, ca_certificate=None)) == "ada"


def test_a_key_of_another_certificate_is_found_at_once(lab: Emulator, tmp_path: Path) -> None:
    """Not by a request that fails again and again."""
    other = make_certificates(tmp_path)
    with pytest.raises(FatalError, match="do not belong together"):
        whoami(config_of(lab, client_private_key=str(other.client_key)))


def test_a_file_that_holds_no_certificate_is_found_at_once(lab: Emulator, tmp_path: Path) -> None:
    """The wrong file was named."""
    (tmp_path / "notes.txt").write_text("not a certificate")
    with pytest.raises(FatalError, match="ca_certificate: no certificate can be read"):
        whoami(config_of(lab, ca_certificate=str(tmp_path / "notes.txt")))


def test_a_key_with_a_passphrase_is_found_at_once(lab: Emulator, tmp_path: Path) -> None:
    """In a file, where the configuration does not look; OpenSSL would ask the terminal."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    plain = (folder(lab) / "client-key.pem").read_bytes()
    key = serialization.load_pem_private_key(plain, None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    (tmp_path / "locked.pem").write_bytes(locked)
    with pytest.raises(FatalError, match="protected by a passphrase"):
        whoami(config_of(lab, client_private_key=str(tmp_path / "locked.pem")))


def test_oauth_is_renewed_over_mutual_tls(lab: Emulator) -> None:
    """The endpoint for tokens wants the certificate as well."""
    pair = lab.post("oauth", {})
    lab.post("tokens", {"op": "expire", "token": pair["access_token"]})
    credentials = {
        "auth_type": "oauth2.0",
        "client_id": "emulator-client-id",
        "client_secret": "gloas-emulator-client-secret",
        "access_token": pair["access_token"],
        "refresh_token": pair["refresh_token"],
    }
    assert whoami(config_of(lab, text=True, credentials=credentials)) == "ada"


def test_the_token_command_takes_certificates(lab: Emulator) -> None:
    """As flags, for a GitLab of which there is no file of configuration yet."""
    paths = config_of(lab)
    flags = [
        part
        for name in ("ca_certificate", "client_certificate", "client_private_key")
        for part in (f"--{name.replace('_', '-')}", paths[name])
    ]
    done = subprocess.run(
        [sys.executable, "-m", "source_gitlab", "token", "--url", lab.url, *flags],
        cwd=ROOT,
        env={**os.environ, "GITLAB_TOKEN": lab.token},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert "of the user ada" in done.stdout


def test_http_is_only_spoken_when_written(lab: Emulator) -> None:
    """A host alone means https; http to a port that speaks TLS is an error, with no token told."""
    host = lab.url.partition("://")[2]
    assert parse(config_of(lab, api_url=host)).base_url == lab.url
    assert whoami(config_of(lab, api_url=host)) == "ada"
    with pytest.raises(GitlabError, match=r"connection was lost|did not|cut short"):
        whoami(config_of(lab, api_url=f"http://{host}"))


class Forwarding(BaseHTTPRequestHandler):
    """A proxy that knows one host: it brings every request for it to the emulated GitLab."""

    target = ""
    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Forward."""
        self.seen.append(self.path)
        path = self.path.removeprefix("http://gitlab.invalid")
        header = {"Authorization": self.headers["Authorization"]}
        with requests.Session() as session:
            session.trust_env = False  # else it would ask itself
            answer = session.get(f"{self.target}{path}", headers=header, timeout=PATIENCE)
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def proxy(gitlab: Emulator) -> Iterator[str]:
    """The address of a proxy that leads to the emulated GitLab."""
    Forwarding.target = gitlab.url
    Forwarding.seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Forwarding) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_proxy_of_the_environment_is_used(
    gitlab: Emulator, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host does not exist, so only the proxy can have answered."""
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("http_proxy", proxy)
    token = {"auth_type": "access_token", "access_token": gitlab.token}
    config = {"api_url": "http://gitlab.invalid", "credentials": token}
    assert whoami(config) == "ada"
    assert Forwarding.seen == ["http://gitlab.invalid/api/v4/user"]
    monkeypatch.setenv("NO_PROXY", "gitlab.invalid")
    monkeypatch.setenv("no_proxy", "gitlab.invalid")
    with pytest.raises(GitlabError, match="could not be resolved"):
        whoami(config)


def test_a_proxy_that_is_away_is_named(lab: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one looks for the fault at GitLab."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    with pytest.raises(GitlabError, match="the proxy could not be reached"):
        whoami(config_of(lab))
