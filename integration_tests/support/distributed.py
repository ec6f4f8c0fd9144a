"""Reads whose slices are read in other processes, beside the same read by one process."""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from source_gitlab.config import parse
from source_gitlab.core.session import Session
from source_gitlab.core.state import StreamState
from source_gitlab.distributed import JsonLines
from source_gitlab.engine.events import Rows, State
from source_gitlab.engine.run import Job, Run
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from source_gitlab.distributed import Plan
    from source_gitlab.interfaces.executors.writers import Write

Tables = dict[str, dict[tuple[Any, ...], dict[str, Any]]]


def by_one_process(config: Mapping[str, Any], plan: Plan) -> tuple[Tables, dict[str, Any]]:
    """The rows and states that one run of the engine makes of the slices of a plan."""
    tables: Tables = defaultdict(dict)
    states: dict[str, Any] = {}
    slices = [one["slice"] for one in orjson.loads(orjson.dumps(plan.slices))]
    jobs = [
        Job(
            streams()[name],
            StreamState.load(orjson.loads(orjson.dumps(state))),
            [one for one in slices if one["stream"] == name],
        )
        for name, state in plan.states.items()
    ]
    with Session(parse(dict(config))) as session:
        for event in Run(session, jobs):
            if isinstance(event, Rows):
                take(tables, event.stream.name, event.rows)
            elif isinstance(event, State):
                states[event.stream.name] = orjson.loads(orjson.dumps(event.state))
    return without_empty(tables), states


def take(tables: Tables, name: str, rows: list[dict[str, Any]]) -> None:
    """Merge rows into a table by their key."""
    for row in rows:
        tables[name][tuple(row[column] for column in streams()[name].key)] = row


def without_empty(tables: Tables) -> Tables:
    """The tables that have rows."""
    return {name: table for name, table in tables.items() if table}


def in_folder(folder: Path) -> Tables:
    """What `JsonLines` wrote into a folder."""
    tables: Tables = defaultdict(dict)
    for file in sorted(folder.glob("*.jsonl")):
        rows = [orjson.loads(line) for line in file.read_bytes().splitlines()]
        take(tables, file.stem.rpartition("-")[0], rows)
    return without_empty(tables)


@dataclass(frozen=True)
class Killing:
    """`JsonLines` in a worker that is killed over its `page`th page of a stream, `times` in all.

    Each time leaves a file in `marks`.
    """

    folder: str
    marks: str
    stream: str
    page: int = 1
    times: int = 1

    @contextmanager
    def __call__(self) -> Iterator[Write]:
        """Open the place for the rows of one part."""
        pages = 0
        with JsonLines(self.folder)() as into:

            def write(stream: str, rows: list[dict[str, Any]]) -> None:
                nonlocal pages
                into(stream, rows)
                pages += stream == self.stream
                if pages == self.page and stream == self.stream and self._may_kill():
                    os.kill(os.getpid(), signal.SIGKILL)

            yield write

    def _may_kill(self) -> bool:
        folder = Path(self.marks)
        folder.mkdir(exist_ok=True)
        for number in range(self.times):
            try:
                (folder / str(number)).touch(exist_ok=False)
            except FileExistsError:
                continue
            return True
        return False


@dataclass(frozen=True)
class Full:
    """A writer whose disk is full, for one stream."""

    folder: str
    stream: str

    @contextmanager
    def __call__(self) -> Iterator[Write]:
        """Open the place for the rows of one part."""
        with JsonLines(self.folder)() as into:

            def write(stream: str, rows: list[dict[str, Any]]) -> None:
                if stream == self.stream:
                    raise OSError(28, "No space left on device")
                into(stream, rows)

            yield write
