"""A capture under way: it reads what is due, waits, and goes on, until it is stopped.

The connection lives as long as the process; each read is a session of its own, so that an outage
ends one read and not the capture.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from source_gitlab.config import OAuth, parse
from source_gitlab.config.values import Setting
from source_gitlab.core.selection import NotFound
from source_gitlab.core.session import Session
from source_gitlab.engine.beginning import begin
from source_gitlab.gitlab.connection import Connection
from source_gitlab.gitlab.errors import Stopped, Unavailable
from source_gitlab.interfaces.flow import intervals
from source_gitlab.interfaces.flow.binding import Binding, Target
from source_gitlab.interfaces.flow.ledger import Room
from source_gitlab.interfaces.flow.renewal import Renewal, newest
from source_gitlab.interfaces.flow.resources import resources
from source_gitlab.interfaces.flow.schemas import sourced_schema
from source_gitlab.interfaces.flow.sweep import Sweep
from source_gitlab.timestamps import at

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from source_gitlab.interfaces.flow.output import Output

LOGGER = logging.getLogger("source_gitlab.flow")

# The runtime parses no deeper than 128 levels; two of them are around a row.
DEEPEST: Final = 120
# Between two reads where a binding is due all the time, in seconds.
_SHORTEST: Final = 1.0
_ALL_KEYS: Final = 0xFFFFFFFF


@dataclass(frozen=True)
class Surroundings:
    """What a test may vary: `patience` is how many seconds an acknowledgement may take."""

    patience: float = 60.0
    clock: Callable[[], float] = time.time
    connect: Callable[..., Connection] = Connection


class Capture:
    """An opened capture; run it once."""

    def __init__(
        self, request: Mapping[str, Any], output: Output, around: Surroundings | None = None
    ) -> None:
        """Take up the state of a request to open.

        Raises:
            ConfigError: the configuration has a mistake.
            StateError: the state cannot be understood.
        """
        self._output = output
        self._around = around or Surroundings()
        spec = request.get("capture") or {}
        raw = spec.get("config") or {}
        _refuse_parts(request.get("range") or {})
        self._configured = parse(raw)
        state = request.get("state") or {}
        self._config = newest(self._configured, state)
        self.interval = intervals.seconds(
            raw.get("interval"), otherwise=intervals.seconds(intervals.DEFAULT, otherwise=0.0)
        )
        known, room = state.get("bindingStateV1") or {}, Room()
        self.bindings: list[Binding] = []
        bindings = spec.get("bindings") or []
        for number, wanted in enumerate(resources(bindings, interval=self.interval)):
            key = str(bindings[number].get("stateKey") or wanted.stream.name)
            target = Target(number, wanted.stream, key, wanted.collection_key, wanted.interval)
            self.bindings.append(Binding(target, known.get(key), room))

    @property
    def is_acknowledged(self) -> bool:
        """Whether the runtime is to acknowledge checkpoints: renewed tokens wait for it."""
        return isinstance(self._configured.credentials, OAuth)

    def run(self, stopped: threading.Event) -> None:
        """Capture until `stopped` is set or, with an interval of 0, everything was read once.

        Raises:
            OutputError: the runtime does not read any more.
            FatalError, NotFound, StateError: it cannot go on before something is changed.
        """
        self._output.send("opened", {"explicitAcknowledgements": self.is_acknowledged})
        self._send_schemas()
        _status(f"The capture has started, with {len(self.bindings)} bindings.")
        renewal = None
        if isinstance(self._configured.credentials, OAuth):
            renewal = Renewal(self._output, self._configured.credentials, self._around.patience)
        with self._around.connect(self._config, on_rotated=renewal, deepest=DEEPEST) as connection:
            while not stopped.is_set():
                pause = self._read(connection, stopped)
                if not self.interval:
                    return
                stopped.wait(max(_SHORTEST, pause))

    def _send_schemas(self) -> None:
        for one in self.bindings:
            schema = sourced_schema(one.stream)
            body = {"binding": one.target.number, "schema_json": schema}
            self._output.send("sourcedSchema", body)
        if self.bindings:
            self._output.commit([], {})

    def _read(self, connection: Connection, stopped: threading.Event) -> float:
        """Read what is due; the seconds until something is again."""
        now = at(self._around.clock())
        due = [one for one in self.bindings if one.is_due(now)]
        if not due:
            return self._pause()
        with Session(connection.config, connection=connection) as session:
            try:
                begin(session, stopped)
                sweep = Sweep(session, due, self._output, now=now)
                sweep.run(stopped)
            except Stopped:
                return 0.0
            except (Unavailable, NotFound) as error:
                if not self.interval or not _passes(error):
                    raise
                LOGGER.warning("%s The capture goes on after its interval.", error)
                _status(f"Waiting for GitLab: {error}")
                return self.interval
            for line in session.report.lines():
                LOGGER.warning("%s", line)
        failed = [name for name, problem in sweep.problems.items() if problem is not None]
        _status(_summary(len(due), sweep.documents, failed))
        return self._pause()

    def _pause(self) -> float:
        """The seconds until a binding is due."""
        now = at(self._around.clock())
        return min((one.wait(now) for one in self.bindings), default=self.interval)


def _passes(error: Unavailable | NotFound) -> bool:
    """Whether the same capture may go on later, with nothing changed by its user."""
    return isinstance(error, Unavailable) or error.transient


def _refuse_parts(range_: Mapping[str, Any]) -> None:
    """Refuse to be one of several that read parts of a GitLab.

    Raises:
        ConfigError: the capture was split.
    """
    # What has its default value may be left out.
    if range_.get("keyBegin", 0) or range_.get("keyEnd", _ALL_KEYS) != _ALL_KEYS:
        Setting("range", None).fail("a capture of a GitLab cannot be split. Let it have one shard.")


def _status(text: str) -> None:
    LOGGER.info("%s", text, extra={"eventType": "connectorStatus"})


def _summary(bindings: int, documents: int, failed: list[str]) -> str:
    read = f"Read {bindings} bindings: {documents} documents."
    if not failed:
        return read
    return f"{read} Not read whole: {', '.join(failed)}. They are read again."
