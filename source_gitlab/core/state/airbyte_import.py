"""States that Airbyte's connector wrote."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from source_gitlab.core.state.parts import moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.streams import Stream


def projects_of(raw: Mapping[str, Any], stream: Stream | None = None) -> dict[int, str]:
    """The projects that a state of Airbyte's connector covers, and up to which instant.

    Its global cursor does not say which projects it covers, so where there is only that one
    everything is read again. Where it kept two cursors for a project (pipelines have two lists)
    the earlier one counts, and the other is missing when only one list was read.

    Streams below pipelines have a global cursor, and beside it the state of the pipelines below
    which everything is read, which does say it. Jobs are read again all the same: that connector
    leaves out those that were retried, so it covers no project whole.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: it is no such state.
    """
    if "states" not in raw and "use_global_cursor" not in raw:
        known = {"updated_at", "created_at", "pipeline_updated_at"}
        if not known & set(raw):
            message = f"it has none of the parts of a state, only {', '.join(sorted(raw)[:5])}"
            raise ValueError(message)
        return {}
    if stream is not None and stream.walk == "jobs":
        return {}
    if stream is not None and stream.parent:
        # The partitions of its own are parents: their ids are of no project.
        raw = (raw.get("parent_state") or {}).get(stream.parent) or {}
    found: dict[int, list[str]] = defaultdict(list)
    doubled = False
    for entry in raw.get("states") or []:
        doubled = doubled or "pipeline_source" in entry["partition"]
        number = int(entry["partition"]["id"])
        found[number] += _instants(entry["cursor"])
    wanted = 2 if doubled else 1
    return {number: min(instants) for number, instants in found.items() if len(instants) >= wanted}


def _instants(cursor: Mapping[str, Any]) -> list[str]:
    """The instant of a cursor: as one, or as ranges, of which the first is read without a gap."""
    if cursor.get("state_type") != "date-range":
        return [moment(str(value)) for value in cursor.values()]
    first = min(cursor["slices"], key=lambda one: moment(str(one["start"])))
    return [moment(str(first.get("most_recent_cursor_value") or first["start"]))]
