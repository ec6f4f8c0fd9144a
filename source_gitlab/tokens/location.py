"""Where tokens are kept, and whether at all.

The rule, which docs/credentials.md tells users:

1. SOURCE_GITLAB_HOME names a directory: tokens are kept there, or it is an error.
2. Otherwise they are kept in `source-gitlab` below XDG_DATA_HOME (~/.local/share), if it exists or
   can be made.
3. Otherwise, as in a container with no home, they are not kept.

A directory that is there must work: that it is full or read-only is found before a refresh token
is spent, and is an error, because tokens that were kept there earlier would be lost.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from source_gitlab.tokens.errors import VaultError

if TYPE_CHECKING:
    from collections.abc import Mapping

HOME_VARIABLE: Final = "SOURCE_GITLAB_HOME"
# What making a directory answers where there is no place for one, as opposed to a broken place.
_NO_PLACE: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.ENOSYS}
)


def home(environment: Mapping[str, str] | None = None) -> Path | None:
    """The directory that tokens are kept in, made if missing; None where there is no place.

    Raises:
        VaultError: the directory was named, and cannot be made or used.
    """
    environment = os.environ if environment is None else environment
    named = environment.get(HOME_VARIABLE, "").strip()
    path = Path(named).expanduser() if named else _default(environment, "XDG_DATA_HOME")
    if path is None:
        return None
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        if not named and error.errno in _NO_PLACE:
            return None
        message = f"Tokens cannot be kept in {path} ({error.strerror}). Set {HOME_VARIABLE}."
        raise VaultError(message) from error
    return path


def key_file(environment: Mapping[str, str]) -> Path | None:
    """Where the master key is if nothing else holds it: never in the directory that it opens."""
    named = environment.get("SOURCE_GITLAB_VAULT_KEY_FILE", "").strip()
    if named:
        return Path(named).expanduser()
    folder = _default(environment, "XDG_CONFIG_HOME")
    return folder / "vault.key" if folder else None


def _default(environment: Mapping[str, str], variable: str) -> Path | None:
    below = {"XDG_DATA_HOME": ".local/share", "XDG_CONFIG_HOME": ".config"}[variable]
    given = environment.get(variable, "").strip()
    if given and Path(given).is_absolute():  # relative ones are to be ignored, says XDG
        return Path(given, "source-gitlab")
    user = environment.get("HOME", "").strip() or environment.get("USERPROFILE", "").strip()
    # "/" is what containers say that run as a user without an entry in passwd.
    return Path(user, below, "source-gitlab") if user and user != "/" else None
