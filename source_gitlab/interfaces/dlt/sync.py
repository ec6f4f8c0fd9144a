"""A sync into a destination of dlt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from source_gitlab.interfaces.duckdb_types import table_of
from source_gitlab.interfaces.syncing import Sync

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.core.session import Session
    from source_gitlab.interfaces.sync_progress import Progress
    from source_gitlab.interfaces.syncing import Store
    from source_gitlab.streams import Stream
    from source_gitlab.tables.table import StreamTable

# A load package costs a warehouse seconds to a minute, whatever is in it. A killed sync reads again
# what was read since the last one.
_SECONDS: Final = 120.0
_ROWS: Final = 200_000


def tables_of(streams: Mapping[str, Stream]) -> dict[str, StreamTable]:
    """The table of each stream."""
    return {name: table_of(stream) for name, stream in streams.items()}


def sync_of(  # noqa: PLR0913 -- each is a choice of its own
    session: Session,
    store: Store,
    streams: Mapping[str, Stream],
    progress: Progress,
    *,
    full_refresh: bool = False,
    seconds: float = _SECONDS,
    rows: int = _ROWS,
) -> Sync:
    """A sync that fills a load package for so many `seconds` or `rows`."""
    return Sync(
        session,
        store,
        streams.values(),
        progress=progress,
        full_refresh=full_refresh,
        commit_seconds=seconds,
        commit_rows=rows,
    )
