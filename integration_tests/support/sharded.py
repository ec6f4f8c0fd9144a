"""Reads of shards of a small world, each killed on its way, and what their destinations hold."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import orjson

from integration_tests.support.inprocess import session
from source_gitlab.core.state import StreamState
from source_gitlab.core.state.merging import Named, merged
from source_gitlab.engine.checkpoints import Checkpoint
from source_gitlab.engine.events import Ended, Rows, State
from source_gitlab.engine.run import Job, Run
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from integration_tests.support.inprocess import Wire

Row = dict[str, Any]
Tables = dict[str, dict[tuple[Any, ...], Row]]


class Reader:
    """A destination that keeps rows only once a state covers them, or their stream has ended."""

    def __init__(self, wire: Wire, **settings: Any) -> None:
        self.wire = wire
        self.settings = {"groups_list": ["top", "open"], "commit_refs": "all", **settings}
        self.tables: Tables = {}
        self.states: dict[str, Any] = {}
        self.brought: dict[str, set[tuple[Any, ...]]] = {}

    def read(self, names: Iterable[str] = (), *, most: int | None = None) -> None:
        """Read to the end, or until killed after so many events."""
        self.brought = {}
        waiting: dict[str, list[Row]] = {}
        chosen = list(names) or list(streams())
        jobs = [Job(streams()[one], StreamState.load(self.states.get(one))) for one in chosen]
        with session(self.wire, **self.settings) as opened:
            run = Run(opened, jobs, workers=2, every=lambda: Checkpoint(rows=2))
            with closing(iter(run)) as events:
                for number, event in enumerate(events):
                    if number == most:
                        return
                    if isinstance(event, Rows):
                        waiting.setdefault(event.stream.name, []).extend(event.rows)
                    elif isinstance(event, State):
                        self._keep(event.stream.name, waiting)
                        self.states[event.stream.name] = orjson.loads(orjson.dumps(event.state))
                    elif isinstance(event, Ended) and event.is_complete:
                        self._keep(event.stream.name, waiting)

    def _keep(self, name: str, waiting: dict[str, list[Row]]) -> None:
        for row in waiting.pop(name, ()):
            key = tuple(row[column] for column in streams()[name].key)
            self.tables.setdefault(name, {})[key] = row
            self.brought.setdefault(name, set()).add(key)


def together(states: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The states of readers, by what they are called, put together as the command does it."""
    found: dict[str, Any] = {}
    for name in {name for one in states.values() for name in one}:
        given = [
            Named(called, StreamState.load(one[name], streams()[name]))
            for called, one in states.items()
            if name in one
        ]
        found[name] = orjson.loads(orjson.dumps(merged(streams()[name], given).to_json()))
    return found


def plain(tables: Tables) -> Tables:
    """Rows without what depends on when they were read.

    An epic that is read because an issue of it changed has the issue's time, also in one read.
    """
    depends = {"read_at", "epic_updated_at"}
    return {
        name: {
            key: {column: value for column, value in row.items() if column not in depends}
            for key, row in table.items()
        }
        for name, table in tables.items()
        if table
    }
