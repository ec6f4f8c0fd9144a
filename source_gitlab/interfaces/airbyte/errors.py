"""Our errors as Airbyte's: one sentence, and who has to act on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from source_gitlab.config import ConfigError
from source_gitlab.core.selection import NotFound
from source_gitlab.core.state import StateError
from source_gitlab.gitlab.errors import (
    FatalError,
    GitlabError,
    ReadError,
    Skipped,
    Stopped,
    Unavailable,
)
from source_gitlab.interfaces.airbyte.memory import MemoryShort

if TYPE_CHECKING:
    from collections.abc import Mapping

FailureType = Literal["config_error", "transient_error", "system_error"]
CONFIG: Final = "config_error"
TRANSIENT: Final = "transient_error"
SYSTEM: Final = "system_error"


class Failure(Exception):
    """Why a command fails, as the protocol's error trace has it.

    `message` is for people, `internal_message` for whoever looks into it. `stream` is the name of
    the stream that failed, None where it is not one alone. `error` is a mistake of a program, whose
    traceback belongs into the trace.
    """

    def __init__(
        self,
        message: str,
        failure_type: FailureType,
        internal_message: str | None = None,
        stream: str | None = None,
        error: Exception | None = None,
    ) -> None:
        """Without an internal message the one for people is that, too."""
        super().__init__(message)
        self.message = message
        self.failure_type: FailureType = failure_type
        self.internal_message = internal_message or message
        self.stream = stream
        self.error = error


def kind_of(error: Exception) -> FailureType:
    """Who has to act: the user (config), nobody yet (transient), or we (system)."""
    if isinstance(error, ReadError) or (isinstance(error, Unavailable) and error.reached):
        return TRANSIENT
    if isinstance(error, Stopped) or (isinstance(error, NotFound) and error.transient):
        return TRANSIENT
    if isinstance(error, (ConfigError, StateError, FatalError, NotFound, Skipped)):
        return CONFIG
    return SYSTEM


def is_known(error: Exception) -> bool:
    """Whether a sentence says all of an error; the others are mistakes of a program."""
    return isinstance(error, (ConfigError, StateError, GitlabError, MemoryShort))


def in_words(error: Exception) -> str:
    """The sentence of an error."""
    if is_known(error):
        return str(error)
    kind = type(error).__name__
    return f"An unexpected error occurred ({kind}); the log has its traceback."


def traced(error: Exception, stream: str | None = None) -> Failure:
    """The error as the protocol has it."""
    return Failure(
        in_words(error),
        kind_of(error),
        f"{type(error).__name__}: {error}",
        stream,
        None if is_known(error) else error,
    )


def mistake(message: str) -> Failure:
    """A mistake of the user's that is not in the configuration."""
    return Failure(message, CONFIG)


def incomplete(errors: Mapping[str, Exception], streams: int) -> Failure:
    """The end of a read of so many streams, of which these failed, each for this reason at first.

    What ended the whole read is told alone, for it is the reason of all. What was chosen and cannot
    be read is told once, and so is what else failed.
    """
    fatal = list(dict.fromkeys(str(e) for e in errors.values() if isinstance(e, FatalError)))
    worst = next((e for e in errors.values() if isinstance(e, FatalError)), None)
    if worst is not None:
        message = " ".join(fatal)
        if isinstance(worst, Stopped):
            message += " What was read is kept, and the next one goes on from there."
        return Failure(message, kind_of(worst))
    chosen = [error for error in errors.values() if isinstance(error, NotFound)]
    others = {name: error for name, error in errors.items() if not isinstance(error, NotFound)}
    message = " ".join(dict.fromkeys(map(str, chosen)))
    if chosen:
        message += " Everything else that was chosen is read and kept."
    if others:
        name, first = next(iter(others.items()))
        why = in_words(first)
        message += (
            f" {len(others)} of {streams} streams are incomplete: {', '.join(others)}. The first"
            f" error was in {name}: {why} What was read is kept, and the next sync goes on from"
            " there."
        )
    lasting = next((e for e in chosen if not e.transient), next(iter(errors.values())))
    return Failure(message.strip(), kind_of(lasting))
