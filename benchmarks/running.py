"""Runs cases: their entries in turns, the median of each."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.contenders import CONTENDERS, Job
from benchmarks.environments import Unavailable
from benchmarks.machine import pinned
from benchmarks.measuring import Measurement, RunError, measure
from integration_tests.gitlab.launch import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    def least_cpu(self) -> float:
        """The least CPU seconds, for small differences: what disturbs a run only adds to it."""
        return min(run.cpu for run in self.runs)

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
    for case in cases:
        print(f"{case.name}: {case.title}", flush=True)
        with pinned(machine.emulator):
            gitlab = Emulator(*case.world)
        with gitlab:
            for entry, outcome in _run_case(case, gitlab, machine, most):
                outcomes[case.name, entry.label] = outcome
    return outcomes


def _run_case(
    case: Case, gitlab: Emulator, machine: Machine, most: int
) -> list[tuple[Entry, Outcome]]:
    outcomes = {entry.label: Outcome(entry, case.world) for entry in case.entries}
    for turn in range(most):
        for entry in case.entries:
            outcome = outcomes[entry.label]
            if outcome.reason or turn >= entry.repeats:
                continue
            before = outcomes[entry.after] if entry.after else None
            if before is not None and not before.runs:
                outcome.reason = before.reason
                continue
            try:
                outcome.runs.append(_run(entry, gitlab, machine, before))
            except (RunError, Unavailable) as error:
                outcome.runs, outcome.reason = [], str(error)
                print(f"  {entry.label}: {error}", flush=True)
                continue
            print(f"  {entry.label}: {_line(outcome.last)}", flush=True)
    return [(entry, outcomes[entry.label]) for entry in case.entries]


def _run(entry: Entry, gitlab: Emulator, machine: Machine, before: Outcome | None) -> Measurement:
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
        measurement = measure(invocation, gitlab, folder, machine.contender, _LONGEST_RUN)
        if contender.rows_of is not None:
            measurement.rows = contender.rows_of(job)
        return measurement
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _line(run: Measurement) -> str:
    return (
        f"{run.wall:.2f} s, {run.cpu:.2f} CPU s, {run.memory / 1e6:.0f} MB,"
        f" {run.total_requests:,} requests, {run.total_rows:,} rows"
    )
