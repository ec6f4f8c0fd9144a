"""One read of a GitLab, shared by all streams: their slices, their rows, and what went wrong."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from source_gitlab.again import Signals
from source_gitlab.client.errors import FatalError, GitlabError, Skipped
from source_gitlab.client.http import Client
from source_gitlab.coverage import Coverage, may_be_idle
from source_gitlab.planning import Planner
from source_gitlab.reader import Reader
from source_gitlab.reading.ahead import Ahead
from source_gitlab.reading.soundness import Keys, as_documented
from source_gitlab.report import Report
from source_gitlab.scopes import Scopes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from typing_extensions import Self

    from source_gitlab.client.auth import Rotated
    from source_gitlab.client.http import Retries
    from source_gitlab.config import Config
    from source_gitlab.declarations import Stream
    from source_gitlab.reading.slices import Page, Slice
    from source_gitlab.reading.state import StreamState

LOGGER = logging.getLogger("airbyte.source-gitlab")


class Session:
    """What every face drives: plan a stream, then read its slices, from as many threads as wanted.

    `on_rotated` is told of a renewed OAuth token before the token is used.
    """

    def __init__(
        self,
        config: Config,
        *,
        on_rotated: Callable[[Rotated], None] | None = None,
        retries: Retries | None = None,
    ) -> None:
        """Make no request yet."""
        self.config = config
        self.report = Report()
        self.client = Client(config, on_rotated=on_rotated, retries=retries)
        self.ahead = Ahead(config.num_workers)
        self.scopes = Scopes(self.client, config, self.ahead)
        signals = Signals(self.client, self.ahead, config.lookback_minutes)
        coverage = Coverage(self.client, config, self.scopes, self.ahead, self.report)
        self._planner = Planner(self.client, config, self.scopes, signals, coverage)
        self._reader = Reader(self.client, config, self.scopes, self.ahead, self.report)

    def __enter__(self) -> Self:
        """Use the session for the length of a `with` block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop what is still under way, and close all connections."""
        self.close()

    def close(self) -> None:
        """Stop what is still under way, and close all connections."""
        self.client.limits.stop.set()
        self.ahead.close()
        self.client.close()

    def plan(self, stream: Stream, state: StreamState) -> Iterator[Slice]:
        """The slices of `stream` that have to be read, given its state.

        Raises:
            NotFound: after all slices: a group or project that the user named does not resolve.
            GitlabError: GitLab could not be asked what is in scope.
        """
        with as_documented(self.client.api_url):
            yield from self._planner.plan(stream, state)

    def read(self, stream: Stream, slice_: Slice, state: StreamState) -> Iterator[Page]:
        """The rows of a slice, page by page; `state` follows.

        When the next page is taken, the rows of the page before count as delivered, and `state`
        says so; at the end the whole slice does. A slice that GitLab refuses ends early and is in
        the report, and the state stays where it is.

        Raises:
            ReadError: the slice failed; the state covers what was taken before.
            FatalError: nothing else can be read either.
        """
        where = f"{slice_['scope']} {slice_['id']}"
        url = f"{self.client.api_url}/{slice_['scope']}s/{slice_['id']}/{stream.path}"
        keys = Keys(stream)
        idle = False
        try:
            pages = self._reader.pages(stream, slice_, state)
            if stream.incremental and self._planner.kind(stream) == "scope":
                idle = may_be_idle(slice_)
                pages = self._planner.coverage.watched(stream, slice_, state, pages)
            with as_documented(url):
                for page in pages:
                    idle = idle and not page.rows
                    keys.check(page.rows, url)
                    yield page
                    if stream.incremental:
                        state.advance(slice_, page)
        except Skipped as error:
            if self.report.refused(stream, where, error):
                LOGGER.warning("%s: skipped %s. %s", stream.name, where, error)
            return
        except FatalError as error:
            self.report.stop(error)
            raise
        except GitlabError as error:
            self.report.fail(stream.name, where, error)
            raise
        if stream.incremental and not idle:
            state.close(slice_)
