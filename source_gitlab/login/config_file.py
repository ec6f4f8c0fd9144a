"""Renewed OAuth tokens, kept in the configuration file that the first pair came from.

This is where they go on a machine without a place for profiles. The place is tried out before the
refresh token is spent: the file is written with other tokens in it and read back, and then put in
its own place with the text that it had. What fails then has spent nothing.
"""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from source_gitlab.config import ConfigError, OAuth, parse
from source_gitlab.config.rotated import NotRenewable, confirm, renewed_text, stand_in
from source_gitlab.encodings import encoding_of
from source_gitlab.gitlab.auth import announcement, epoch
from source_gitlab.tokens.errors import VaultError
from source_gitlab.tokens.location import HOME_VARIABLE
from source_gitlab.tokens.model import Tokens
from source_gitlab.tokens.reservation import Space
from source_gitlab.tokens.rotation import RotationLease, TokenRotation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# More than new tokens and a date can add to a text.
_ROOM: Final = 64 * 1024
# What a command takes for a file name, and can read only once.
STANDARD_INPUT: Final = Path("-")
# What a file system answers that cannot lock a directory, as some network file systems cannot.
_NO_LOCKS: Final = frozenset({errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP})


class ConfigFileRotation(TokenRotation):
    """Keeps renewed tokens in the file `path`, where `given` came from.

    `read` is how a command reads such a file: its fields, or a ConfigError.
    """

    keeps = True

    def __init__(self, path: Path, given: OAuth, read: Callable[[Path], dict[str, Any]]) -> None:
        """Look at nothing yet: most tokens live longer than a command."""
        super().__init__(_tokens(given))
        self._path = path
        self._read = read

    @contextmanager
    def lease(self, current: Tokens) -> Iterator[RotationLease]:
        """Lock the folder of the file, and take the newest tokens from the file."""
        with ExitStack() as stack:
            try:
                found = self._found(stack)
            except (OSError, UnicodeDecodeError) as error:
                why = getattr(error, "strerror", None) or str(error)
                raise _unkept(self._path, why) from error
            newest = _tokens(found.given)
            same = newest.refresh_token == current.refresh_token
            yield _FileLease(found, current if same else newest)

    def _found(self, stack: ExitStack) -> _Found:
        target = self._path if self._path == STANDARD_INPUT else self._path.resolve(strict=True)
        if not target.is_file():
            raise _unkept(self._path, "it is no file that can be written again")
        stack.enter_context(_locked(target.parent))
        data = target.read_bytes()
        # A byte order mark stays in the text, as its first character.
        encoding = encoding_of(data)
        return _Found(target, data.decode(encoding), encoding, self._given_in(target), self._read)

    def _given_in(self, path: Path) -> OAuth:
        try:
            credentials = parse(self._read(path)).credentials
        except ConfigError as error:
            raise _unkept(self._path, str(error)) from error
        if not isinstance(credentials, OAuth):
            raise _unkept(self._path, "there are no OAuth tokens in it any more")
        return credentials


@dataclass(frozen=True)
class _Found:
    """A configuration file as it was when the turn began."""

    path: Path
    text: str
    encoding: str
    given: OAuth
    read: Callable[[Path], dict[str, Any]]

    @property
    def data(self) -> bytes:
        """What the file holds."""
        return self.text.encode(self.encoding)

    def renewed(self, new: Mapping[str, str]) -> bytes:
        """What it holds with other tokens, in the encoding that it has.

        Raises:
            NotRenewable: they cannot stand where the old ones stand.
        """
        return renewed_text(self.text, self.given, new).encode(self.encoding)


class _FileLease(RotationLease):
    """One renewal under the lock of a folder."""

    def __init__(self, found: _Found, newest: Tokens) -> None:
        super().__init__(newest)
        self._found = found
        self._space: Space | None = None

    def reserve(self) -> None:
        found = self._found
        room = len(found.data) + _ROOM
        try:
            status = found.path.stat()
            rehearsal = Space(found.path, room, status.st_mode & 0o7777)
            self.cut_off = rehearsal.cut_off
            try:
                other = stand_in(found.given)
                rehearsal.write(found.renewed(other))
                confirm(_again(found, rehearsal.path), other)
                _own(rehearsal.path, status)
                # With the text that it has: a file that is a mount of its own cannot be replaced.
                rehearsal.fill(found.data)
            except BaseException:
                rehearsal.give_back()
                raise
            self._space = Space(found.path, room, status.st_mode & 0o7777)
            _own(self._space.path, status)
        except OSError as error:
            raise _unkept(found.path, error.strerror or str(error)) from error
        except (NotRenewable, ConfigError) as error:
            raise _unkept(found.path, str(error).rstrip(".")) from error

    def keep(self, tokens: Tokens) -> None:
        assert self._space is not None  # noqa: S101 -- space is taken before a token is spent
        found = self._found
        try:
            self._space.fill(found.renewed(announcement(tokens)))
        except OSError as error:
            message = (
                f"GitLab renewed the OAuth tokens, but they could not be written to {found.path} "
                f"({error.strerror}). Authorize again and put the new tokens there."
            )
            raise VaultError(message) from error

    def give_back(self) -> None:
        if self._space is not None:
            self._space.give_back()


def _again(found: _Found, path: Path) -> dict[str, Any]:
    """What is read from the file that was tried out.

    Raises:
        NotRenewable: nothing is. The reader's message would name a file that is gone then.
    """
    try:
        return found.read(path)
    except ConfigError as error:
        why = "with new tokens in it, it could not be read any more"
        raise NotRenewable(why) from error


def _tokens(given: OAuth) -> Tokens:
    return Tokens(given.access_token, given.refresh_token, expires=epoch(given.token_expiry_date))


def _own(path: Path, status: os.stat_result) -> None:
    """Give a file the owner of another one, if it has a different one."""
    made = path.stat()
    if (made.st_uid, made.st_gid) != (status.st_uid, status.st_gid):
        os.chown(path, status.st_uid, status.st_gid)


def _unkept(path: Path, why: str) -> VaultError:
    return VaultError(
        f"The OAuth token has to be renewed, but the new one cannot be kept in {path} ({why}). "
        f"Nothing was renewed. Give the configuration as a file that can be written, or "
        f"set {HOME_VARIABLE} to a directory that can."
    )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder against every other process that renews in it, where that can be done."""
    try:
        import fcntl  # noqa: PLC0415 -- there is none on Windows
    except ImportError:
        yield
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield
    finally:
        os.close(opened)
