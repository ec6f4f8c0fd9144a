"""Environments that tests make: from where, and that they are not kept for ever."""

from __future__ import annotations

import hashlib
import os
import subprocess
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from integration_tests.support.environments import remove_unused
from tools.installing import as_pip, main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def test_what_nobody_uses_any_more_is_removed(tmp_path: Path) -> None:
    """By when it was used last; one that is being made has no mark yet, and stays."""
    for name, used in (("dbt-1", 1_000), ("dbt-2", 3_000), ("spark-3", None)):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / f"{name}.lock").touch()
        if used is not None:
            (tmp_path / name / ".complete").touch()
            os.utime(tmp_path / name / ".complete", (used, used))
    remove_unused(tmp_path, since=2_000.0)
    left = {one.name for one in tmp_path.iterdir()}
    assert left == {"dbt-2", "dbt-2.lock", "spark-3", "spark-3.lock"}


def test_uv_is_told_what_pip_is_told() -> None:
    """The later of pip's sections counts more, and what uv itself is told most."""
    listed = """\
:env:.cert='/etc/ssl/company.pem'
:env:.find-links='/wheels https://wheels.example.com'
global.cert='/etc/ssl/other.pem'
global.index-url='https://index.example.com/pypi'
global.extra-index-url='\\nhttps://one.example.com/pypi\\nhttps://two.example.com/pypi'
global.timeout='60'
global.proxy=''
install.timeout='90'
list.format='json'
"""
    told = as_pip(listed, {"UV_HTTP_TIMEOUT": "5", "PATH": "/bin"})
    assert told == {
        "PATH": "/bin",
        "SSL_CERT_FILE": "/etc/ssl/company.pem",
        "UV_DEFAULT_INDEX": "https://index.example.com/pypi",
        "UV_FIND_LINKS": "/wheels,https://wheels.example.com",
        "UV_HTTP_TIMEOUT": "5",
        "UV_INDEX": "https://one.example.com/pypi https://two.example.com/pypi",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_SYSTEM_CERTS": "true",
    }
    assert as_pip(listed, {})["UV_HTTP_TIMEOUT"] == "90"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A package that no index has but the one that it lies in."""
    path = tmp_path / "index" / "only-here" / "only_here-1.0-py3-none-any.whl"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as archive:
        about = "only_here-1.0.dist-info"
        archive.writestr("only_here.py", "")
        archive.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: only-here\nVersion: 1.0\n"
        )
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return path


@pytest.fixture
def index(wheel: Path) -> Iterator[str]:
    """The address of an index that has it."""
    serve = partial(SimpleHTTPRequestHandler, directory=str(wheel.parents[1]))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_machine_on_which_only_pip_is_configured(
    index: str, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packages come from the index of its pip.conf, and with the hash that the lock file has."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    configured = tmp_path / "pip.conf"
    configured.write_text(f"[global]\nindex-url = {index}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(configured))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    lock = tmp_path / "lock.txt"
    for hashed, code in (("0" * 64, 1), (hashlib.sha256(wheel.read_bytes()).hexdigest(), 0)):
        lock.write_text(f"only-here==1.0 --hash=sha256:{hashed}\n")
        assert main([str(tmp_path / "made"), str(lock)]) == code
    python = tmp_path / "made" / "bin" / "python"
    subprocess.run([python, "-c", "import only_here"], check=True)
