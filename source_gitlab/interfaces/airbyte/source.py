"""What `check` and `read` do, in the protocol's JSON."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

from source_gitlab.config import Config, ConfigError, OAuth, parse, secrets
from source_gitlab.config.aliases import given_secrets
from source_gitlab.core.origin_check import OtherInstance, must_fit
from source_gitlab.core.session import Session
from source_gitlab.core.state import StateError, StreamState
from source_gitlab.engine.beginning import begin
from source_gitlab.engine.run import Job, Run
from source_gitlab.gitlab.errors import GitlabError, Stopped
from source_gitlab.interfaces.airbyte import protocol
from source_gitlab.interfaces.airbyte.errors import incomplete, is_known, mistake, traced
from source_gitlab.interfaces.airbyte.generations import goes_on_from
from source_gitlab.interfaces.airbyte.memory import MemoryShort
from source_gitlab.interfaces.airbyte.messages import Messages
from source_gitlab.interfaces.airbyte.renewal import Announcement
from source_gitlab.redaction import keep_secret
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from requests.adapters import BaseAdapter

    from source_gitlab.core.skip_log import SkipLog
    from source_gitlab.core.slices import Row
    from source_gitlab.gitlab.client import Retries
    from source_gitlab.gitlab.tuning import Tuning
    from source_gitlab.interfaces.airbyte.protocol import Json
    from source_gitlab.setup_check import Result
    from source_gitlab.streams import Stream


class Source:
    """GitLab as a source of the protocol's messages; its inputs are JSON as `inputs` gives it."""

    def __init__(  # noqa: PLR0913 -- who is told what, and how GitLab is read
        self,
        announce: Callable[[Json], None],
        *,
        shape: Callable[[Stream, list[Row]], Any],
        raw_rows: bool = False,
        on_checked: Callable[[Result], None] | None = None,
        on_read: Callable[[SkipLog], None] | None = None,
        hide: Callable[[list[str]], None] = lambda _: None,
        retries: Retries | None = None,
        transport: BaseAdapter | None = None,
        tuning: Tuning | None = None,
        stop: threading.Event | None = None,
        check_memory: Callable[[], None] = lambda: None,
    ) -> None:
        """`announce` must bring a message out before it returns: renewed tokens depend on it.

        `shape` makes of a page of rows the data of a RECORD; with `raw_rows`, rows may be texts of
        which it decodes nothing (`gitlab.raw_rows`). `on_checked` is given the whole report
        of a check, of which Airbyte takes one message, and `on_read` that of a read, when it ends
        or fails. `hide` is told of the secrets, beside `redaction`. `retries`, `transport` and
        `tuning` are those of the session that reads. When `stop` is set, from any thread or signal
        handler, a read ends early, with the last states of its streams. `check_memory` is called
        with each page, and raises MemoryShort where a read must not go on.
        """
        self._announce = announce
        self._shape = shape
        self._raw_rows = raw_rows
        self._on_checked = on_checked
        self._on_read = on_read
        self._hide = hide
        self._retries = retries
        self._transport = transport
        self._tuning = tuning
        self._stop = stop or threading.Event()
        self._check_memory = check_memory
        self.report: SkipLog | None = None
        """That of the read that began last."""

    def check(self, config: Mapping[str, Any]) -> Json:
        """Test each thing that the user named; the message says what is wrong and what to do."""
        # A read does without it.
        from source_gitlab.setup_check import Result, check, session_for  # noqa: PLC0415

        try:
            parsed = self._parse(config)
            with session_for(parsed, on_rotated=self._rotation(config, parsed)) as session:
                result = check(session)
        except ConfigError as error:
            result = Result.of_mistake(str(error))
        if self._on_checked:
            self._on_checked(result)
        return protocol.connection_status(ok=result.ok, message=result.message)

    def read(
        self, config: Mapping[str, Any], catalog: Json, states: list[Json]
    ) -> Generator[Json, None, None]:
        """The messages of a read of the configured streams.

        Raises:
            Failure: the configuration, catalog or state is wrong, or, at the end, a stream is
                incomplete.
        """
        try:
            parsed = self._parse(config)
        except ConfigError as error:
            raise traced(error) from None
        configured = _configured(catalog)
        chosen = _chosen(configured)
        kept = {one.name: _state_of(one, configured[one.name], states) for one in chosen}
        try:
            must_fit(kept.values(), parsed)
        except OtherInstance as error:
            raise traced(error) from None
        with Session(
            parsed,
            on_rotated=self._rotation(config, parsed),
            retries=self._retries,
            transport=self._transport,
            tuning=self._tuning,
            raw_rows=self._raw_rows,
        ) as session:
            self.report = session.report
            try:
                yield from self._begun(session, chosen, kept)
                yield from self._messages(session, chosen, kept, configured)
            except GeneratorExit:
                session.report.stop(Stopped("Whoever took the messages takes no more of them."))
                raise
            finally:
                if self._on_read:
                    self._on_read(session.report)

    def _begun(
        self, session: Session, chosen: list[Stream], states: Mapping[str, StreamState]
    ) -> Iterator[Json]:
        """Find out what the user chose: without it no stream can be read, which is one error.

        Raises:
            Failure: nothing that was chosen is there, GitLab could not be asked, or `stop` was set
                meanwhile.
        """
        try:
            fresh = [stream for stream in chosen if states[stream.name].latest is None]
            begin(session, self._stop, fresh)
        except GitlabError as error:
            session.report.stop(error)
            for stream in chosen:
                yield protocol.stream_status(stream.name, "INCOMPLETE")
            raise traced(error) from None

    def _messages(
        self,
        session: Session,
        chosen: list[Stream],
        states: Mapping[str, StreamState],
        configured: Mapping[str, Json],
    ) -> Iterator[Json]:
        jobs = [Job(stream, states[stream.name]) for stream in chosen]
        limits = session.client.limits
        sink = Messages(chosen, configured, lambda: limits.waiting, self._check_memory)
        failure: Exception | None = None
        run = Run(session, jobs, shape=self._shape, stop=self._stop, is_told_more=True)
        with closing(sink.of(run)) as messages:
            try:
                yield from messages
            except Exception as error:  # noqa: BLE001 -- raised behind the summary, in words
                failure = error
                if isinstance(error, MemoryShort):
                    session.report.stop(Stopped(str(error)))
        for line in session.report.lines():
            yield protocol.log("WARN", line)
        if failure is not None or sink.errors:
            cause = None if failure is None or is_known(failure) else failure
            raise incomplete(sink.errors, len(chosen)) from cause

    def _parse(self, config: Mapping[str, Any]) -> Config:
        keep_secret(*given_secrets(config))
        parsed = parse(config)
        self._hide(list(secrets(parsed)))
        return parsed

    def _rotation(self, raw: Mapping[str, Any], config: Config) -> Announcement | None:
        given = config.credentials
        if not isinstance(given, OAuth):
            return None
        return Announcement(raw, given, self._announce, self._hide)


