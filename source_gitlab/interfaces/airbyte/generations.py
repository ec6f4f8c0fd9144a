"""From which state a stream goes on, and what a state says of the sync that wrote it.

A platform that can refresh streams numbers its syncs and, of each stream, the generations of its
rows (`sync_id`, `generation_id` and `minimum_generation_id` of a configured stream, in
https://docs.airbyte.com/understanding-airbyte/airbyte-protocol#configuredairbytestream). All
attempts of one sync have one `sync_id`. Rows of a generation below the minimum leave the
destination, so a state that covers them covers nothing there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.interfaces.airbyte.protocol import Json

NUMBERS: Final = ("generation_id", "minimum_generation_id", "sync_id")
"""The fields of a configured stream that are whole numbers, null, or missing."""

# The part of a state that only this face writes and reads.
_MARK: Final = "airbyte"


def marked(state: Mapping[str, Any], configured: Json) -> Mapping[str, Any]:
    """A state with the sync and the generation that it belongs to, where they have numbers."""
    numbers = {
        name: configured[name]
        for name in ("sync_id", "generation_id")
        if configured.get(name) is not None
    }
    return {**state, _MARK: numbers} if numbers else state


def goes_on_from(state: Mapping[str, Any], configured: Json) -> bool:
    """Whether a read goes on from this state; otherwise the stream is read from its start.

    A full refresh does when an earlier attempt of the same sync wrote it.
    """
    mark = state.get(_MARK)
    numbers: Mapping[str, Any] = mark if isinstance(mark, dict) else {}
    generation, sync = numbers.get("generation_id"), numbers.get("sync_id")
    if isinstance(generation, int) and generation < (configured.get("minimum_generation_id") or 0):
        return False
    if configured["sync_mode"] == "full_refresh":
        return sync is not None and sync == configured.get("sync_id")
    return True
