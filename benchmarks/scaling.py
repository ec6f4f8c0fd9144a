"""How far it scales: rows, projects and workers, each growing on its own; and the largest state."""

from __future__ import annotations

from benchmarks.cases import ISSUES, Case, Entry, scaled

ROWS = (1_000, 10_000, 100_000)
PROJECTS = (10, 100, 1_000, 10_000)
WORKERS = (1, 5, 10, 20, 40)
# A group's list, a project's list that is read by its cursor, and one that is read by branch heads.
BY_PROJECT = ("issues", "deployments", "commits")
# gitlab.com has given out some 80 million project ids; ten thousand of them lie about that far
# apart, which is what makes them long to write down.
SPREAD = 8_000

SCALING = (
    *(
        Case(
            f"rows-{rows}",
            f"{rows:,} issues of 4 KB in 10 projects",
            scaled(projects=10, issues=rows // 10, issue_bytes=4000),
            (Entry("ours", "ours", ISSUES, repeats=3 if rows < ROWS[-1] else 1),),
        )
        for rows in ROWS
    ),
    *(
        Case(
            f"projects-{projects}",
            f"{projects:,} projects, 10 issues and 1 deployment each, {', '.join(BY_PROJECT)}",
            scaled(projects=projects, issues=10, deployments=1, id_spread=SPREAD),
            (Entry("ours", "ours", BY_PROJECT, repeats=1),),
        )
        for projects in PROJECTS
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