def _configured(catalog: Json) -> dict[str, Json]:
    """The configured streams by name; of two of one name, the one that reads more counts."""
    found: dict[str, Json] = {}
    for entry in catalog["streams"]:
        before = found.setdefault(entry["stream"]["name"], entry)
        if before["sync_mode"] != "full_refresh":
            found[entry["stream"]["name"]] = entry
    return found


def _chosen(names: Mapping[str, Json]) -> list[Stream]:
    known = streams()
    if not names:
        message = "The catalog names no stream, so there is nothing to read."
        raise mistake(message)
    unknown = [name for name in names if name not in known]
    if unknown:
        message = (
            f"The catalog names streams that this connector does not have: {', '.join(unknown)}."
            " Refresh the source's schema, or remove them; `discover` lists the streams there are."
        )
        raise mistake(message)
    return [known[name] for name in names]


def _state_of(stream: Stream, configured: Json, messages: list[Json]) -> StreamState:
    for message in messages:
        entry = message.get("stream") or {}
        if not entry or entry["stream_descriptor"]["name"] != stream.name:
            continue
        content = entry.get("stream_state")
        if not stream.incremental or content is None or not goes_on_from(content, configured):
            break
        try:
            return StreamState.load(content, stream)
        except StateError as error:
            text = (
                f"The state of the stream {stream.name} was not written by this connector:"
                f" {error}. Reset the stream to read it from the start, or give back the state"
                " that it last wrote."
            )
            raise mistake(text) from None
    return StreamState()
