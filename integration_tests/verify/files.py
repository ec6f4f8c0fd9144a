"""DuckDB files of emulated GitLabs in this process, and what may happen to their rows."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import duckdb

from integration_tests.gitlab.emulator import Emulator
from integration_tests.gitlab.mutations import mutate
from integration_tests.gitlab.scale import scaled_world
from integration_tests.support.inprocess import Wire, session
from source_gitlab.interfaces.duckdb.daily_look import DailyLook
from source_gitlab.interfaces.duckdb.store import Store
from source_gitlab.interfaces.duckdb.verifying import Verify
from source_gitlab.interfaces.duckdb_types import table_of
from source_gitlab.interfaces.syncing import Outcome, Sync
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from integration_tests.gitlab.scaled_rows import Size
    from source_gitlab.interfaces.duckdb.verifying import Result
    from source_gitlab.interfaces.sync_progress import Standing

DAY = 86_400


class Silence:
    """A progress that nobody looks at."""

    def show(self, standing: Standing) -> None:
        """Show nothing."""

    def note(self, message: str) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Nothing to close."""


class SyncedFile:
    """A file, and the emulated GitLab that it is a copy of."""

    def __init__(
        self,
        emulator: Emulator,
        path: Path,
        names: Sequence[str],
        **settings: Any,
    ) -> None:
        self.emulator = emulator
        self.path = path
        self.names = tuple(names)
        self.settings = settings
        self.wire = Wire(emulator)

    @classmethod
    def scaled(cls, path: Path, size: Size, *names: str, **settings: Any) -> SyncedFile:
        """Of a world of this size, whose group is chosen."""
        emulator = Emulator(lambda: scaled_world(size))
        return cls(emulator, path, names, **{"groups_list": ["scaled"], **settings})

    def sync(
        self, *, deleted: str | None = None, full_refresh: bool = False, **settings: Any
    ) -> Outcome:
        """Bring the file up to date."""
        wanted = {name: streams()[name] for name in self.names}
        tables = {name: table_of(one) for name, one in wanted.items()}
        with (
            session(self.wire, **{**self.settings, **settings}) as opened,
            Store(self.path, tables, deleted=deleted) as store,
        ):
            opened.begin()
            stopped = threading.Event()
            store.deletions.at = opened.started()
            return Sync(
                opened,
                store,
                wanted.values(),
                progress=Silence(),
                full_refresh=full_refresh,
                behind=DailyLook(opened, store, Silence(), stopped),
            ).run(stopped)

    def verify(
        self,
        *,
        repair: bool = False,
        thorough: bool = False,
        since: str | None = None,
        between: Callable[[], None] = lambda: None,
        **settings: Any,
    ) -> Result:
        """Compare the file; `between` is called behind each thing that was found."""
        wanted = {name: streams()[name] for name in self.names}
        tables = {name: table_of(one) for name, one in wanted.items()}
        before = self.wire.requests
        with (
            session(self.wire, **{**self.settings, **settings}) as opened,
            Store(self.path, tables) as store,
        ):
            opened.begin()
            verify = Verify(opened, store, wanted.values(), repair=repair, thorough=thorough)
            windows = verify.windows(since)
            for _ in verify.run(windows, threading.Event()):
                between()
            verify.result.requests = self.wire.requests - before
            return verify.result

    def ids(self, stream: str, where: str = "true") -> set[int]:
        """The ids of the rows in a table."""
        return {number for (number,) in self.query(f"SELECT id FROM {stream} WHERE {where}")}  # noqa: S608

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """What a user who opens the file sees."""
        with duckdb.connect(str(self.path), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def lose(self, stream: str, ids: Sequence[int]) -> None:
        """Let rows be missing, as by a mistake of this program."""
        with duckdb.connect(str(self.path)) as connection:
            listed = ", ".join(map(str, ids))
            connection.execute(f"DELETE FROM {stream} WHERE id IN ({listed})")  # noqa: S608

    def delete(self, stream: str, ids: Sequence[int]) -> None:
        """Let GitLab have rows no more."""
        for number in ids:
            mutate(self.emulator, "delete", {"table": stream, "id": number})

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.emulator.world.clock.advance(int(seconds * 1_000_000))


def found(result: Result, what: str, stream: str) -> set[int]:
    """The ids of the rows of a stream that are `missing`, or `gone`."""
    entries = [entry for entry in result.found if entry.stream == stream]
    return {one["id"] for entry in entries for one in getattr(entry, what)}
