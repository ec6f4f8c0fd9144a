"""Which slices a read takes of several that share one GitLab: each slice belongs to one shard.

A project's slices belong to the shard that the project's id names, and so do its state and its
rows, whatever else is chosen now or later. So do those of a group, together with the list that it
has for all below it and with what enters that list; there each family of streams starts at another
shard, for there are few groups and many streams. The children of a stream go with it, because they
are read through it. What an instance has, and the groups and projects themselves, belong to one
shard as a whole.

A shard says nothing of what is another's: it may tell what is gone of its own rows only.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from source_gitlab.core.extent import Extent, Part
from source_gitlab.core.membership import column_of
from source_gitlab.streams import root_of

if TYPE_CHECKING:
    from source_gitlab.config import Shard
    from source_gitlab.core.slices import Slice
    from source_gitlab.streams import Stream

# What is read as a whole by one shard.
_WHOLE: Final = frozenset({"instance", "inventory"})


@dataclass(frozen=True)
class Sharding:
    """What belongs to `shard`; to None, everything does."""

    shard: Shard | None = None

    def owns(self, stream: Stream, container: str, number: int) -> bool:
        """Whether the slice of a group or project, or of all, is this shard's.

        What entered a group goes with the group: ask for that then.
        """
        if self.shard is None:
            return True
        known = self._part(stream, container, self.shard)
        return known.holds(0 if container in _WHOLE else number)

    def owns_slice(self, stream: Stream, slice_: Slice) -> bool:
        """The same of a slice."""
        if "group" in slice_:
            return self.owns(stream, "group", slice_["group"])
        return self.owns(stream, slice_["container"], slice_["id"])

    def is_split(self, kind: str) -> bool:
        """Whether the lists of a group show rows that are read by shards of other places."""
        return self.shard is not None and kind not in {*_WHOLE, "group", "project"}

    def narrowed(self, stream: Stream, kind: str, extent: Extent) -> Extent:
        """What a read may tell of what is gone: of rows that are certainly this shard's.

        `kind` is how the stream is read.
        """
        if self.shard is None:
            return extent
        if kind in _WHOLE:
            is_mine = self.owns(stream, kind, 0)
            return extent if is_mine else replace(extent, ids=frozenset(), all_but=False)
        if column_of(stream) == f"{kind}_id":
            return replace(extent, part=self._part(stream, kind, self.shard))
        # Nothing in a row tells whose it is, unless the places are named that were read.
        return replace(extent, ids=frozenset(), all_but=False) if extent.all_but else extent

    @staticmethod
    def _part(stream: Stream, container: str, shard: Shard) -> Part:
        family = zlib.crc32(root_of(stream).name.encode())
        first = 0 if container == "project" else family % shard.of
        return Part(first, shard.of, shard.part - 1)
