"""Environments from lock files, made with uv, which takes a fraction of the time that pip takes.

`python -m tools.installing FOLDER LOCK...` puts the lock files into the environment in a folder,
which is made where it is not.

A machine may be configured for pip alone, and uv reads nothing that is meant for pip: what pip is
told of indexes, certificates and proxies is handed on.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from uv import find_uv_bin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# An option of pip and the variable in which uv takes the same, with what separates its values.
# https://docs.astral.sh/uv/reference/environment/
_VARIABLES: Final = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "no-index": ("UV_NO_INDEX", " "),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "timeout": ("UV_HTTP_TIMEOUT", " "),
    "default-timeout": ("UV_HTTP_TIMEOUT", " "),
    "proxy": ("ALL_PROXY", " "),
    "cert": ("SSL_CERT_FILE", " "),
    "client-cert": ("SSL_CLIENT_CERT", " "),
}
# Of pip's configuration, the later counts more.
_SECTIONS: Final = ("global", "install", ":env:")


def as_pip(listed: str, variables: Mapping[str, str]) -> dict[str, str]:
    """The variables with which uv installs from where pip does.

    Args:
        listed: what `pip config list` writes, a line `section.option='value'` for each option.
        variables: those of this process; what they tell uv itself counts more.
    """
    found: dict[tuple[str, str], str] = {}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.rpartition(".")
        found[section, option] = str(ast.literal_eval(value))
    asked = {
        variable: separator.join(found[section, option].split())
        for section in _SECTIONS
        for option, (variable, separator) in _VARIABLES.items()
        if found.get((section, option), "").split()
    }
    # As pip does, trust what the system trusts, and take a package from whichever index has what
    # its hash says.
    asked |= {"UV_SYSTEM_CERTS": "true", "UV_INDEX_STRATEGY": "unsafe-best-match"}
    return {**asked, **variables}


def make(folder: Path, locks: Sequence[Path], python: str = sys.executable) -> None:
    """Put what lock files name into an environment, which is made where it is not.

    Modules are not compiled: tests import a tenth of them, and Python keeps what it compiles then.

    Args:
        folder: of the environment.
        locks: the lock files, in which each package has hashes.
        python: the program for which an environment is made.

    Raises:
        subprocess.CalledProcessError: something cannot be installed, or does not fit the rest.
            uv has said what.
    """
    if not (folder / "pyvenv.cfg").exists():
        _uv("venv", "--quiet", "--python", python, str(folder))
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    wanted = [part for lock in locks for part in ("-r", str(lock))]
    asked = ("--quiet", "--no-deps", "--require-hashes", *wanted)
    _pip(folder, "install", *asked, **as_pip(listed, os.environ))
    _pip(folder, "check")


def build(folder: Path, package: Path) -> None:
    """Put the package in a folder into an environment, as a wheel that is built anew with it.

    Raises:
        subprocess.CalledProcessError: it cannot be built.
    """
    anew = ("--quiet", "--no-deps", "--no-build-isolation", "--reinstall", "--no-cache")
    _pip(folder, "install", *anew, str(package))


def _pip(folder: Path, command: str, *arguments: str, **variables: str) -> None:
    _uv("pip", command, "--python", str(folder), *arguments, **variables)


def _uv(*arguments: str, **variables: str) -> None:
    command = [find_uv_bin(), *arguments]
    subprocess.run(command, env={**os.environ, **variables}, check=True)  # noqa: S603 -- ours


def main(arguments: Sequence[str]) -> int:
    """Put lock files into an environment; the exit code, which is uv's if it failed."""
    folder, *locks = map(Path, arguments)
    try:
        make(folder, locks)
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
