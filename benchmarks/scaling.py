"""How far it scales: rows, projects and workers, each growing on its own; and the largest state.

The three largest sizes of a series lie in one world, the smaller ones in groups of it, and their
runs alternate: a machine that slows down meanwhile slows down all of them.
"""

from __future__ import annotations

from benchmarks.cases import ISSUES, Case, Entry, scaled

# Groups of a world with 111 of them, which hold about a hundredth and a tenth of its projects.
_GROUPS = {"ours hundredth": "12", "ours tenth": "2", "ours": "scaled"}
# One project in each of the groups.
_ROWS_OF_A_PROJECT = 4_505
ROWS = (_ROWS_OF_A_PROJECT, 11 * _ROWS_OF_A_PROJECT, 111 * _ROWS_OF_A_PROJECT)
PROJECTS = (10, 90, 991, 10_000)
_REPEATS = {"ours hundredth": 8, "ours tenth": 8, "ours": 1}
WORKERS = (1, 5, 10, 20, 40)
# A group's list, a project's list that is read by its cursor, and one that is read by branch heads.
BY_PROJECT = ("issues", "deployments", "commits")
# gitlab.com has given out some 80 million project ids; ten thousand of them lie about that far
# apart, which is what makes them long to write down.
SPREAD = 8_000
LARGEST = {"rows": "memory", "projects": "many-projects"}


def measured_as(series: str, size: int) -> tuple[str, str]:
    """The case and the label under which a size of a series is measured."""
    sizes = {"rows": ROWS, "projects": PROJECTS}[series][-3:]
    if size in sizes:
        return LARGEST[series], list(_GROUPS)[sizes.index(size)]
    return f"{series}-{size}", "ours"


def _entries(streams: tuple[str, ...], workers: int | None = None) -> tuple[Entry, ...]:
    return tuple(
        Entry(label, "ours", streams, group=group, workers=workers, repeats=_REPEATS[label])
        for label, group in _GROUPS.items()
    )


def _projects(number: int, **more: int) -> tuple[str | int, ...]:
    return scaled(projects=number, issues=10, deployments=1, id_spread=SPREAD, **more)


_EACH = f"10 issues and 1 deployment each, {', '.join(BY_PROJECT)}"

SCALING = (
    Case(
        LARGEST["rows"],
        f"{ROWS[-1]:,} small issues with 40 workers, and {ROWS[-2]:,} and {ROWS[-3]:,} of them",
        scaled(projects=111, groups=111, issues=_ROWS_OF_A_PROJECT),
        _entries(ISSUES, workers=40),
    ),
    *(
        Case(
            f"projects-{projects}",
            f"{projects:,} projects, {_EACH}",
            _projects(projects),
            (Entry("ours", "ours", BY_PROJECT),),
        )
        for projects in PROJECTS[:-3]
    ),
    Case(
        LARGEST["projects"],
        f"{PROJECTS[-1]:,} projects, and {PROJECTS[-2]:,} and {PROJECTS[-3]:,} of them, {_EACH}",
        _projects(PROJECTS[-1], groups=111),
        _entries(BY_PROJECT),
    ),
    Case(
        "workers",
        "100 projects at 50 ms: issues, jobs and branches",
        scaled(projects=100, issues=20, pipelines_per_project=5, jobs_per_pipeline=2),
        tuple(
            Entry(
                f"{workers} workers",
                "ours",
                ("branches", "issues", "jobs"),
                workers=workers,
                latency=50,
                repeats=1,
            )
            for workers in WORKERS
        ),
    ),
)
