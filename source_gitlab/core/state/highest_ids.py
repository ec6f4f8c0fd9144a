"""The highest id that was read of each project's list, packed in the state.

What is imported into a project keeps its old times, but not its old ids: those are always new. So
where a list is ordered by id, what stands above the highest id of the last read is new, however
old it says it is. In a state the ids are::

    {"ids": "<base64>",      six bytes for each project, in order of the ids of the projects that
                             the rest of the state covers,
     "without": "<ids>"}     but for these projects, of which none is known
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from source_gitlab.core.state import id_sets

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

_BYTES = 6
# A list with higher ids is walked down to here each time.
_MOST = (1 << 8 * _BYTES) - 1


class HighestIds:
    """The highest ids of one stream, by project. Not thread-safe."""

    def __init__(self) -> None:
        """None is known."""
        self._found: dict[int, int] = {}

    def of(self, number: int) -> int | None:
        """The highest id that was read of a project's list."""
        return self._found.get(number)

    def reach(self, number: int, top: int) -> None:
        """Note the highest id of a project's list, once all of the list is read."""
        self._found[number] = min(top, _MOST)

    def to_json(self, projects: Sequence[int]) -> dict[str, Any]:
        """The ids, for a state that covers `projects`, which are in order; others are left out."""
        known = [number for number in projects if number in self._found]
        if not known:
            return {}
        packed = b"".join(self._found[number].to_bytes(_BYTES, "big") for number in known)
        result = {"ids": base64.b64encode(packed).decode("ascii")}
        if len(known) < len(projects):
            result["without"] = id_sets.encode(set(projects) - self._found.keys())
        return result

    @classmethod
    def load(cls, raw: Mapping[str, Any], projects: Collection[int]) -> HighestIds:
        """The ids of a state that covers `projects`.

        Raises:
            ValueError: `to_json` did not write them beside these projects.
        """
        highest_ids = cls()
        if not raw:
            return highest_ids
        without = id_sets.decode(raw["without"]) if "without" in raw else set()
        known = sorted(number for number in projects if number not in without)
        try:
            data = base64.b64decode(raw["ids"], validate=True)
        except binascii.Error as error:
            message = "the highest ids are not base64"
            raise ValueError(message) from error
        if len(data) != _BYTES * len(known):
            message = f"{len(data)} bytes are not the highest ids of {len(known)} projects"
            raise ValueError(message)
        for position, number in enumerate(known):
            start = _BYTES * position
            highest_ids.reach(number, int.from_bytes(data[start : start + _BYTES], "big"))
        return highest_ids
