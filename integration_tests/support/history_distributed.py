"""Histories whose slices are read in parts, as several workers do it, and states put together."""

from __future__ import annotations

import threading
from random import Random
from typing import TYPE_CHECKING, Any

import orjson

from integration_tests.support.history_reading import KilledError
from source_gitlab.core.session import Session
from source_gitlab.distributed import Plan, apply, parts
from source_gitlab.engine.plans import planned, states_of
from source_gitlab.engine.slice_work import SliceReading
from source_gitlab.gitlab.errors import FatalError, GitlabError
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence

    from integration_tests.support.histories import Run
    from integration_tests.support.history_model import Sync
    from source_gitlab.distributed import PlannedSlice, Result

# So many parts are under way at a time, each with a session of its own.
_WORKERS = 3


def through_json(value: Any) -> Any:
    """The same, after a trip."""
    return orjson.loads(orjson.dumps(value))


def put_together(plan: Plan, results: Sequence[Result], choices: Random) -> dict[str, Any]:
    """The states after these results, which come in a random order, and some of them twice."""
    some = [one for one in results if choices.random() < 0.3]
    mixed = [*results, *some]
    choices.shuffle(mixed)
    states: dict[str, Any] = through_json(apply(plan, mixed))
    assert states == through_json(apply(plan, results))
    return states


class Newest:
    """Keeps, of rows with one key, the one that changed later, or was read later."""

    def __init__(self) -> None:
        """No row was read."""
        self._read_at: dict[tuple[str, Any], int] = {}

    def write(self, run: Run, name: str, row: dict[str, Any], read_at: int) -> None:
        """Keep a row in the tables of a history, if it is the newer one."""
        key = tuple(row[column] for column in streams()[name].key)
        table = run.tables[name]
        mine = (row.get("updated_at") or "", read_at)
        held = (table.get(key, row).get("updated_at") or "", self._read_at.get((name, key), 0))
        if mine >= held:
            table[key] = row
            self._read_at[name, key] = read_at


class PlannedHistories:
    """Makes what reads in each sync of a history."""

    def __init__(self) -> None:
        """No history has begun."""
        self._run: Run | None = None
        self._newest = Newest()

    def __call__(self, run: Run, sync: Sync) -> PlannedReading:
        """What reads in this sync of a history."""
        if run is not self._run:
            self._run, self._newest = run, Newest()
        return PlannedReading(run, sync, self._newest)


class PlannedReading:
    """One sync: it is planned, its parts are read in any order, and workers are killed.

    A killed worker takes what its part brought with it, or leaves the rows, and another one reads
    the part again, or nobody does. One that is stopped in time tells how far it came. Some parts
    are read twice. The sync's kill is that of the process that puts states together.
    """

    raw_rows = False

    def __init__(self, run: Run, sync: Sync, newest: Newest) -> None:
        """Let `sync.choices` decide everything."""
        self._run = run
        self._sync = sync
        self._newest = newest
        self._choices = Random(sync.choices)
        self._pages = 0
        self._results: list[Result] = []

    def read(self, opened: Session, names: Sequence[str]) -> None:
        """Read these streams.

        Raises:
            KilledError: the sync's time has come.
            FatalError: nothing can be read.
        """
        chosen = {name: streams()[name] for name in names}
        figures = self._run.figures
        try:
            plan = planned(opened, states_of(chosen, self._run.states))
        except FatalError:
            raise
        except GitlabError:
            figures["failed streams"] += len(names)
            return
        plan = Plan.load(through_json(plan.to_json()))
        figures["failed streams"] += len(plan.problems)
        try:
            self._parts(opened, plan)
        except KilledError:
            if not self._sync.lossy:
                self._keep(plan)
            raise
        self._keep(plan)

    def _parts(self, opened: Session, plan: Plan) -> None:
        waiting = parts(plan.slices, _WORKERS)
        self._choices.shuffle(waiting)
        under_way: list[Iterator[None]] = []
        try:
            while waiting or under_way:
                if waiting and len(under_way) < _WORKERS:
                    under_way.append(self._part(opened, waiting.pop(), waiting))
                    continue
                part = self._choices.choice(under_way)
                try:
                    next(part)
                except StopIteration:
                    under_way.remove(part)
                    if self._choices.random() < 0.3:
                        self._keep(plan)
                    continue
                self._pages += 1
                if self._pages == self._sync.kill:
                    raise KilledError
        finally:
            for part in under_way:
                part.close()  # type: ignore[attr-defined] # each is a generator

    def _part(
        self, opened: Session, part: list[PlannedSlice], waiting: list[list[PlannedSlice]]
    ) -> Iterator[None]:
        """Read a part, and yield behind each page; what was read is kept in the end."""
        rows: list[tuple[str, dict[str, Any], int]] = []
        figures: Counter[str] = self._run.figures
        last = self._choices.randrange(1, 4) if self._choices.random() < 0.3 else 0
        is_killed, stop = self._choices.random() < 0.5, threading.Event()
        with Session(
            opened.config,
            retries=opened.connection.retries,
            transport=self._run.wire,
            tuning=self._run.tuning,
        ) as session:
            reading = SliceReading(session, part, stop=stop)
            for pages, (name, more) in enumerate(reading, 1):
                rows.extend((name, row, self._run.wire.requests) for row in more)
                if pages == last and not is_killed:
                    figures["stopped workers"] += 1
                    stop.set()
                elif pages == last:
                    figures["killed workers"] += 1
                    # Where nothing happens any more, nothing is left for a next sync.
                    if not self._sync.events or self._choices.random() < 0.5:
                        waiting.append(part)
                    if self._choices.random() < 0.5:
                        self._write(rows)
                    return
                yield
            result = through_json(reading.result())
        figures["failed slices"] += sum(one["problem"] is not None for one in result["slices"])
        self._write(rows)
        self._results.append(result)
        if self._choices.random() < 0.1 or (stop.is_set() and not self._sync.events):
            figures["parts read twice"] += 1
            waiting.append(part)

    def _keep(self, plan: Plan) -> None:
        self._run.states.update(put_together(plan, self._results, self._choices))
        self._run.figures["states written"] += 1

    def _write(self, rows: list[tuple[str, dict[str, Any], int]]) -> None:
        for name, row, read_at in rows:
            self._newest.write(self._run, name, row, read_at)
