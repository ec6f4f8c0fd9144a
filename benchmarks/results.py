"""`RESULTS.md`: the targets and what came of them, the growth, every figure, and the commands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from benchmarks import environments as env
from benchmarks.contenders import CONTENDERS, PEER, START_DATE
from benchmarks.environments import Unavailable
from benchmarks.scaling import PROJECTS, ROWS, WORKERS, measured_as
from benchmarks.targets import TARGETS, Missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from benchmarks.cases import Case
    from benchmarks.machine import Machine
    from benchmarks.running import Outcome, Outcomes
    from benchmarks.targets import Target

_SHOWN_PACKAGES = {
    "ours": ("gitlab-warehouse", "airbyte-cdk"),
    "peer": ("airbyte-source-gitlab", "airbyte-cdk"),
    "newest": ("airbyte-cdk",),
    "tap": ("tap-gitlab", "singer-python"),
    "ingestr": ("ingestr",),
    "pyairbyte": ("airbyte", "gitlab-warehouse", "airbyte-cdk", "duckdb"),
}


@dataclass(frozen=True)
class Verdict:
    """A target and what came of it; `figure` is None when it could not be measured."""

    target: Target
    figure: float | None
    reason: str = ""

    @property
    def text(self) -> str:
        """The figure as people read it."""
        return "not measured" if self.figure is None else self.target.shown.format(self.figure)

    @property
    def met(self) -> str:
        """Yes, no, or nothing."""
        if self.figure is None:
            return ""
        return "yes" if self.target.met(self.figure) else "**no**"


def judge(outcomes: Outcomes) -> list[Verdict]:
    """A verdict on each target whose cases were run."""
    verdicts = (_verdict(target, outcomes) for target in TARGETS)
    return [verdict for verdict in verdicts if verdict is not None]


def _verdict(target: Target, outcomes: Outcomes) -> Verdict | None:
    try:
        return Verdict(target, target.figure(outcomes))
    except Missing as missing:
        return Verdict(target, None, str(missing))
    except KeyError:
        return None


def table(verdicts: Iterable[Verdict], cases: Iterable[Case]) -> list[str]:
    """The targets as lines of Markdown."""
    titles = {case.name: case.title for case in cases}
    rows = (
        (
            titles[verdict.target.case],
            verdict.target.wanted,
            verdict.text,
            verdict.met,
            verdict.reason or verdict.target.note,
        )
        for verdict in verdicts
    )
    return _markdown(("case", "target", "measured", "met", "note"), rows)


def document(
    machine: Machine, cases: Sequence[Case], outcomes: Outcomes, command: str, seconds: float
) -> str:
    """The whole of RESULTS.md."""
    written = (
        f"Written by `{command}` on {datetime.now(timezone.utc):%Y-%m-%d} in {seconds / 60:.0f}"
        " minutes. Ratios hold on other machines; seconds do not."
    )
    units = (
        "Medians. CPU and memory as the kernel accounts them to the process and its children."
        " Targets compare CPU in yardsticks (yardstick.py), and its means where one run's is taken"
        " from another's (running.py)."
        " State: all state messages of the run, and the largest last one of a stream."
    )
    lines = [
        "# Benchmark results",
        "",
        written,
        "",
        *_machine(machine),
        "",
        "## Targets",
        "",
        *table(judge(outcomes), cases),
        "",
        f"![Ratios to {PEER}](chart.svg)",
        "",
        *_absent(outcomes),
        *_notes(cases, outcomes),
        "## How far it scales",
        "",
        *_growth("rows", ROWS, outcomes),
        *_growth("projects", PROJECTS, outcomes),
        *_workers(outcomes),
        "## Every figure",
        "",
        units,
        "",
        *_figures(cases, outcomes),
        "## Requests by endpoint",
        "",
        *_endpoints(cases, outcomes),
        "## Commands",
        "",
        *_commands(cases),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _machine(machine: Machine) -> Iterator[str]:
    pinning = "Nothing is pinned: this system cannot."
    if machine.contender is not None:
        pinning = (
            f"The emulated GitLab runs on core {machine.emulator}, contenders on core"
            f" {machine.contender}."
        )
    yield (
        f"- Machine: {machine.system}, {machine.cores} cores ({machine.processor}),"
        f" {machine.memory / 2**30:.0f} GiB. {pinning}"
    )
    for name, packages in _SHOWN_PACKAGES.items():
        contender = CONTENDERS[name]
        try:
            versions = env.versions_in(contender.environment, *packages)
        except Unavailable as error:
            yield f"- {contender.title}: not installed. {error}"
            continue
        shown = ", ".join(f"{package} {version}" for package, version in versions.items())
        yield f"- {contender.title}: {shown}; Python {env.python_version()}"


def _absent(outcomes: Outcomes) -> Iterator[str]:
    reasons = {
        f"- {CONTENDERS[outcome.entry.contender].title}: {outcome.reason}"
        for outcome in outcomes.values()
        if outcome.reason
    }
    if reasons:
        yield from ("Not measured:", "", *sorted(reasons), "")


def _notes(cases: Sequence[Case], outcomes: Outcomes) -> Iterator[str]:
    few = sorted(
        {
            f"{case.title} ({CONTENDERS[entry.contender].title})"
            for case in cases
            for entry in case.entries
            if entry.repeats == 1 and entry.contender != "ours"
        }
    )
    notes = [f"- {case.note}" for case in cases if case.note]
    if few:
        notes.append(f"- Run once, because each run takes long: {'; '.join(few)}.")
    notes.append(
        f"- Every contender reads the group that holds all projects, from {START_DATE} on, which is"
        " before the first row. tap-gitlab 1.0.1 has gitlab.com written into it; `tap.py` puts"
        " another address in its place."
    )
    notes += _differing(cases, outcomes)
    yield from (*notes, "")


def _differing(cases: Sequence[Case], outcomes: Outcomes) -> Iterator[str]:
    """Where contenders that read the same did not bring the same number of rows."""
    for case in cases:
        brought = {
            (entry.streams, entry.group, CONTENDERS[entry.contender].title): outcome.last.rows
            for entry in case.entries
            if (outcome := outcomes[case.name, entry.label]).runs
            and entry.command == "read"
            and not entry.after
        }
        for streams in {streams for streams, _, _ in brought}:
            same = {
                title: rows
                for (names, group, title), rows in brought.items()
                if names == streams and group == "scaled"
            }
            names = sorted({name for rows in same.values() for name in rows})
            for name in names:
                counts = {title: rows.get(name, 0) for title, rows in same.items()}
                if len(set(counts.values())) > 1:
                    told = ", ".join(f"{title} {count:,}" for title, count in counts.items())
                    yield f'- Rows of {name} in "{case.title}": {told}.'


def _growth(series: str, sizes: Sequence[int], outcomes: Outcomes) -> Iterator[str]:
    rows = []
    for size in sizes:
        outcome = outcomes.get(measured_as(series, size))
        if outcome is None or not outcome.runs:
            return
        rows.append(
            (
                f"{size:,}",
                f"{outcome.cpu:.2f} s",
                f"{1e6 * outcome.cpu / size:,.0f} µs",
                f"{outcome.requests:,.0f}",
                f"{outcome.requests / size:.3f}",
                f"{outcome.memory / 1e6:.0f} MB",
                f"{outcome.state:,.0f} B",
                f"{outcome.wall:.1f} s",
            )
        )
    each = series.removesuffix("s")
    head = (series, "CPU", f"CPU a {each}", "requests", f"requests a {each}", "peak RSS", "state")
    yield from (*_markdown((*head, "wall"), rows), "")


def _workers(outcomes: Outcomes) -> Iterator[str]:
    rows = []
    for workers in WORKERS:
        outcome = outcomes.get(("workers", f"{workers} workers"))
        if outcome is None or not outcome.runs:
            return
        rows.append(
            (
                workers,
                f"{outcome.wall:.1f} s",
                f"{outcome.cpu:.1f} s",
                outcome.last.largest_in_flight,
                f"{outcome.memory / 1e6:.0f} MB",
            )
        )
    yield from (*_markdown(("workers", "wall", "CPU", "most in flight", "peak RSS"), rows), "")


def _figures(cases: Sequence[Case], outcomes: Outcomes) -> Iterator[str]:
    head = ("contender", "runs", "wall", "CPU", "peak RSS", "requests", "most in flight", "retries")
    for case in cases:
        yield from (f"### {case.title}", "")
        rows = [
            _figure(outcomes[case.name, entry.label])
            for entry in case.entries
            if outcomes[case.name, entry.label].runs
        ]
        yield from (*_markdown((*head, "rows", "output", "state"), rows), "")


def _figure(outcome: Outcome) -> tuple[object, ...]:
    last = outcome.last
    state = ""
    if last.state_sizes:
        state = f"{last.state_written:,} B, {max(last.state_sizes.values()):,} B"
    return (
        outcome.entry.label,
        len(outcome.runs),
        f"{outcome.wall:.2f} s",
        f"{outcome.cpu:.2f} s",
        f"{outcome.memory / 1e6:.0f} MB",
        f"{outcome.requests:,.0f}",
        last.largest_in_flight,
        last.retries,
        f"{last.total_rows:,}",
        f"{last.output / 1e6:.2f} MB",
        state,
    )


def _endpoints(cases: Sequence[Case], outcomes: Outcomes) -> Iterator[str]:
    for case in cases:
        measured = {
            entry.label: outcomes[case.name, entry.label].last.requests
            for entry in case.entries
            if outcomes[case.name, entry.label].runs
        }
        endpoints = sorted({endpoint for counts in measured.values() for endpoint in counts})
        if not endpoints:
            continue
        rows = [
            (f"`{endpoint}`", *(f"{counts.get(endpoint, 0):,}" for counts in measured.values()))
            for endpoint in endpoints
        ]
        yield from (f"<details><summary>{case.title}</summary>", "")
        yield from (*_markdown(("endpoint", *measured), rows), "", "</details>", "")


def _commands(cases: Sequence[Case]) -> Iterator[str]:
    yield "Each contender's program is that of its own environment:"
    yield ""
    yield "```sh"
    yield from (f"{contender.shown}  # {contender.title}" for contender in CONTENDERS.values())
    yield "```"
    yield ""
    yield "The emulated GitLab of each case is `python -m integration_tests.gitlab` with:"
    yield ""
    yield from (f"- {case.title}: `{' '.join(map(str, case.world))}`" for case in cases)


def _markdown(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(str(cell) for cell in line)} |" for line in lines]
