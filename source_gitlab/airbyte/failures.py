"""Our errors as Airbyte's: one sentence, and who has to act on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airbyte_cdk.models import FailureType, StreamDescriptor
from airbyte_cdk.utils import AirbyteTracedException

from source_gitlab.client.errors import FatalError, ReadError, Skipped
from source_gitlab.config import ConfigError
from source_gitlab.reading.state import StateError

if TYPE_CHECKING:
    from source_gitlab.client.errors import GitlabError


def traced(error: Exception, stream: str | None = None) -> AirbyteTracedException:
    """The error as the exception that the CDK turns into a TRACE message."""
    kind = FailureType.system_error
    if isinstance(error, (ConfigError, StateError, FatalError, Skipped)):
        kind = FailureType.config_error
    elif isinstance(error, ReadError):
        kind = FailureType.transient_error
    return AirbyteTracedException(
        message=str(error),
        internal_message=f"{type(error).__name__}: {error}",
        failure_type=kind,
        stream_descriptor=StreamDescriptor(name=stream) if stream else None,
    )


def mistake(message: str) -> AirbyteTracedException:
    """A mistake of the user's that is not in the configuration."""
    return AirbyteTracedException(
        message=message, internal_message=message, failure_type=FailureType.config_error
    )


def is_fatal(error: GitlabError) -> bool:
    """Whether no other request can succeed either."""
    return isinstance(error, FatalError)
