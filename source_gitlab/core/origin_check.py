"""Whether a state fits the configuration that it is given to, and what to do where it does not.

Ids mean nothing in another GitLab, so the state of another one is refused. A start date that lies
before that of the state means rows that were never asked for: everything from it on is read again,
once. One in the future is a mistake, because it would let a state say "up to here" of nothing.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from source_gitlab.config.urls import instance_name
from source_gitlab.core.access_levels import hides_rows
from source_gitlab.core.state.origin import Origin, lies_ahead, selection_of
from source_gitlab.gitlab.errors import FatalError
from source_gitlab.timestamps import instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from source_gitlab.config import Config
    from source_gitlab.core.access_levels import AccessLevels
    from source_gitlab.core.state import StreamState
    from source_gitlab.core.state.origin import Chosen
    from source_gitlab.gitlab.client import Client
    from source_gitlab.streams import Stream

LOGGER = logging.getLogger("source_gitlab")


class StartsAhead(FatalError):
    """The start date lies in the future by GitLab's clock."""


class OtherInstance(FatalError):
    """The state was made with another GitLab."""


def must_fit(states: Iterable[StreamState], config: Config) -> None:
    """Let states pass that were made with the GitLab of `config`, or do not name one.

    Raises:
        OtherInstance: one was made with another GitLab.
    """
    here = instance_name(config.base_url)
    known = {here, instance_name(config.former_url) if config.former_url else here}
    for state in states:
        if state.origin is not None and state.origin.instance not in known:
            other = state.origin.instance
            message = (
                f"The state was made with {other}, but api_url leads to {here}. Ids of one GitLab"
                " mean nothing in another, so rows would be missing. To read this one from the"
                " start, reset the streams or take another destination. If it is the same GitLab"
                f" under a new address, set former_api_url to {other}, and it goes on from there."
            )
            raise OtherInstance(message, url=config.base_url)


class OriginCheck:
    """Compares states with one configuration. Thread-safe."""

    def __init__(self, client: Client, config: Config, access_levels: AccessLevels) -> None:
        """Ask nothing yet."""
        self._access_levels = access_levels
        self._client = client
        self._config = config
        self._here = instance_name(config.base_url)
        self._start = instant(config.start_date) if config.start_date else None

    def must_have_begun(self) -> None:
        """Let a start date pass that lies in the past, or in the future by no more than a day.

        Raises:
            StartsAhead: it lies further ahead, by GitLab's clock.
        """
        start, now = self._config.start_date, self._client.now()
        if start and lies_ahead(start, now):
            raise StartsAhead(ahead(start), url=self._config.base_url)

    def settle(self, stream: Stream, state: StreamState, chosen: Sequence[Chosen]) -> None:
        """Bring `state` to where the configuration wants it to start from; `chosen` was named.

        A state without an origin is taken for one that was made with this configuration.
        """
        start = None if stream.snapshot else self._start
        known = state.origin or Origin(self._here, start)
        if not known.reaches(start):
            LOGGER.warning(
                "%s: the start date is earlier than the one that its state was made with (%s), so"
                " everything from %s on is read again, once.",
                stream.name,
                known.start_date,
                start or "the first row",
            )
            state.start_over()
            known = known.since(start)
        # What another user may not read of other streams is refused, and so was never passed over.
        user = self._access_levels.user() if hides_rows(stream) else None
        if not known.shows_all_to(user):
            LOGGER.warning(
                "%s: the token belongs to another user than the one that its state was made with,"
                " or one who may see more, so everything is read again, once.",
                stream.name,
            )
            state.start_over()
            known = known.since(start)
        selection = selection_of(chosen, archived=self._config.include_archived)
        shard = str(self._config.shard) if self._config.shard else None
        state.origin = Origin(self._here, known.start_date, user or known.user, selection, shard)

    def entered(self, stream: Stream, state: StreamState) -> None:
        """Note that something is read from the configuration's start date on.

        What was read before may go back further; but then not all that `state` covers does. The
        same holds where rows came that look older than the start date, and were not read for it.
        """
        start = None if stream.snapshot else self._start
        if state.origin is not None and start and state.origin.reaches(start):
            state.origin = state.origin.since(start)


def ahead(start_date: str) -> str:
    """What is wrong with a start date in the future."""
    return (
        f"start_date is {start_date}, which lies in the future, so nothing could be read. Write an"
        " earlier date, or none to read everything."
    )
