"""Our errors as Airbyte's: one sentence, and who has to act on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airbyte_cdk.models import FailureType, StreamDescriptor
from airbyte_cdk.utils import AirbyteTracedException

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

if TYPE_CHECKING:
    from collections.abc import Mapping


def kind_of(error: Exception) -> FailureType:
    """Who has to act: the user (config), nobody yet (transient), or we (system)."""
    if isinstance(error, ReadError) or (isinstance(error, Unavailable) and error.reached):
        return FailureType.transient_error
    if isinstance(error, Stopped) or (isinstance(error, NotFound) and error.transient):
        return FailureType.transient_error
    if isinstance(error, (ConfigError, StateError, FatalError, NotFound, Skipped)):
        return FailureType.config_error
    return FailureType.system_error


def is_known(error: Exception) -> bool:
    """Whether a sentence says all of an error; the others are mistakes of a program."""
    return isinstance(error, (ConfigError, StateError, GitlabError))


def in_words(error: Exception) -> str:
    """The sentence of an error."""
    if is_known(error):
        return str(error)
    kind = type(error).__name__
    return f"An unexpected error occurred ({kind}); the log has its traceback."


def traced(error: Exception, stream: str | None = None) -> AirbyteTracedException:
    """The error as the exception that the CDK turns into a TRACE message."""
    return AirbyteTracedException(
        message=in_words(error),
        internal_message=f"{type(error).__name__}: {error}",
        failure_type=kind_of(error),
        exception=None if is_known(error) else error,
        stream_descriptor=StreamDescriptor(name=stream) if stream else None,
    )


def mistake(message: str) -> AirbyteTracedException:
    """A mistake of the user's that is not in the configuration."""
    return AirbyteTracedException(
        message=message, internal_message=message, failure_type=FailureType.config_error
    )


def incomplete(errors: Mapping[str, Exception], streams: int) -> AirbyteTracedException:
    """The end of a read of so many streams, of which these failed, each for this reason at first.

    What ended the whole read is told alone, for it is the reason of all. What was chosen and cannot
    be read is told once, and so is what else failed.
    """
    fatal = list(dict.fromkeys(str(e) for e in errors.values() if isinstance(e, FatalError)))
    worst = next((e for e in errors.values() if isinstance(e, FatalError)), None)
    if worst is not None:
        error = traced(worst)
        message = " ".join(fatal)
        if isinstance(worst, Stopped):
            message += " What was read is kept, and the next one goes on from there."
        error.message = error.internal_message = message
        return error
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
    return AirbyteTracedException(
        message=message.strip(), internal_message=message.strip(), failure_type=kind_of(lasting)
    )
