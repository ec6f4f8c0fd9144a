"""Runs cases: their entries in turns, as evenly as they go, the median of each."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING

from benchmarks.contenders import CONTENDERS, Job
from benchmarks.environments import Unavailable
from benchmarks.machine import pinned
from benchmarks.measuring import Measurement, Place, RunError, measure
from benchmarks.yardstick import Yardstick
from integration_tests.gitlab.launch import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.cases import Case, Entry
    from benchmarks.machine import Machine

_LONGEST_RUN = 400.0


@dataclass
class Outcome:
    """The runs of one entry on one world, or why there are none."""

    entry: Entry
    world: tuple[str | int, ...]
    runs: list[Measurement] = field(default_factory=list)
    reason: str = ""

    @property
    def wall(self) -> float:
        """Median seconds."""
        return median(run.wall for run in self.runs)

    @property
    def cpu(self) -> float:
        """Median CPU seconds, children included."""
        return median(run.cpu for run in self.runs)

    @property
    def work(self) -> float:
        """Median CPU in yardsticks."""
        return median(run.work for run in self.runs)

    @property
    def mean_work(self) -> float:
        """Mean CPU in yardsticks, for differences between long runs and short ones.

        A long run takes the average of what disturbs it, which the median of short ones does not.
        """
        return fmean(run.work for run in self.runs)

    @property
    def memory(self) -> float:
        """Median of the peak RSS, in bytes."""
        return median(run.memory for run in self.runs)

    @property
    def requests(self) -> float:
        """Median number of requests."""
        return median(run.total_requests for run in self.runs)

    @property
    def state(self) -> float:
        """Bytes of the last state, of all streams together."""
        return sum(self.last.state_sizes.values())

    @property
    def last(self) -> Measurement:
        """The last run, for what is the same in each."""
        return self.runs[-1]


Outcomes = dict[tuple[str, str], Outcome]


def run_cases(cases: Iterable[Case], machine: Machine, most: int) -> Outcomes:
    """Measure every case; at most `most` runs of each entry."""
    outcomes: Outcomes = {}
    with closing(Yardstick(machine.contender)) as yardstick:
        place = Place(machine.contender, yardstick)
        for case in cases:
            print(f"{case.name}: {case.title}", flush=True)
            with pinned(machine.emulator):
                gitlab = Emulator(*case.world)
            with gitlab:
                for entry, outcome in _run_case(case, gitlab, place, most):
                    outcomes[case.name, entry.label] = outcome
    return outcomes


def _run_case(case: Case, gitlab: Emulator, place: Place, most: int) -> list[tuple[Entry, Outcome]]:
    outcomes = {entry.label: Outcome(entry, case.world) for entry in case.entries}
    for entry in _turns(case.entries, most):
        outcome = outcomes[entry.label]
        if outcome.reason:
            continue
        before = outcomes[entry.after] if entry.after else None
        if before is not None and not before.runs:
            outcome.reason = before.reason
            continue
        try:
            outcome.runs.append(_run(entry, gitlab, place, before))
        except (RunError, Unavailable) as error:
            outcome.runs, outcome.reason = [], str(error)
            print(f"  {entry.label}: {error}", flush=True)
            continue
        print(f"  {entry.label}: {_line(outcome.last)}", flush=True)
    return [(entry, outcomes[entry.label]) for entry in case.entries]


def _turns(entries: Sequence[Entry], most: int) -> list[Entry]:
    """Every run of a case, in order: those of an entry lie evenly between those of the others.

    What starts from the state of another entry comes behind it.
    """
    turns = [
        ((number + 0.5) / repeats + bool(entry.after), entry)
        for entry in entries
        for repeats in (min(entry.repeats, most),)
        for number in range(repeats)
    ]
    return [entry for _, entry in sorted(turns, key=itemgetter(0))]


def _run(entry: Entry, gitlab: Emulator, place: Place, before: Outcome | None) -> Measurement:
    contender = CONTENDERS[entry.contender]
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    try:
        job = Job(
            gitlab=gitlab,
            folder=folder,
            command=entry.command,
            streams=entry.streams,
            group=entry.group,
            workers=entry.workers,
            state=before.last.states if before else [],
        )
        gitlab.settings(latency=0)
        invocation = contender.prepare(job)
        gitlab.settings(latency=entry.latency / 1000)
        measurement = measure(invocation, gitlab, folder, place, _LONGEST_RUN)
        if contender.rows_of is not None:
            measurement.rows = contender.rows_of(job)
        return measurement
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _line(run: Measurement) -> str:
    return (
        f"{run.wall:.2f} s, {run.cpu:.2f} CPU s, {run.work:.0f} yardsticks,"
        f" {run.memory / 1e6:.0f} MB, {run.total_requests:,} requests, {run.total_rows:,} rows"
    )
