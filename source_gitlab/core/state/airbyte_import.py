"""States that Airbyte's connector wrote."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from source_gitlab.core.state.parts import moment

if TYPE_CHECKING:
    from collections.abc import Mapping


def projects_of(raw: Mapping[str, Any]) -> dict[int, str]:
    """The projects that a state of Airbyte's connector covers, and up to which instant.

    Its global cursor does not say which projects it covers, so where there is only that one
    everything is read again. Where it kept two cursors for a project (pipelines have two lists)
    the earlier one counts, and the other is missing when only one list was read.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: it is no such state.
    """
    if "states" not in raw and "use_global_cursor" not in raw:
        known = {"updated_at", "created_at", "pipeline_updated_at"}
        if not known & set(raw):
            message = f"it has none of the parts of a state, only {', '.join(sorted(raw)[:5])}"
            raise ValueError(message)
        return {}
    found: dict[int, list[str]] = defaultdict(list)
    doubled = False
    for entry in raw.get("states") or []:
        doubled = doubled or "pipeline_source" in entry["partition"]
        number = int(entry["partition"]["id"])
        found[number] += [moment(str(value)) for value in entry["cursor"].values()]
    wanted = 2 if doubled else 1
    return {number: min(instants) for number, instants in found.items() if len(instants) >= wanted}
