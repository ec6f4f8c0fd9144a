"""Captures in this process, over the emulated GitLab without sockets: killed between messages."""

from __future__ import annotations

import threading
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from integration_tests.gitlab.clock import SECOND, stamp
from integration_tests.gitlab.mutations import mutate
from integration_tests.support.flow_runtime import Collection, Runtime
from integration_tests.support.history_reading import KilledError
from integration_tests.support.history_world import small_world
from integration_tests.support.inprocess import TOKEN, URL, Wire, session
from source_gitlab.engine.checkpoints import Checkpoint
from source_gitlab.gitlab.client import Retries
from source_gitlab.gitlab.connection import Connection
from source_gitlab.interfaces.flow.binding import Binding, Target
from source_gitlab.interfaces.flow.capture import Capture, Surroundings
from source_gitlab.interfaces.flow.ledger import MOST, Room
from source_gitlab.interfaces.flow.output import Output
from source_gitlab.interfaces.flow.schemas import document_schema
from source_gitlab.interfaces.flow.sweep import Sweep
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Collection as Names

    from source_gitlab.core.session import Session

_OFTEN = 3  # rows between two states


def collection_of(name: str) -> Collection:
    """The collection that discovery gives a stream."""
    stream = streams()[name]
    key = [f"/{column}" for column in stream.key]
    return Collection(name, key, document_schema(stream), {"stream": name})


class Process:
    """One process of a runtime's capture, killed at its `kill`th message; 0: at none.

    `now` is when it starts, and `room` that of all ledgers.
    """

    def __init__(self, runtime: Runtime, now: str, *, kill: int = 0, room: int = MOST) -> None:
        self._runtime = runtime
        self._now = now
        self._kill = kill
        self._room = Room(room)
        self._messages = 0

    def read(self, opened: Session, names: Names[str]) -> None:
        """Read these bindings once.

        Raises:
            KilledError: in the middle; what was not committed is lost.
            GitlabError: there is nothing to read.
        """
        states: dict[str, Any] = self._runtime.state.get("bindingStateV1", {})
        bindings = [
            self._binding(number, one, states.get(one.state_key))
            for number, one in enumerate(self._runtime.collections)
            if one.name in names
        ]
        every = partial(Checkpoint, rows=_OFTEN, seconds=3600.0)
        try:
            opened.begin()
            sweep = Sweep(opened, bindings, Output(self._write), now=self._now, every=every)
            sweep.run(threading.Event())
        except KilledError:
            self._runtime.kill()
            raise
        self._runtime.commit()

    def _binding(self, number: int, one: Collection, state: Any) -> Binding:
        stream = streams()[one.name]
        return Binding(Target(number, stream, one.state_key, stream.key, 0.0), state, self._room)

    def _write(self, lines: bytes) -> None:
        for line in lines.splitlines(keepends=True):
            self._messages += 1
            if self._messages == self._kill:
                raise KilledError
            self._runtime.write(line)


class FlowCapture:
    """A runtime, and the small world that its capture reads; `room` is that of all ledgers."""

    def __init__(self, seed: int, names: Names[str], *, room: int = MOST) -> None:
        self.emulator = small_world(Random(seed), 100)
        self.runtime = Runtime([collection_of(name) for name in names])
        self.was_killed = False
        self.wire = Wire(self.emulator)
        self._names = names
        self._room = room

    def change(self, op: str, **args: Any) -> Any:
        """Change the world."""
        return mutate(self.emulator, op, args)

    def later(self, seconds: int) -> None:
        """Let time pass."""
        self.emulator.world.clock.advance(seconds * SECOND)

    def capture(self, *, kill: int = 0) -> None:
        """Capture everything once, unless it is killed at this message."""
        now = stamp(self.emulator.world.clock.now())
        self.was_killed = False
        with session(self.wire, groups_list=["top"], num_workers=1, commit_refs="all") as opened:
            process = Process(self.runtime, now, kill=kill, room=self._room)
            try:
                process.read(opened, self._names)
            except KilledError:
                self.was_killed = True

    def live(self, stopped: threading.Event, **settings: Any) -> None:
        """Let a capture go on until it is stopped, as a process does."""
        token = {"auth_type": "access_token", "access_token": TOKEN}
        config = {"api_url": URL, "credentials": token, "groups_list": ["top"], **settings}
        retries = Retries(tries=2, first=0.0)
        around = Surroundings(connect=partial(Connection, transport=self.wire, retries=retries))
        output = Output(self.runtime.write)
        Capture(self.runtime.open(config)["open"], output, around).run(stopped)
