"""Renewed OAuth tokens on their way to the platform, which keeps them with the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airbyte_cdk.config_observation import create_connector_config_control_message
from airbyte_cdk.models import AirbyteLogMessage, AirbyteMessage, Level, Type
from airbyte_cdk.utils.airbyte_secrets_utils import update_secrets

from source_gitlab.config.rotated import NotRenewable, renewed, stand_in
from source_gitlab.gitlab.auth import Announcer
from source_gitlab.gitlab.errors import FatalError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from source_gitlab.config import OAuth
    from source_gitlab.gitlab.auth import NewTokens

_NOTICE = "The OAuth token is renewed now. The new pair follows, for the platform to keep."


class Announcement(Announcer):
    """Announces the configuration `raw` with renewed tokens in the places of those it has."""

    def __init__(
        self, raw: Mapping[str, Any], given: OAuth, announce: Callable[[AirbyteMessage], None]
    ) -> None:
        """`announce` brings a message out before it returns."""
        self._raw = raw
        self._given = given
        self._announce = announce

    def reserve(self) -> None:
        """See that the configuration takes new tokens, and that somebody reads the output."""
        why: object
        try:
            renewed(self._raw, self._given, stand_in(self._given))
            notice = AirbyteLogMessage(level=Level.INFO, message=_NOTICE)
            self._announce(AirbyteMessage(type=Type.LOG, log=notice))
        except NotRenewable as error:
            why = f"the configuration cannot take it: {error}"
        except OSError as error:
            why = f"the output cannot be written: {error.strerror}"
        else:
            return
        message = (
            "The OAuth token has to be renewed, and there is no place to keep the new one "
            f"({why}). Nothing was renewed."
        )
        raise FatalError(message)

    def __call__(self, rotated: NewTokens) -> None:
        """Write the CONTROL message."""
        update_secrets([rotated["access_token"], rotated["refresh_token"]])
        config = renewed(self._raw, self._given, rotated)
        self._announce(create_connector_config_control_message(config))
