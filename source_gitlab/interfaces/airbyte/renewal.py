"""Renewed OAuth tokens on their way to the platform, which keeps them with the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_gitlab.config.rotated import NotRenewable, renewed, stand_in
from source_gitlab.gitlab.auth import Announcer
from source_gitlab.gitlab.errors import FatalError
from source_gitlab.interfaces.airbyte import protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from source_gitlab.config import OAuth
    from source_gitlab.gitlab.auth import NewTokens
    from source_gitlab.interfaces.airbyte.protocol import Json

_NOTICE = "The OAuth token is renewed now. The new pair follows, for the platform to keep."


class Announcement(Announcer):
    """Announces the configuration `raw` with renewed tokens in the places of those it has."""

    def __init__(
        self,
        raw: Mapping[str, Any],
        given: OAuth,
        announce: Callable[[Json], None],
        hide: Callable[[list[str]], None],
    ) -> None:
        """`announce` brings a message out before it returns; `hide` is told of the new tokens."""
        self._raw = raw
        self._given = given
        self._announce = announce
        self._hide = hide

    def reserve(self) -> None:
        """See that the configuration takes new tokens, and that somebody reads the output."""
        why: object
        try:
            renewed(self._raw, self._given, stand_in(self._given))
            self._announce(protocol.log("INFO", _NOTICE))
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
        self._hide([rotated["access_token"], rotated["refresh_token"]])
        self._announce(protocol.configuration(renewed(self._raw, self._given, rotated)))
