"""What a slice brings: the walk that its stream declares, over the list that the slice names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from source_gitlab.core.child_probe import ChildProbe
from source_gitlab.core.raw_columns import raw_columns
from source_gitlab.core.refusals import judged
from source_gitlab.core.row_validation import walkable
from source_gitlab.core.slices import Page, Slice
from source_gitlab.core.state import StreamState
from source_gitlab.core.transform import RowTransformer
from source_gitlab.core.walks.below import children
from source_gitlab.core.walks.changed_rows import queries_of
from source_gitlab.core.walks.changed_rows_cache import ChangedRowsCache
from source_gitlab.core.walks.late_rows import LateRows
from source_gitlab.core.walks.reading import Reading, Shared
from source_gitlab.core.walks.shared_lists import SharedLists
from source_gitlab.core.walks.table import WALKS
from source_gitlab.gitlab.errors import GitlabError
from source_gitlab.gitlab.lists import Arrivals, Lists, Streak
from source_gitlab.streams import root_of, streams
from source_gitlab.timestamps import instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from source_gitlab.config import Config
    from source_gitlab.core.inventory import Inventory
    from source_gitlab.core.opening import Opening
    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.core.skip_log import SkipLog
    from source_gitlab.core.walks.seek import FirstPage
    from source_gitlab.gitlab.client import Client
    from source_gitlab.gitlab.lists import Sound
    from source_gitlab.streams import Stream


class SliceReader:
    """Reads slices. Thread-safe; a slice is read by one thread, its requests by several."""

    def __init__(  # noqa: PLR0913 -- the parts of a session that it drives
        self,
        client: Client,
        config: Config,
        inventory: Inventory,
        prefetcher: Prefetcher,
        report: SkipLog,
        *,
        started: Callable[[], str],
        version: Callable[[], tuple[int, int]],
        entered: Callable[[Stream, StreamState], None],
        user: Callable[[], str | None],
        opening: Opening,
        raw_rows: bool,
    ) -> None:
        """Read over `client`; what is skipped below a slice goes to `report`.

        `started` tells when this read began, as far as GitLab's clocks are known by now, and
        `version` which GitLab this is. `entered` is called with each state that passes over rows
        for the sake of the start date. `user` is that of the token. With `raw_rows`, rows stay
        GitLab's text where nothing changes them.
        """
        self._client = client
        self._opening = opening
        self._raw_columns = raw_columns if raw_rows else _none
        self._streaks = {name: Streak() for name in streams()}
        self._shared = Shared(
            client,
            config,
            inventory,
            prefetcher,
            report,
            first=instant(config.start_date) if config.start_date else None,
            started=started,
            version=version,
            entered=entered,
            user=user,
            changed_rows=ChangedRowsCache(client.tuning.shared_rows),
            shared_lists=SharedLists(),
            late_rows=LateRows(config.lookback_minutes),
            child_probe=ChildProbe(client, prefetcher),
            transformers={name: RowTransformer(one) for name, one in streams().items()},
            raw_columns=self._raw_columns,
        )

    def pages(
        self, stream: Stream, slice_: Slice, state: StreamState, arrivals: Arrivals
    ) -> Iterator[Page]:
        """The rows of a slice, page by page, as users get them; `arrivals` note its answers.

        Raises:
            GitlabError: as `gitlab.errors` sorts it; Skipped when the list itself is refused.
        """
        lists, opened = self._opened(stream, slice_) or (self._lists(stream, slice_), None)
        lists.arrivals = arrivals
        arrivals.note()
        problem: GitlabError | None = None
        try:
            for page in rows_of(Reading(self._shared, stream, slice_, state, lists, opened)):
                page.missed += lists.take()
                yield page
        except GitlabError as error:
            problem = judged(stream, error)
        missed = lists.take()
        if missed:
            yield Page([], missed=missed)
        if problem is not None:
            raise problem

    def open(self, stream: Stream, kind: str, name: str) -> tuple[Lists, FirstPage]:
        """The first page of a stream's list in the group or project of this name in addresses.

        It is taken by the slice that reads the list from its start. Also what notes its rows that
        did not come.

        Raises:
            GitlabError: as `gitlab.errors` sorts it.
        """
        slice_ = Slice(container=kind, id=0)
        lists = self._lists(stream, slice_)
        seek = queries_of(Reading(self._shared, stream, slice_, StreamState(), lists))[0]
        seek = replace(seek, path=stream.address(kind, name))
        return lists, seek.open(self._shared.first)

    def _opened(self, stream: Stream, slice_: Slice) -> tuple[Lists, FirstPage] | None:
        if slice_.get("since") or "group" in slice_ or "position" in slice_:
            return None
        container, number = slice_["container"], slice_["id"]
        found: tuple[Lists, FirstPage] | None = self._opening.take(stream.name, container, number)
        # What is wrong with a page is said with the address that every other page has.
        return None if found is None or found[0].take() else found

    def _lists(self, stream: Stream, slice_: Slice) -> Lists:
        root = root_of(stream)
        sounds: list[Sound] = [walkable] if root.walk in {"seek", "jobs"} else []
        placed = self._shared.inventory.places.of_slice(stream, slice_)
        if placed is not None:
            sounds.append(placed)
        columns = self._raw_columns(root.name, stream.name)
        return Lists(
            self._client,
            stream.optional,
            self._streaks[stream.name],
            sounds,
            columns,
            paging=self._shared.paging(root),
        )


def _none(_name: str, _read: str) -> None:
    """No columns: rows are decoded whole."""


def rows_of(reading: Reading) -> Iterator[Page]:
    """The pages of a slice of any stream, with rows as users get them."""
    stream = reading.stream
    if stream.parent is not None:
        yield from children(reading, rows_of(reading.of(streams()[stream.parent])))
        return
    for page in WALKS[stream.walk](reading):
        page.rows = reading.transformed(page.rows)
        yield page
