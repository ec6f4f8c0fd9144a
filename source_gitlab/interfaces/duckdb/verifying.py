"""Comparing a file with GitLab: what is counted, what was found, and what is mended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from source_gitlab.core.membership import column_of
from source_gitlab.core.state import StreamState
from source_gitlab.core.verification.search import Difference
from source_gitlab.core.verification.verification import Compared, Uncompared, windows_of
from source_gitlab.gitlab.cancellation import given_up_on

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator

    from source_gitlab.core.session import Session
    from source_gitlab.core.slices import Place, Row
    from source_gitlab.core.verification.lists import CountedList
    from source_gitlab.core.verification.search import Key
    from source_gitlab.core.verification.verification import Event, Window
    from source_gitlab.interfaces.duckdb.store import Store
    from source_gitlab.streams import Stream


_OFF: Final = (
    "GitLab shows none there to this token: they are switched off, or the role is too low."
)
_LEFT: Final = (
    "They are no longer in what is chosen, or cannot be seen; `sync --full-refresh` takes rows out"
    " that are certainly gone."
)


@dataclass
class Counted:
    """A window that was counted: of which list, from when to when its rows were created.

    `after` is "" for the first row on, and both are None where a list is counted as a whole.
    `theirs` is GitLab's number, None where that is more than it counts, and `mine` the file's.
    """

    stream: str
    place: str
    after: str | None
    before: str | None
    theirs: int | None
    mine: int


@dataclass
class Found:
    """What differs in one window, by the keys of rows.

    `unsure` are sentences about rows that GitLab did not show and that stay all the same; `failed`
    when trying again may help.
    """

    stream: str
    place: str
    after: str | None
    before: str | None
    missing: list[dict[str, Any]] = field(default_factory=list)
    gone: list[dict[str, Any]] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    failed: bool = False


@dataclass
class Left:
    """A place that could not be compared, and why; `failed` when trying again may help."""

    stream: str
    place: str
    why: str
    failed: bool = False


@dataclass
class Result:
    """What a look at a file found. `is_mended` tells that what differed is mended."""

    counted: list[Counted] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    is_mended: bool = False
    requests: int = 0

    def of(self, stream: str) -> tuple[int, int]:
        """How many rows of a stream are missing in the file, and how many are gone."""
        mine = [one for one in self.found if one.stream == stream]
        return sum(len(one.missing) for one in mine), sum(len(one.gone) for one in mine)

    @property
    def differs(self) -> bool:
        """Whether any row is missing or gone."""
        return any(one.missing or one.gone for one in self.found)

    @property
    def failed(self) -> bool:
        """Whether something could not be compared that may be when it is tried again."""
        return any(one.failed for one in self.left) or any(one.failed for one in self.found)

    @property
    def is_unsure(self) -> bool:
        """Whether rows stay of which GitLab did not tell whether it has them."""
        return any(one.unsure for one in self.found)


class Verify:
    """One look at a file, over a session that has begun."""

    def __init__(
        self,
        session: Session,
        store: Store,
        streams: Iterable[Stream],
        *,
        repair: bool,
        thorough: bool = False,
    ) -> None:
        """Ask nothing yet. With `repair`, what differs is mended, a window at a time.

        With `thorough`, all rows are read in place of being counted.
        """
        self._thorough = thorough
        self._session = session
        self._store = store
        self._streams = [one for one in streams if one.counted is not None]
        self._repair = repair
        self._verification = session.verification()
        self._copy = store.copy()
        self.result = Result(is_mended=repair)

    def windows(
        self, since: str | None = None, is_due: Callable[[CountedList], bool] = lambda _: True
    ) -> list[Window]:
        """What is to be counted, in as few requests as are planned; why the rest is not.

        Nothing that was created before `since` is counted, where a list has such a filter.

        Raises:
            StateError: the file has a state that cannot be understood.
            GitlabError: GitLab could not be asked what is in scope.
        """
        return [window for one in self._streams for window in self._of(one, since, is_due)]

    def run(self, windows: list[Window], stopped: threading.Event) -> Iterator[Event]:
        """Count, look for what differs, and mend it; each thing that was found, once noted.

        Raises:
            StoreError: the file cannot be written; it is as of the last commit.
            FatalError: nothing more can be asked, or `stopped` was set.
        """
        with given_up_on(stopped):
            for event in self._verification.run(windows, self._copy, thorough=self._thorough):
                self._note(event)
                yield event

    def _of(
        self, stream: Stream, since: str | None, is_due: Callable[[CountedList], bool]
    ) -> Iterator[Window]:
        state = StreamState.load(self._store.state(stream.name), stream)
        lists = self._verification.lists(stream, state)
        for place, why in lists.left:
            self.result.left.append(Left(stream.name, self._called(place), why))
        if lists.owners is not None:
            self._note_others(stream, lists.owners)
        self._note_off(stream, lists.off)
        due = [one for one in lists.counted if is_due(one)]
        months: dict[int, list[tuple[str, int]]] = {}
        late: dict[int, int] = {}
        if any(one.dated for one in due):
            column = due[0].column
            months = self._copy.months(stream.name, column)
            until = {owner: one.until for one in due for owner in one.owners}
            late = self._copy.late(stream.name, column, until)
        for one in due:
            together: dict[str, int] = {}
            for owner in one.owners:
                for start, rows in months.get(owner, ()):
                    together[start] = together.get(start, 0) + rows
            behind = sum(late.get(owner, 0) for owner in one.owners)
            yield from windows_of(one, sorted(together.items()), behind, self._copy, since)

    def _note_others(self, stream: Stream, chosen: set[int]) -> None:
        """Tell of rows whose group or project is not among the chosen ones: it left, or is gone."""
        column = str(column_of(stream))
        others = self._copy.owners(stream.name, column).items()
        left = {owner: rows for owner, rows in others if owner not in chosen}
        if left:
            kind = column.removesuffix("_id")
            where = f"{len(left):,} {kind}{'s' * (len(left) > 1)}"
            rows = sum(left.values())
            self.result.left.append(Left(stream.name, where, f"{rows:,} rows. {_LEFT}"))

    def _note_off(self, stream: Stream, places: list[Place]) -> None:
        """Tell of rows whose project shows none any more, by a setting or to this role."""
        held = self._copy.owners(stream.name, str(column_of(stream))) if places else {}
        for place in places:
            if held.get(place.id or 0):
                self.result.left.append(Left(stream.name, self._called(place), _OFF))

    def _note(self, event: Event) -> None:
        if isinstance(event, Compared):
            window = event.window
            where = self._where(window.one, window)
            self.result.counted.append(Counted(*where, event.theirs, window.mine))
        elif isinstance(event, Difference):
            key = event.one.stream.key
            where = self._where(event.one, event)
            missing, gone = _keys(event.missing, key), _keys(event.gone, key)
            if missing or gone or event.unsure:
                self.result.found.append(Found(*where, missing, gone, event.unsure, event.failed))
            if self._repair and event:
                keys: list[Key] = [tuple(one.values()) for one in gone]
                self._store.mend(event.one.stream.name, event.missing, keys)
        elif isinstance(event, Uncompared):
            place = self._called(event.place)
            self.result.left.append(Left(event.stream, place, event.why, event.failed))

    def _where(
        self, one: CountedList, within: Window | Difference
    ) -> tuple[str, str, str | None, str | None]:
        span = within.span
        ends = (None, None) if span is None else (span.after, span.before)
        return one.stream.name, self._called(one.place), *ends

    def _called(self, place: Place) -> str:
        return self._session.report.called(place)


def _keys(rows: list[Row], key: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{name: row.get(name) for name in key} for row in rows]
