"""Reads through the Airbyte source, and a destination that appends and dedupes by key."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airbyte_cdk.models import (
    AirbyteStateMessage,
    AirbyteStream,
    AirbyteStreamStatus,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteStream,
    DestinationSyncMode,
    SyncMode,
    Type,
)
from airbyte_cdk.utils import AirbyteTracedException

from integration_tests.gitlab.plain.expectation import may_leave
from source_gitlab import SourceGitlab
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airbyte_cdk.models import AirbyteMessage

    from integration_tests.gitlab.launch import Emulator
    from source_gitlab.core.skip_log import SkipLog
    from source_gitlab.gitlab.client import Retries
    from source_gitlab.gitlab.tuning import Tuning

Row = dict[str, Any]
LOGGER = logging.getLogger("airbyte")


@dataclass
class Reading:
    """What one read brought."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    states: dict[str, AirbyteStateMessage] = field(default_factory=dict)
    statuses: dict[str, AirbyteStreamStatus] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    controls: list[dict[str, Any]] = field(default_factory=list)
    failure: str | None = None
    report: dict[str, Any] = field(default_factory=dict)
    state_messages: Counter[str] = field(default_factory=Counter)

    def take(self, message: AirbyteMessage) -> None:
        """Sort in one message."""
        if message.type is Type.RECORD and message.record:
            self.rows[message.record.stream].append(message.record.data)
        elif message.type is Type.STATE and message.state and message.state.stream:
            name = message.state.stream.stream_descriptor.name
            self.states[name] = message.state
            self.state_messages[name] += 1
        elif message.type is Type.LOG and message.log:
            self.logs.append(message.log.message)
        elif message.type is Type.TRACE and message.trace:
            if message.trace.error:
                self.errors.append(str(message.trace.error.message))
            if message.trace.stream_status:
                status = message.trace.stream_status
                self.statuses[status.stream_descriptor.name] = status.status

    def state(self, stream: str) -> Row:
        """The last state of a stream, as JSON."""
        state = self.states[stream].stream
        assert state is not None
        assert state.stream_state is not None
        return dict(vars(state.stream_state))


def config_for(gitlab: Emulator, **more: Any) -> Row:
    """A configuration for an emulated GitLab, with everything that its default token sees."""
    token = {"auth_type": "access_token", "access_token": gitlab.token}
    return {"api_url": gitlab.url, "credentials": token, **more}


def catalog_of(names: Iterable[str]) -> ConfiguredAirbyteCatalog:
    """The named streams, incremental where they can be."""
    configured = []
    for name in names:
        stream = streams()[name]
        mode = SyncMode.incremental if stream.incremental else SyncMode.full_refresh
        described = AirbyteStream(
            name=name, json_schema={}, supported_sync_modes=[SyncMode.full_refresh, mode]
        )
        configured.append(
            ConfiguredAirbyteStream(
                stream=described,
                sync_mode=mode,
                destination_sync_mode=DestinationSyncMode.append_dedup,
            )
        )
    return ConfiguredAirbyteCatalog(streams=configured)


def read(  # noqa: PLR0913 -- what is read, and what a test varies
    config: Row,
    names: Iterable[str] | None = None,
    states: Iterable[AirbyteStateMessage] = (),
    *,
    retries: Retries | None = None,
    tuning: Tuning | None = None,
    between: Callable[[Reading], None] | None = None,
) -> Reading:
    """Read the named streams (all of them by default) to the end, or to a failure.

    `between` is called after each message, with what there is so far.
    """
    reading = Reading()

    def keep(report: SkipLog) -> None:
        reading.report = report.to_json()

    source = SourceGitlab(
        lambda message: reading.controls.append({"message": message}),
        on_read=keep,
        retries=retries,
        tuning=tuning,
    )
    catalog = catalog_of(streams() if names is None else names)
    try:
        for message in source.read(LOGGER, config, catalog, list(states)):
            reading.take(message)
            if between:
                between(reading)
    except AirbyteTracedException as error:
        reading.failure = str(error)
    return reading


@dataclass
class Destination:
    """Tables that are appended to and deduped by key, as `append_dedup` does."""

    tables: dict[str, dict[tuple[Any, ...], Row]] = field(default_factory=lambda: defaultdict(dict))

    def write(self, reading: Reading) -> None:
        """Add what a read brought."""
        for name, rows in reading.rows.items():
            key = streams()[name].key
            for row in rows:
                self.tables[name][tuple(row[column] for column in key)] = row


def expected(gitlab: Emulator, *names: str, **params: str) -> dict[str, dict[tuple[Any, ...], Row]]:
    """What a destination should hold of some streams, or of all, by stream and key.

    Those are GitLab's rows as the emulator has them.
    """
    result: dict[str, dict[tuple[Any, ...], Row]] = {}
    wanted = ",".join(names or streams())
    for name, entries in gitlab.world(streams=wanted, **params).items():
        key = streams()[name].key
        rows: dict[tuple[Any, ...], Row] = {}
        for entry in entries:
            left = may_leave(name, entry["row"])
            merged = {**entry["row"], **left, **entry["parent"]}
            rows[tuple(merged[column] for column in key)] = left
        result[name] = rows
    return result


def differences(held: dict[tuple[Any, ...], Row], wanted: dict[tuple[Any, ...], Row]) -> list[str]:
    """Where a destination does not hold what it should; columns that we add are not compared."""
    found = [f"missing {key}" for key in wanted.keys() - held.keys()]
    found += [f"too much {key}" for key in held.keys() - wanted.keys()]
    for key in wanted.keys() & held.keys():
        row = held[key]
        found += [
            f"{key}.{column} is {row.get(column)!r}, not {value!r}"
            for column, value in wanted[key].items()
            if row.get(column) != value
        ]
    return found


def missing(gitlab: Emulator, reading: Reading, *names: str, **params: str) -> list[str]:
    """Where what was read is not what there is."""
    destination = Destination()
    destination.write(reading)
    wanted = expected(gitlab, *names, **params)
    return [
        f"{name}: {difference}"
        for name in names or streams()
        for difference in differences(destination.tables[name], wanted[name])
    ]
