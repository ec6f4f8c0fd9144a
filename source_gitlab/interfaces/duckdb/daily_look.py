"""The part of `verify` that each day's first sync does: every list is counted within a week."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from source_gitlab.core.sweeps import due
from source_gitlab.gitlab.errors import FatalError, GitlabError
from source_gitlab.interfaces.duckdb.verifying import Verify
from source_gitlab.timestamps import day

if TYPE_CHECKING:
    import threading

    from source_gitlab.core.session import Session
    from source_gitlab.core.verification.lists import CountedList
    from source_gitlab.interfaces.duckdb.store import Store
    from source_gitlab.interfaces.sync_progress import Progress
    from source_gitlab.streams import Stream

# With a sync each day, a list is counted within a week.
_DAYS: Final = 6


@dataclass(frozen=True)
class DailyLook:
    """Counts the lists that are due, and mends what differs; each at an instant of its own."""

    session: Session
    store: Store
    progress: Progress
    stopped: threading.Event

    def __call__(self, read: list[Stream], compared: list[Stream]) -> None:
        """Look, behind a sync that has read these streams, and `compared` those as a whole.

        Raises:
            StoreError: the file cannot be written; it is as of the last commit.
            FatalError: nothing more can be asked.
        """
        try:
            self._look(read, compared)
        except FatalError:
            if not self.stopped.is_set():
                raise
        except GitlabError as error:
            self.progress.note(f"The file could not be counted beside GitLab. {error}")

    def _look(self, read: list[Stream], compared: list[Stream]) -> None:
        store, began = self.store, self.session.started()
        store.note_verified([one.name for one in compared if one.counted is not None], began)
        last: dict[str, str] = {}
        for stream in read:
            at = store.verified(stream.name) if stream.counted is not None else None
            if at is not None and day(at) < day(began):
                last[stream.name] = at
            elif at is None and stream.counted is not None:
                # All of it was read just now, or by a version that noted nothing.
                store.note_verified([stream.name], began)
        if not last:
            return

        def is_due(one: CountedList) -> bool:
            return due(one.slice_["id"], began, days=_DAYS) > last[one.stream.name]

        verify = Verify(self.session, store, [one for one in read if one.name in last], repair=True)
        for _ in verify.run(verify.windows(is_due=is_due), self.stopped):
            pass
        failed = [one for one in verify.result.left if one.failed]
        for left in failed:
            where = f"{left.stream} of {left.place}"
            self.progress.note(f"{where} could not be counted beside GitLab's. {left.why}")
        names = {one.stream for one in failed}
        store.note_verified([name for name in last if name not in names], began)
