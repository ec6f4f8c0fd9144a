"""One profile: its file, its lock, and the steps in which new contents replace the old."""

from __future__ import annotations

import contextlib
import hashlib
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from source_gitlab.tokens.encryption import Purpose, Seal, unsealed_part
from source_gitlab.tokens.errors import VaultError
from source_gitlab.tokens.master_key import master_key
from source_gitlab.tokens.reservation import Space, sync_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from source_gitlab.tokens.model import Contents

# Longer than two tries of a request that times out, which is what whoever holds the lock may need.
_PATIENCE: Final = 180.0
# More than sealed contents ever need: see the limits in `tokens`.
_ROOM: Final = 256 * 1024
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OF_CONFIGURATIONS: Final = "config-"


def profile_name(text: str) -> str:
    """A name that a user gave, if it can be one.

    Raises:
        VaultError: it cannot.
    """
    if not _NAME.fullmatch(text) or text.startswith(_OF_CONFIGURATIONS):
        message = (
            "The name of a profile has letters, digits, dots, underscores and hyphens, 64 at most,"
            f" and does not begin with {_OF_CONFIGURATIONS}. Write it like work."
        )
        raise VaultError(message)
    return text


def default_name(base_url: str) -> str:
    """The profile of an instance when the user names none: gitlab.com for https://gitlab.com."""
    parts = urlsplit(base_url)
    text = parts.netloc + parts.path if parts.scheme == "https" else base_url
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")[-64:].lstrip("-.")


def configuration_name(base_url: str, client_id: str) -> str:
    """The profile of the configurations that use one application of one instance."""
    digest = hashlib.sha256(f"{base_url}\0{client_id}".encode()).hexdigest()
    return f"{_OF_CONFIGURATIONS}{digest[:16]}"


class Profile:
    """The file of one profile in the directory `home`. Not thread-safe.

    Raises:
        VaultError: from every method, when the file or its directory cannot be used.
    """

    def __init__(self, home: Path, purpose: Purpose, environment: Mapping[str, str]) -> None:
        self.purpose = purpose
        self.path = home / f"{purpose.profile}.json"
        self._home = home
        self._environment = environment
        self._seal: Seal | None = None

    @classmethod
    def named(cls, home: Path, name: str, environment: Mapping[str, str]) -> Profile | None:
        """The profile of this name, for what its file says; None when there is none."""
        path = home / f"{profile_name(name)}.json"
        blob = _read(path)
        if blob is None:
            return None
        purpose, _ = unsealed_part(blob, path)
        if purpose.profile != name:
            message = f"{path} is for the profile {purpose.profile}. Put it back under its name."
            raise VaultError(message)
        return cls(home, purpose, environment)

    def read(self) -> Contents | None:
        """What is kept, or None when nothing is."""
        blob = _read(self.path)
        if blob is None:
            return None
        return self._opened(create=False).open(blob, self.path)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the profile against every other process and thread."""
        with _locked(self.path.with_suffix(".lock")):
            yield

    def reserve(self) -> Reservation:
        """Take the space that new contents need. Only under the lock.

        Whatever can fail about keeping contents fails here: the key is found, the directory is
        written to, and the blocks are taken and synced.
        """
        with _locked(self._home / "key.lock"):
            seal = self._opened(create=True)
        try:
            return Reservation(Space(self.path, _ROOM), seal)
        except OSError as error:
            raise _unusable(self._home, error) from error

    def remove(self) -> None:
        """Forget what is kept. The lock file stays: others may be waiting for it."""
        try:
            self.path.unlink(missing_ok=True)
            sync_directory(self._home)
        except OSError as error:
            raise _unusable(self._home, error) from error

    def _opened(self, *, create: bool) -> Seal:
        if self._seal is None:
            self._seal = Seal.of(self.purpose, master_key(self._environment, create=create))
        return self._seal


class Reservation:
    """Space on the disk, synced, for contents that are not known yet.

    `cut_off`: see Space.
    """

    def __init__(self, space: Space, seal: Seal) -> None:
        """Fill `space` with what `seal` closes."""
        self.cut_off = space.cut_off
        self._space = space
        self._seal = seal

    def fill(self, contents: Contents) -> None:
        """Put the contents in the place of the old ones, whole or not at all.

        Raises:
            VaultError: the disk failed although the space was taken.
        """
        blob = self._seal.close(contents)
        try:
            self._space.fill(blob)
        except OSError as error:
            raise _unusable(self._space.path.parent, error) from error

    def give_back(self) -> None:
        """Free the space: nothing was spent."""
        self._space.give_back()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout  # noqa: PLC0415 -- slow to import

    lock = FileLock(path, timeout=_PATIENCE, mode=0o600)
    try:
        lock.acquire()
    except Timeout as error:
        message = (
            f"Another process has held {path} for {_PATIENCE:.0f} seconds. End it and try again."
        )
        raise VaultError(message) from error
    except OSError as error:
        raise _unusable(path.parent, error) from error
    try:
        yield
    finally:
        lock.release()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror})."
        raise VaultError(message) from error


def _unusable(home: Path, error: OSError) -> VaultError:
    return VaultError(
        f"Tokens cannot be kept in {home} ({error.strerror}). Make room there or make it writable, "
        "or set SOURCE_GITLAB_HOME to another directory."
    )
