"""The least face that there can be: events as lines of JSON, and what a destination keeps of them.

It shows what a new face has to do, and is how the engine is tested.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from source_gitlab.core.state import StreamState
from source_gitlab.engine.events import Ended, Failed, Rows, State
from source_gitlab.engine.run import Job
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from source_gitlab.core.slices import Row
    from source_gitlab.engine.run import Run
    from source_gitlab.streams import Stream


def as_lines(stream: Stream, rows: list[Row]) -> list[bytes]:
    """The shape in which this face wants a page."""
    return [orjson.dumps({"stream": stream.name, "row": row}) for row in rows]


def lines(run: Run) -> Iterator[bytes]:
    """The lines of a run that has this shape."""
    for event in run:
        if isinstance(event, Rows):
            yield from event.rows
        elif isinstance(event, State):
            yield orjson.dumps({"stream": event.stream.name, "state": event.state})
        elif isinstance(event, Failed):
            yield orjson.dumps({"stream": event.stream.name, "error": str(event.error)})
        elif isinstance(event, Ended):
            yield orjson.dumps({"stream": event.stream.name, "complete": event.is_complete})


@dataclass
class Destination:
    """Tables by key, and states; rows of a stream are in its table once a state came behind them.

    It is the strictest one that there can be: what no state covers yet is lost with a kill.
    """

    tables: dict[str, dict[tuple[Any, ...], Row]] = field(default_factory=dict)
    states: dict[str, Any] = field(default_factory=dict)
    complete: dict[str, bool] = field(default_factory=dict)

    def take(self, written: Iterable[bytes]) -> None:
        """Take lines, to their end."""
        waiting: dict[str, list[Row]] = {}
        self.complete.clear()
        for line in written:
            message = orjson.loads(line)
            name = message["stream"]
            if "row" in message:
                waiting.setdefault(name, []).append(message["row"])
            elif "state" in message:
                key = streams()[name].key
                table = self.tables.setdefault(name, {})
                table.update(
                    {tuple(row[column] for column in key): row for row in waiting.pop(name, ())}
                )
                self.states[name] = message["state"]
            elif "complete" in message:
                self.complete[name] = message["complete"]

    def jobs(self, *names: str) -> list[Job]:
        """What to read now, from where the states are."""
        return [Job(streams()[name], StreamState.load(self.states.get(name))) for name in names]

    def rows(self) -> dict[str, dict[tuple[Any, ...], Row]]:
        """The tables, but for when rows were read."""
        return {
            name: {
                key: {column: value for column, value in row.items() if column != "read_at"}
                for key, row in table.items()
            }
            for name, table in self.tables.items()
        }
