"""The same rows by one process, a pool, Dask and Spark; measured where it is asked for by name.

Where GitLab's answers take their time, more processes bring nothing: all have the same requests
under way, and each way adds what it takes to start.
"""

from __future__ import annotations

from benchmarks.cases import Case, Entry, scaled

PROCESSES = 4
_JOBS = ("jobs",)

MORE_MACHINES = (
    Case(
        "more-machines",
        "60,000 jobs at 200 ms: one process, a pool, Dask and Spark, with 20 workers in all",
        scaled(projects=20, pipelines_per_project=300, jobs_per_pipeline=10),
        (
            Entry("ours", "ours", _JOBS, latency=200),
            Entry("pool", "pool", _JOBS, latency=200),
            Entry("dask", "dask", _JOBS, latency=200),
            Entry("spark", "spark", _JOBS, latency=200),
        ),
        f"A pool, Dask and Spark have {PROCESSES} processes, each with a part of the workers; all"
        " of them are on the one core that contenders have. What Java takes for Spark is not in its"
        " CPU and memory.",
    ),
)
