"""What should come out of the cases: figures computed from what was measured, and their bounds."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from benchmarks.contenders import NEWEST, PEER
from benchmarks.scaling import BY_PROJECT, LARGEST, PROJECTS, ROWS, measured_as

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.running import Outcome, Outcomes


@dataclass(frozen=True)
class Target:
    """One bound on one figure.

    `figure` raises KeyError when a case of it was not measured, and Missing when a contender could
    not be. `shown` formats the figure. `chart` tells that the figure is a ratio to the peer, and
    what of.
    """

    case: str
    wanted: str
    figure: Callable[[Outcomes], float]
    bound: float
    at_least: bool
    shown: str
    note: str = ""
    chart: str = ""

    def met(self, figure: float) -> bool:
        """Whether the figure keeps the bound."""
        return figure >= self.bound if self.at_least else figure <= self.bound


class Missing(Exception):
    """A contender was not measured; the message says why."""


def found(outcomes: Outcomes, case: str, label: str) -> Outcome:
    """What was measured for one entry.

    Raises:
        KeyError: it was not asked for.
        Missing: it could not be measured.
    """
    outcome = outcomes[case, label]
    if not outcome.runs:
        raise Missing(outcome.reason)
    return outcome


def ratio(
    case: str, metric: str, top: str = "peer", bottom: str = "ours"
) -> Callable[[Outcomes], float]:
    """How many times the metric of one entry is that of another of the same case."""

    def figure(outcomes: Outcomes) -> float:
        above: float = getattr(found(outcomes, case, top), metric)
        below: float = getattr(found(outcomes, case, bottom), metric)
        return above / below

    return figure


def value(
    case: str, metric: str, label: str = "ours", scale: float = 1.0
) -> Callable[[Outcomes], float]:
    """A metric of one entry, in units of `scale`."""

    def figure(outcomes: Outcomes) -> float:
        measured: float = getattr(found(outcomes, case, label), metric)
        return measured / scale

    return figure


def per_row(outcomes: Outcomes, label: str, case: str = "many-issues") -> float:
    """Yardsticks for each further row, without what starting costs."""
    large = found(outcomes, case, label)
    small = found(outcomes, case, f"{label} tenth")
    rows = large.last.total_rows - small.last.total_rows
    return (large.mean_work - small.mean_work) / rows


def _to_the_floor(case: str) -> Callable[[Outcomes], float]:
    return lambda outcomes: per_row(outcomes, "ours", case) / per_row(outcomes, "floor", case)


def _of_the_floor(case: str, label: str = "ours") -> Callable[[Outcomes], float]:
    return ratio(case, "mean_work", label, "floor")


def _rows_a_second(outcomes: Outcomes) -> float:
    paces = [run.pace for run in found(outcomes, "many-issues", "ours").runs]
    return 1 / (per_row(outcomes, "ours") * fmean(paces))


def _projects(outcomes: Outcomes, case: str, label: str) -> int:
    """How many projects are in a case's world."""
    world = outcomes[case, label].world
    return int(world[world.index("--projects") + 1])


def _requests_a_project(outcomes: Outcomes) -> float:
    requests = found(outcomes, "idle-default", "ours again").requests
    return requests / _projects(outcomes, "idle-default", "ours again")


def _of_the_peers(outcomes: Outcomes) -> float:
    peer = found(outcomes, "idle-peer", "peer again").requests
    of_peer = peer / _projects(outcomes, "idle-peer", "peer again")
    return _requests_a_project(outcomes) / of_peer


def _largest_state(outcomes: Outcomes) -> float:
    sizes = found(outcomes, LARGEST["projects"], "ours").last.state_sizes
    return max(sizes.values()) / 1000


def _state_share(outcomes: Outcomes) -> float:
    run = found(outcomes, LARGEST["projects"], "ours").last
    return 100 * run.state_written / run.output


def _slope(series: str, sizes: tuple[int, ...], metric: str) -> Callable[[Outcomes], float]:
    """What one more costs in the last tenfold growth, to what it cost in the growth before."""

    def figure(outcomes: Outcomes) -> float:
        costs = _costs(outcomes, series, sizes, metric)
        before = (costs[-2] - costs[-3]) / (sizes[-2] - sizes[-3])
        last = (costs[-1] - costs[-2]) / (sizes[-1] - sizes[-2])
        if before <= 0:
            message = "The smaller sizes cost the same."
            raise Missing(message)
        return last / before

    return figure


def _share(series: str, sizes: tuple[int, ...], metric: str) -> Callable[[Outcomes], float]:
    """What each costs at the largest size, to what it costs at a tenth of it."""

    def figure(outcomes: Outcomes) -> float:
        costs = _costs(outcomes, series, sizes, metric)
        return (costs[-1] / sizes[-1]) / (costs[-2] / sizes[-2])

    return figure


def _costs(outcomes: Outcomes, series: str, sizes: tuple[int, ...], metric: str) -> list[float]:
    return [getattr(found(outcomes, *measured_as(series, size)), metric) for size in sizes]


# Airbyte's connector in two versions, by the labels of their entries.
_THEIRS = {"peer": PEER, "newest": NEWEST}


def _fewer(
    case: str, wanted: float, what: str = "CPU seconds", metric: str = "work", than: str = "peer"
) -> Target:
    return Target(
        case,
        f"at least {wanted:g} times fewer {what} than {_THEIRS[than]}",
        ratio(case, metric, than),
        wanted,
        at_least=True,
        shown="{:.1f} times",
        chart=what if than == "peer" else "",
    )


