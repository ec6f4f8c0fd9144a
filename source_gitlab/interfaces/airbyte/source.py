"""The source that Airbyte, PyAirbyte and the CDK's tests drive."""

from __future__ import annotations

import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import orjson
from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteLogMessage,
    AirbyteMessage,
    AirbyteMessageSerializer,
    AirbyteStateMessageSerializer,
    AirbyteStreamStatus,
    ConfiguredAirbyteCatalogSerializer,
    ConnectorSpecification,
    ConnectorSpecificationSerializer,
    Level,
    Status,
    SyncMode,
    Type,
)
from airbyte_cdk.sources import Source
from airbyte_cdk.utils.airbyte_secrets_utils import update_secrets

from source_gitlab.config import Config, ConfigError, OAuth, load_spec, parse, secrets
from source_gitlab.config.aliases import given_secrets
from source_gitlab.core.origin_check import OtherInstance, must_fit
from source_gitlab.core.session import Session
from source_gitlab.core.state import StateError, StreamState
from source_gitlab.engine.beginning import begin
from source_gitlab.engine.run import Job, Run
from source_gitlab.gitlab.errors import GitlabError, Stopped
from source_gitlab.interfaces.airbyte import batches
from source_gitlab.interfaces.airbyte.errors import incomplete, is_known, mistake, traced
from source_gitlab.interfaces.airbyte.messages import Messages, status
from source_gitlab.interfaces.airbyte.renewal import Announcement
from source_gitlab.interfaces.airbyte_catalog import catalog
from source_gitlab.interfaces.airbyte_inputs import configured_catalog, state_messages
from source_gitlab.redaction import keep_secret
from source_gitlab.setup_check import Result, check, session_for
from source_gitlab.streams import streams

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator, Mapping

    from airbyte_cdk.models import AirbyteStateMessage, ConfiguredAirbyteCatalog
    from requests.adapters import BaseAdapter

    from source_gitlab.core.outcome import Report
    from source_gitlab.gitlab.client import Retries
    from source_gitlab.gitlab.tuning import Tuning
    from source_gitlab.streams import Stream


