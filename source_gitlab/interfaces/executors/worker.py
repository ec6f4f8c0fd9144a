"""What a worker calls: read slices of a plan, and say what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_gitlab.engine.slice_work import read_slices
from source_gitlab.engine.worker_sessions import config_of, for_worker, session_for
from source_gitlab.interfaces.executors.writers import collected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from source_gitlab.engine.plans import PlannedSlice, Result
    from source_gitlab.engine.worker_sessions import Settings
    from source_gitlab.interfaces.executors.writers import Writer


def run(
    slices: Sequence[PlannedSlice],
    config: Settings,
    writer: Writer | None = None,
    *,
    processes: int = 1,
    token: str | None = None,
) -> Result:
    """Read slices of one plan, in threads of this process; any executor can call this.

    `config` is a configuration, its fields, or a call that gives them where the slices are read. Of
    a pair of OAuth tokens the access token is used as it is, or `token` in its place, and never
    renewed. `writer` opens a place for rows: it is called without arguments, and gives a context
    manager with a call that takes the name of a stream and rows. Rows count as kept when its block
    has ended. Without a writer, they come back with the result. `processes` is how many read at the
    same time with the same token: each takes so large a part of `num_workers` and of the limits.

    The result is plain JSON. Slices that fail are in it, and raise nothing.

    Raises:
        ConfigError, PlanError: the configuration, or the slices, cannot be used.
        Exception: what the writer raises; nothing of the slices counts as read then.
    """
    rows: dict[str, list[dict[str, Any]]] = {}
    known = for_worker(config_of(config), token)
    opened = collected(rows) if writer is None else writer()
    plan = slices[0]["plan"] if slices else ""
    with session_for(plan, known, processes) as session:
        with opened as write:
            result = read_slices(session, slices, write)
        result["rows"] = rows
        return result