def _faster(
    case: str, wanted: float, milliseconds: int, also: str = "", than: str = "peer"
) -> Target:
    return Target(
        case,
        f"at {milliseconds} ms: at least {wanted:g} times faster than {_THEIRS[than]}",
        ratio(case, "wall", f"{than}{also}", f"ours{also}"),
        wanted,
        at_least=True,
        shown="{:.1f} times",
        chart=f"time, at {milliseconds} ms for each answer" if than == "peer" else "",
    )


# What must grow linearly or less: how that is computed, and how much is allowed.
_GROWTH = (
    ("CPU", "mean_work", _slope, 1.15, "15 % are allowed: so much two runs differ by themselves."),
    ("requests", "requests", _slope, 1.15, "15 % are allowed for pages that are not full."),
    ("memory", "memory", _share, 1.0, ""),
    ("state", "state", _share, 1.0, ""),
)

TARGETS = (
    _fewer("issues", 12),
    _fewer("issues", 9, than="newest"),
    *(
        Target(
            case,
            f"at most {wanted:g} times the floor's CPU{what}",
            figure(case),
            wanted,
            at_least=False,
            shown="{:.2f} times",
        )
        for case in ("many-issues", "packed")
        for wanted, what, figure in (
            (0.6, " a record, start-up left out", _to_the_floor),
            (0.8, " in all", _of_the_floor),
        )
    ),
    Target(
        "many-issues",
        "over 50,000 records a CPU second, start-up left out",
        _rows_a_second,
        50_000,
        at_least=True,
        shown="{:,.0f}",
    ),
    _faster("issues", 20, 200, " 200 ms"),
    _faster("issues", 6, 200, " 200 ms", than="newest"),
    _faster("one-project", 12, 200),
    _fewer("jobs", 40),
    _fewer("jobs", 10, "requests", "requests"),
    _fewer("merge-request-commits", 35),
    _faster("all-streams", 10, 50),
    Target(
        "idle",
        "second sync of six kinds of lists: at most 12 requests in all",
        value("idle", "requests", "ours lists again"),
        12,
        at_least=False,
        shown="{:,.0f}",
    ),
    Target(
        "idle-default",
        "second read of the default streams: at most 0.3 requests a project",
        _requests_a_project,
        0.3,
        at_least=False,
        shown="{:.2f}",
    ),
    Target(
        "idle-default",
        f"second read of the default streams: at most a quarter of {PEER}'s requests",
        _of_the_peers,
        0.25,
        at_least=False,
        shown="{:.2f}",
        note=f"By project: {PEER}'s second sync is that of 10 projects.",
    ),
    Target(
        LARGEST["projects"],
        "state: at most 50 kB a stream",
        _largest_state,
        50,
        at_least=False,
        shown="{:.1f} kB",
        note=f"The largest of {', '.join(BY_PROJECT)}.",
    ),
    Target(
        LARGEST["projects"],
        "state written in a first sync: under 1 % of its output",
        _state_share,
        1,
        at_least=False,
        shown="{:.2f} %",
    ),
    Target(
        "memory",
        "peak RSS under 220 MB",
        value("memory", "memory", scale=1e6),
        220,
        at_least=False,
        shown="{:.0f} MB",
    ),
    Target(
        "memory",
        "within 10 % of the peak at a tenth of the rows",
        ratio("memory", "memory", "ours", "ours tenth"),
        1.1,
        at_least=False,
        shown="{:.2f} times",
    ),
    *(
        Target(
            "commands",
            f"`{command}`: at most 0.15 CPU seconds",
            value("commands", "cpu", f"ours {command}"),
            0.15,
            at_least=False,
            shown="{:.2f} s",
        )
        for command in ("spec", "discover")
    ),
    *(
        Target(
            "commands",
            f"`{command}`: at most half of {PEER}'s CPU",
            ratio("commands", "work", f"ours {command}", f"peer {command}"),
            0.5,
            at_least=False,
            shown="{:.2f}",
        )
        for command in ("check", "discover")
    ),
    Target(
        "many-issues",
        "`sync` into DuckDB: at most 1.8 times the floor's CPU in all",
        _of_the_floor("many-issues", "sync"),
        1.8,
        at_least=False,
        shown="{:.2f} times",
    ),
    Target(
        "many-issues",
        "`sync` into DuckDB: peak RSS under 300 MB",
        value("many-issues", "memory", "sync", scale=1e6),
        300,
        at_least=False,
        shown="{:.0f} MB",
    ),
    Target(
        "many-issues",
        "`sync` into DuckDB: at least 3 times faster than PyAirbyte reading this connector",
        ratio("many-issues", "wall", "pyairbyte", "sync"),
        3,
        at_least=True,
        shown="{:.1f} times",
    ),
    Target(
        "issues",
        "`sync` into DuckDB: at least 12 times fewer CPU seconds than dlt's REST source",
        ratio("issues", "work", "dlt", "sync"),
        12,
        at_least=True,
        shown="{:.1f} times",
    ),
    Target(
        "one-project",
        "at 200 ms: at most 1.7 s",
        value("one-project", "wall"),
        1.7,
        at_least=False,
        shown="{:.1f} s",
    ),
    *(
        Target(
            LARGEST[series],
            f"{what} for each of ten times the {series}: no more than before",
            growth(series, sizes, metric),
            bound,
            at_least=False,
            shown="{:.2f} times",
            note=note,
        )
        for series, sizes in (("rows", ROWS[-3:]), ("projects", PROJECTS[-3:]))
        for what, metric, growth, bound, note in _GROWTH
    ),
)
