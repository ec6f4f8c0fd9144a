"""Copies of an emulated GitLab, kept over many syncs, to see what one sync after another brings."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson

from integration_tests.gitlab.expected import expected_rows
from integration_tests.gitlab.mutations import mutate
from integration_tests.support.histories import lacking
from integration_tests.support.history_reading import taken
from integration_tests.support.inprocess import Wire, session
from source_gitlab.core.state import StreamState
from source_gitlab.engine.checkpoints import Checkpoint
from source_gitlab.gitlab.errors import ReadError
from source_gitlab.gitlab.tuning import Tuning
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from integration_tests.gitlab.emulator import Emulator
    from integration_tests.support.stepped import IdleTime
    from source_gitlab.core.session import Session
    from source_gitlab.core.skip_log import SkipLog

Row = dict[str, Any]


class Copy:
    """A destination that appends and dedupes by key, and the states that it keeps.

    `asked` are the paths and queries of the last sync's requests.
    """

    def __init__(self, emulator: Emulator, **settings: Any) -> None:
        self.emulator = emulator
        self.settings = {"groups_list": ["top"], "num_workers": 1, "commit_refs": "all", **settings}
        self.wire = Wire(emulator)
        self.wire.before = self._before
        self.tables: dict[str, dict[tuple[Any, ...], Row]] = defaultdict(dict)
        self.states: dict[str, Any] = {}
        self.asked: list[str] = []
        self.pages_read = 0
        self.timer: IdleTime | None = None
        self.tuning = Tuning()
        self.ahead_of: list[tuple[str, Callable[[], object]]] = []

    def change(self, op: str, **args: Any) -> Any:
        """Change the world."""
        return mutate(self.emulator, op, args)

    def before(self, part: str, happen: Callable[[], object]) -> None:
        """Let something happen, once, ahead of the next request whose address has `part` in it."""
        self.ahead_of.append((part, happen))

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.emulator.world.clock.advance(int(seconds * 1_000_000))

    def sync(self, *names: str, **settings: Any) -> dict[str, list[Row]]:
        """Read these streams to their end; the rows that each one brought."""
        found: dict[str, list[Row]] = {}
        self.asked.clear()
        with self._session(self.timer, **settings) as opened:
            if self.timer is not None:
                self.timer.limits = opened.client.limits
            for name in names:
                stream, state = streams()[name], StreamState.load(self.states.get(name))
                found[name] = []
                for slice_ in opened.plan(stream, state):
                    for page in opened.read(stream, slice_, state):
                        rows = taken(page)
                        self._write(name, rows)
                        found[name] += rows
                self.states[name] = orjson.loads(orjson.dumps(state.to_json()))
        return found

    def tried(self, *names: str, **settings: Any) -> SkipLog:
        """Read these streams as faces do: behind a slice that fails, the others are read."""
        self.asked.clear()
        with self._session(self.timer, **settings) as opened:
            for name in names:
                stream, state = streams()[name], StreamState.load(self.states.get(name))
                for slice_ in opened.plan(stream, state):
                    with suppress(ReadError):
                        for page in opened.read(stream, slice_, state):
                            self._write(name, taken(page))
                self.states[name] = orjson.loads(orjson.dumps(state.to_json()))
        return opened.report

    def killed(self, name: str, pages: int, *, seldom: bool = False) -> list[Row]:
        """Read a stream, and die after so many pages; the rows behind the last state are lost.

        A state is emitted behind each page, or as `seldom` as the faces do it. `pages_read` is how
        many there were: fewer, where the read ended before.
        """
        stream, state = streams()[name], StreamState.load(self.states.get(name))
        waiting: list[Row] = []
        checkpoint = Checkpoint()
        self.asked.clear()
        self.pages_read = 0
        with self._session() as opened:
            before = 0
            for slice_ in opened.plan(stream, state):
                for page in opened.read(stream, slice_, state):
                    if not seldom or checkpoint.due(before):
                        self._write(name, waiting)
                        waiting.clear()
                        written = orjson.dumps(state.to_json())
                        checkpoint.written(len(written))
                        self.states[name] = orjson.loads(written)
                    waiting += taken(page)
                    before = len(page.rows)
                    self.pages_read += 1
                    if self.pages_read == pages:
                        return waiting
        return waiting

    def lacks(self, *names: str, **params: str) -> list[str]:
        """What the copy lacks of the world."""
        wanted = {"groups": ",".join(self.settings.get("groups_list", [])), **params}
        world = expected_rows(self.emulator, {"streams": ",".join(names), **wanted})
        entries: Iterator[tuple[str, Any]] = (
            (name, entry) for name, found in world.items() for entry in found
        )
        return [text for name, one in entries for text in lacking(name, self.tables[name], one)]

    def _session(
        self, timer: IdleTime | None = None, **settings: Any
    ) -> AbstractContextManager[Session]:
        settings = {**self.settings, **settings}
        return session(self.wire, timer=timer, tuning=self.tuning, **settings)

    def _write(self, name: str, rows: list[Row]) -> None:
        for row in rows:
            self.tables[name][tuple(row[column] for column in streams()[name].key)] = row

    def _before(self, path: str, query: str) -> None:
        address = f"{path.removeprefix('/api/v4/')}?{query}"
        self.asked.append(address)
        due = [one for one in self.ahead_of if one[0] in address]
        for one in due:
            self.ahead_of.remove(one)
            one[1]()
