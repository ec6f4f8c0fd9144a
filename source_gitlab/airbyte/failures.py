"""Our errors as Airbyte's: one sentence, and who has to act on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airbyte_cdk.models import FailureType, StreamDescriptor
from airbyte_cdk.utils import AirbyteTracedException

from source_gitlab.client.errors import FatalError, ReadError, Skipped, Unavailable
from source_gitlab.config import ConfigError
from source_gitlab.reading.state import StateError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.client.errors import GitlabError


def kind_of(error: Exception) -> FailureType:
    """Who has to act: the user (config), nobody yet (transient), or we (system)."""
    if isinstance(error, ReadError) or (isinstance(error, Unavailable) and error.reached):
        return FailureType.transient_error
    if isinstance(error, (ConfigError, StateError, FatalError, Skipped)):
        return FailureType.config_error
    return FailureType.system_error


def traced(error: Exception, stream: str | None = None) -> AirbyteTracedException:
    """The error as the exception that the CDK turns into a TRACE message."""
    return AirbyteTracedException(
        message=str(error),
        internal_message=f"{type(error).__name__}: {error}",
        failure_type=kind_of(error),
        stream_descriptor=StreamDescriptor(name=stream) if stream else None,
    )


def mistake(message: str) -> AirbyteTracedException:
    """A mistake of the user's that is not in the configuration."""
    return AirbyteTracedException(
        message=message, internal_message=message, failure_type=FailureType.config_error
    )


def incomplete(errors: Mapping[str, GitlabError], streams: int) -> AirbyteTracedException:
    """The end of a read of so many streams, of which these failed, each for this reason at first.

    What ended the whole read is told alone, for it is the reason of all.
    """
    fatal = list(dict.fromkeys(str(e) for e in errors.values() if isinstance(e, FatalError)))
    worst = next((e for e in errors.values() if isinstance(e, FatalError)), None)
    if worst is not None:
        error = traced(worst)
        error.message = error.internal_message = " ".join(fatal)
        return error
    name, first = next(iter(errors.items()))
    message = (
        f"{len(errors)} of {streams} streams are incomplete: {', '.join(errors)}. The first error"
        f" was in {name}: {first} What was read is kept, and the next sync goes on from there."
    )
    return AirbyteTracedException(
        message=message, internal_message=message, failure_type=kind_of(first)
    )
