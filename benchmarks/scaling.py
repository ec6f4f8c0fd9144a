"""How far it scales: rows, projects and workers, each growing on its own; and the largest state.

The two largest sizes of a series lie in one world, the second in one of its groups, and their runs
alternate: a machine that slows down meanwhile slows down both.
"""

from __future__ import annotations

from benchmarks.cases import ISSUES, TENTH, Case, Entry, scaled

ROWS = (5_000, 50_000, 500_000)
PROJECTS = (10, 100, 1_000, 10_000)
WORKERS = (1, 5, 10, 20, 40)
# A group's list, a project's list that is read by its cursor, and one that is read by branch heads.
BY_PROJECT = ("issues", "deployments", "commits")
# gitlab.com has given out some 80 million project ids; ten thousand of them lie about that far
# apart, which is what makes them long to write down.
SPREAD = 8_000
LARGEST = {"rows": "memory", "projects": "many-projects"}


def measured_as(series: str, size: int) -> tuple[str, str]:
    """The case and the label under which a size of a series is measured."""
    sizes = {"rows": ROWS, "projects": PROJECTS}[series]
    if size in sizes[-2:]:
        return LARGEST[series], "ours" if size == sizes[-1] else "ours tenth"
    return f"{series}-{size}", "ours"


def _projects(number: int, **more: int) -> tuple[str | int, ...]:
    return scaled(projects=number, issues=10, deployments=1, id_spread=SPREAD, **more)


_EACH = f"10 issues and 1 deployment each, {', '.join(BY_PROJECT)}"

SCALING = (
    *(
        Case(
            f"rows-{rows}",
            f"{rows:,} small issues with 40 workers",
            scaled(projects=10, issues=rows // 10),
            (Entry("ours", "ours", ISSUES, workers=40, repeats=5),),
        )
        for rows in ROWS[:-2]
    ),
    *(
        Case(
            f"projects-{projects}",
            f"{projects:,} projects, {_EACH}",
            _projects(projects),
            (Entry("ours", "ours", BY_PROJECT, repeats=5),),
        )
        for projects in PROJECTS[:-2]
    ),
    Case(
        LARGEST["projects"],
        f"{PROJECTS[-1]:,} projects, and {PROJECTS[-2]:,} of them, {_EACH}",
        _projects(PROJECTS[-1], groups=10),
        (
            Entry("ours tenth", "ours", BY_PROJECT, group=TENTH),
            Entry("ours", "ours", BY_PROJECT, repeats=2),
        ),
    ),
    Case(
        "workers",
        "200 projects at 50 ms: issues, jobs and branches",
        scaled(projects=200, issues=20, pipelines_per_project=5, jobs_per_pipeline=2),
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
