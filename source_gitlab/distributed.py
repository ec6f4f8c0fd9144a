"""A read by several processes or machines: what `from source_gitlab.distributed import …` gives."""

from source_gitlab.engine.plans import Plan, PlanError, PlannedSlice, Result, SliceResult, parts
from source_gitlab.engine.plans import applied as apply
from source_gitlab.interfaces.executors.reading import Outcome, Unread, plan, process_pool, read
from source_gitlab.interfaces.executors.worker import run
from source_gitlab.interfaces.executors.writers import JsonLines

__all__ = [
    "JsonLines",
    "Outcome",
    "Plan",
    "PlanError",
    "PlannedSlice",
    "Result",
    "SliceResult",
    "Unread",
    "apply",
    "parts",
    "plan",
    "process_pool",
    "read",
    "run",
]
