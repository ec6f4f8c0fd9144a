"""The exit codes of commands for people, and what of an error makes which."""

from __future__ import annotations

from typing import Final

from source_gitlab.interrupts import INTERRUPTED

DONE: Final = 0
INCOMPLETE: Final = 1
USAGE: Final = 2
__all__ = ["DONE", "EPILOG", "INCOMPLETE", "INTERRUPTED", "USAGE", "UsageError", "code_of", "told"]

EPILOG: Final = """
Exit codes: 0 done; 1 incomplete, and running it again helps; 2 something is wrong with the command,
the configuration, the token or the file, and running it again does not help before that is changed;
130 interrupted (Ctrl-C, SIGTERM, SIGHUP).
"""


class UsageError(Exception):
    """The command cannot be carried out as it was given; the message says why.

    `passes` tells that it can when it is given again, once something else has ended or made room.
    """

    def __init__(self, message: str, *, passes: bool = False) -> None:
        """Keep whether it passes beside the sentence."""
        super().__init__(message)
        self.passes = passes


def code_of(error: BaseException) -> int:
    """The exit code of a command that ends with this error."""
    # What can raise these has imported them. The parsers of arguments need the codes alone.
    from source_gitlab.config import ConfigError  # noqa: PLC0415
    from source_gitlab.core.selection import NotFound  # noqa: PLC0415
    from source_gitlab.gitlab.errors import FatalError, Stopped, Unavailable  # noqa: PLC0415
    from source_gitlab.streams.declaration_error import DeclarationError  # noqa: PLC0415
    from source_gitlab.streams.schema import SchemaError  # noqa: PLC0415
    from source_gitlab.tokens.errors import VaultError  # noqa: PLC0415

    if isinstance(error, UsageError):
        return INCOMPLETE if error.passes else USAGE
    if isinstance(error, (DeclarationError, SchemaError)):
        return USAGE
    if isinstance(error, (Unavailable, Stopped)):
        return INCOMPLETE
    if isinstance(error, NotFound):
        return INCOMPLETE if error.transient else USAGE
    return USAGE if isinstance(error, (ConfigError, VaultError, FatalError)) else INCOMPLETE


def told(error: BaseException) -> str | None:
    """What to say of an error that is no mistake of this program; None for one that is."""
    from source_gitlab.config import ConfigError  # noqa: PLC0415 -- see above
    from source_gitlab.gitlab.errors import GitlabError  # noqa: PLC0415
    from source_gitlab.streams.declaration_error import DeclarationError  # noqa: PLC0415
    from source_gitlab.streams.schema import SchemaError  # noqa: PLC0415
    from source_gitlab.tokens.errors import VaultError  # noqa: PLC0415

    if isinstance(error, (UsageError, ConfigError, VaultError, GitlabError)):
        return str(error)
    if isinstance(error, (DeclarationError, SchemaError)):
        return f"A stream is declared wrongly. {error}. docs/declarations.md explains what may be."
    if isinstance(error, MemoryError):
        return "There is not enough memory."
    if isinstance(error, OSError):
        return f"{error.filename} cannot be used: {error.strerror or error}."
    return None