def print_message(message: AirbyteMessage) -> None:
    """Write one message to standard output at once."""
    line = orjson.dumps(AirbyteMessageSerializer.dump(message)).decode()
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class SourceGitlab(Source):
    """GitLab as an Airbyte source."""

    # Every dialect of configuration is accepted, and its mistakes named, by `config.parse`.
    check_config_against_spec = False

    def __init__(  # noqa: PLR0913 -- who is told what, and how GitLab is read
        self,
        announce: Callable[[AirbyteMessage], None] = print_message,
        on_checked: Callable[[Result], None] | None = None,
        on_read: Callable[[Report], None] | None = None,
        retries: Retries | None = None,
        *,
        as_lines: bool = False,
        transport: BaseAdapter | None = None,
        tuning: Tuning | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        """`announce` must bring a message out before it returns: renewed tokens depend on it.

        `on_checked` is given the whole report of a check, of which Airbyte takes one message, and
        `on_read` that of a read, when it ends or fails. With `as_lines`, a record that is read is
        a page of them, for `airbyte.writer`. `retries`, `transport` and `tuning` are those of the
        session that reads. When `stop` is set, from any thread or signal handler, a read ends
        early, with the last states of its streams.
        """
        super().__init__()
        self._announce = announce
        self._on_checked = on_checked
        self._on_read = on_read
        self._as_lines = as_lines
        self._retries = retries
        self._transport = transport
        self._tuning = tuning
        self._stop = stop
        self.report: Report | None = None
        """That of the read that began last."""

    def spec(self, logger: logging.Logger) -> ConnectorSpecification:
        """The connector specification, as in `spec.yaml`."""
        del logger
        return ConnectorSpecificationSerializer.load(_spec_fields())

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Test each thing that the user named; the message says what is wrong and what to do."""
        del logger
        try:
            parsed = self._parse(config)
            with session_for(parsed, on_rotated=self._rotation(config, parsed)) as session:
                result = check(session)
        except ConfigError as error:
            result = Result.of_mistake(str(error))
        if self._on_checked:
            self._on_checked(result)
        status = Status.SUCCEEDED if result.ok else Status.FAILED
        return AirbyteConnectionStatus(status=status, message=result.message)

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteCatalog:
        """The catalog of all declared streams; it is the same for every GitLab."""
        del logger, config
        message = AirbyteMessageSerializer.load({"type": "CATALOG", "catalog": catalog()})
        assert message.catalog is not None  # noqa: S101 -- it was just put in
        return message.catalog

    @classmethod
    def read_catalog(cls, catalog_path: str) -> ConfiguredAirbyteCatalog:
        """The configured catalog in a file, which may also be what `discover` printed."""
        found: ConfiguredAirbyteCatalog = ConfiguredAirbyteCatalogSerializer.load(
            configured_catalog(catalog_path)
        )
        return found

    @classmethod
    def read_state(cls, state_path: str | None) -> list[AirbyteStateMessage]:
        """The states in a file, or what `read` printed; none where no file is named."""
        if not state_path:
            return []
        return [AirbyteStateMessageSerializer.load(one) for one in state_messages(state_path)]

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        """The messages of a read of the configured streams.

        Raises:
            AirbyteTracedException: the configuration, catalog or state is wrong, or, at the end,
                a stream is incomplete.
        """
        del logger
        try:
            parsed = self._parse(config)
        except ConfigError as error:
            raise traced(error) from None
        chosen = _chosen(catalog)
        again = _read_in_full(catalog)
        states = {
            stream.name: StreamState() if stream.name in again else _state_of(stream, state or [])
            for stream in chosen
        }
        try:
            must_fit(states.values(), parsed)
        except OtherInstance as error:
            raise traced(error) from None
        rotation = self._rotation(config, parsed)
        with Session(
            parsed,
            on_rotated=rotation,
            retries=self._retries,
            transport=self._transport,
            tuning=self._tuning,
        ) as session:
            self.report = session.report
            try:
                yield from _begun(session, chosen, self._stop)
                yield from self._messages(session, chosen, states)
            except GeneratorExit:
                session.report.stop(Stopped("Whoever took the messages takes no more of them."))
                raise
            finally:
                if self._on_read:
                    self._on_read(session.report)

    def _messages(
        self, session: Session, chosen: list[Stream], states: Mapping[str, StreamState]
    ) -> Iterator[AirbyteMessage]:
        shape = batches.of_lines if self._as_lines else batches.of_rows
        jobs = [Job(stream, states[stream.name]) for stream in chosen]
        sink = Messages(chosen)
        failure: Exception | None = None
        run = Run(session, jobs, shape=shape, stop=self._stop)
        with closing(sink.of(run)) as messages:
            try:
                yield from messages if self._as_lines else batches.by_row(messages)
            except Exception as error:  # noqa: BLE001 -- raised behind the summary, in words
                failure = error
        yield from _summary(session.report)
        if failure is not None or sink.errors:
            cause = None if failure is None or is_known(failure) else failure
            raise incomplete(sink.errors, len(chosen)) from cause

    def _parse(self, config: Mapping[str, Any]) -> Config:
        keep_secret(*given_secrets(config))
        parsed = parse(config)
        if not self._as_lines:  # our own writer hides them where people read, and nowhere else
            update_secrets(list(secrets(parsed)))
        return parsed

    def _rotation(self, raw: Mapping[str, Any], config: Config) -> Announcement | None:
        given = config.credentials
        return Announcement(raw, given, self._announce) if isinstance(given, OAuth) else None


def _begun(
    session: Session, chosen: list[Stream], stop: threading.Event | None
) -> Iterator[AirbyteMessage]:
    """Find out what the user chose: without it no stream can be read, which is one error.

    Raises:
        AirbyteTracedException: nothing that was chosen is there, GitLab could not be asked, or
            `stop` was set meanwhile.
    """
    try:
        begin(session, stop or threading.Event())
    except GitlabError as error:
        session.report.stop(error)
        for stream in chosen:
            yield status(stream, AirbyteStreamStatus.INCOMPLETE)
        raise traced(error) from None


def _spec_fields() -> dict[str, Any]:
    spec = load_spec()
    known = {"documentationUrl", "connectionSpecification", "advanced_auth"}
    return {key: value for key, value in spec.items() if key in known}


def _chosen(catalog: ConfiguredAirbyteCatalog) -> list[Stream]:
    known = streams()
    names = list(dict.fromkeys(configured.stream.name for configured in catalog.streams))
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


def _read_in_full(catalog: ConfiguredAirbyteCatalog) -> set[str]:
    """The names of the streams whose state does not count: they are to be read from the start."""
    return {
        configured.stream.name
        for configured in catalog.streams
        if configured.sync_mode is SyncMode.full_refresh
    }


def _state_of(stream: Stream, messages: list[AirbyteStateMessage]) -> StreamState:
    for message in messages:
        entry = message.stream
        if entry is None or entry.stream_descriptor.name != stream.name:
            continue
        if not stream.incremental or entry.stream_state is None:
            break
        try:
            return StreamState.load(dict(vars(entry.stream_state)), stream)
        except StateError as error:
            text = (
                f"The state of the stream {stream.name} was not written by this connector:"
                f" {error}. Reset the stream to read it from the start, or give back the state"
                " that it last wrote."
            )
            raise mistake(text) from None
    return StreamState()


def _summary(report: Report) -> Iterator[AirbyteMessage]:
    for line in report.lines():
        log = AirbyteLogMessage(level=Level.WARN, message=line)
        yield AirbyteMessage(type=Type.LOG, log=log)
