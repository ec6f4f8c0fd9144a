"""Renewed OAuth tokens, which the capture's state keeps.

GitLab revokes a pair when it gives the next one, so the new one must be kept before it is used: it
goes out with a checkpoint, and is used when the runtime has acknowledged that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from source_gitlab.config import OAuth
from source_gitlab.gitlab.auth import Announcer
from source_gitlab.gitlab.errors import FatalError
from source_gitlab.interfaces.flow.output import OutputError
from source_gitlab.tokens.model import fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.config import Config
    from source_gitlab.gitlab.auth import NewTokens
    from source_gitlab.interfaces.flow.output import Output

STATE: Final = "tokens"
_NAMES: Final = ("access_token", "refresh_token", "token_expiry_date")


class Renewal(Announcer):
    """Brings renewed tokens into the capture's state, as those that follow the configured ones."""

    def __init__(self, output: Output, configured: OAuth, patience: float) -> None:
        """`patience` is how many seconds an acknowledgement may take."""
        self._output = output
        self._configured = fingerprint(configured.refresh_token)
        self._patience = patience

    def reserve(self) -> None:
        """See that somebody can acknowledge a checkpoint."""
        if not self._output.is_acknowledged:
            message = (
                "The OAuth token has to be renewed, and the runtime acknowledges no checkpoints any"
                " more, so that the new one would be lost. Nothing was renewed."
            )
            raise FatalError(message)

    def __call__(self, rotated: NewTokens) -> None:
        """Send the pair, and wait until it is kept."""
        kept = {name: rotated[name] for name in _NAMES}
        try:
            number = self._output.commit([], {STATE: {"after": self._configured, **kept}})
        except OutputError as error:
            raise FatalError(str(error)) from error
        if not self._output.wait_for(number, self._patience):
            message = (
                "The renewed OAuth token was sent to the runtime, which has not acknowledged that"
                " it is kept. It was not used. If the capture does not go on by itself, sign in"
                " again."
            )
            raise FatalError(message)


def newest(config: Config, state: Mapping[str, Any]) -> Config:
    """The configuration with the tokens of the state, where they follow the configured ones.

    Whoever signs in again configures other tokens, which then count.
    """
    given, kept = config.credentials, state.get(STATE)
    if not isinstance(given, OAuth) or not isinstance(kept, dict):
        return config
    if kept.get("after") != fingerprint(given.refresh_token):
        return config
    return replace(config, credentials=replace(given, **{name: kept[name] for name in _NAMES}))
