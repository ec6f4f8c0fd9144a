"""What a walk gets: the slice that it reads, and what all slices of a read share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from source_gitlab.core.slices import Place, columns_of, list_of
from source_gitlab.streams.vocabulary import Paging

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from source_gitlab.config import Config
    from source_gitlab.core.child_probe import ChildProbe
    from source_gitlab.core.inventory import Inventory
    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.core.skip_log import SkipLog
    from source_gitlab.core.slices import Row, Slice
    from source_gitlab.core.state import StreamState
    from source_gitlab.core.transform import RowTransformer
    from source_gitlab.core.walks.changed_rows_cache import ChangedRowsCache
    from source_gitlab.core.walks.late_rows import LateRows
    from source_gitlab.core.walks.seek import FirstPage
    from source_gitlab.core.walks.shared_lists import SharedLists
    from source_gitlab.gitlab.client import Client, Query
    from source_gitlab.gitlab.lists import Lists
    from source_gitlab.gitlab.raw_rows import RawColumns
    from source_gitlab.streams import Stream


@dataclass(frozen=True)
class Shared:
    """The parts of a session that walks use.

    `first` is the start date. `started` tells when this read began, as far as GitLab's clocks are
    known by now, and `version` which GitLab this is. `entered` is called with each state that
    passes over rows for the sake of the start date. `user` is the id of the token's user, with a
    `+` behind one who sees everything, or None where GitLab does not tell. `raw_columns` is that of
    core/raw_columns.py, or says that all rows are decoded whole.
    """

    client: Client
    config: Config
    inventory: Inventory
    prefetcher: Prefetcher
    report: SkipLog
    first: str | None
    started: Callable[[], str]
    version: Callable[[], tuple[int, int]]
    entered: Callable[[Stream, StreamState], None]
    user: Callable[[], str | None]
    changed_rows: ChangedRowsCache
    shared_lists: SharedLists
    late_rows: LateRows
    child_probe: ChildProbe
    transformers: Mapping[str, RowTransformer]
    raw_columns: Callable[[str, str], RawColumns | None]

    def paging(self, stream: Stream) -> Paging:
        """How this GitLab cuts the lists of a stream into pages."""
        since = stream.paged_since
        return stream.paging if since is None or self.version() >= since else Paging.NONE


@dataclass(frozen=True)
class Reading:
    """One slice of a stream, being read through `lists`; `state` is that of the stream.

    `opened` is the first page of the slice's list, where it was asked for before.
    """

    shared: Shared
    stream: Stream
    slice_: Slice
    state: StreamState
    lists: Lists
    opened: FirstPage | None = None

    def of(self, stream: Stream) -> Reading:
        """The same slice, read for another stream."""
        return replace(self, stream=stream)

    def address(self) -> tuple[str, Query]:
        """The path of the slice's list below /api/v4, and its query."""
        slice_ = self.slice_
        if self.stream.is_named_by_path:
            slice_ = slice_.copy()
            slice_["path"] = self.path()
        return list_of(self.stream, slice_, archived=self.shared.config.include_archived)

    def path(self) -> str:
        """The full path of the slice's group or project; "" where it is of neither.

        Raises:
            GitlabError: nobody listed it yet, and it could not be asked for.
        """
        kind, number = self.slice_["container"], self.slice_["id"]
        if kind not in {"group", "project"}:
            return ""
        known = self.shared.inventory.path_of(Place(kind, number)) or self.slice_.get("path")
        if known is not None:
            return known
        row = self.lists.one(f"{kind}s/{number}")
        return str(row["full_path" if kind == "group" else "path_with_namespace"])

    @property
    def url(self) -> str:
        """The address of the slice's list."""
        return f"{self.lists.api_url}/{self.address()[0]}"

    @property
    def since(self) -> str | None:
        """The instant from which rows are read; None: all of them."""
        first = self.shared.first if self.stream.incremental else None
        return self.slice_["since"] or first

    def transformed(self, rows: list[Row]) -> list[Row]:
        """Rows as users get them, changed in place; those of other streams are left out."""
        return self.shared.transformers[self.stream.name].transform(rows, columns_of(self.slice_))
