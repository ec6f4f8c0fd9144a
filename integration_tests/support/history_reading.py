"""One sync of a history, as a face runs it."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from integration_tests.support.merge_patch import unfit
from source_gitlab.core.state import StreamState
from source_gitlab.gitlab.errors import FatalError, GitlabError
from source_gitlab.gitlab.raw_rows import text_of_row
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence

    from integration_tests.support.history_model import Sync
    from source_gitlab.core.session import Session
    from source_gitlab.core.slices import Page
    from source_gitlab.streams import Stream

Row = dict[str, Any]
Key = tuple[Any, ...]


class KilledError(Exception):
    """The sync was killed here."""


def taken(page: Page) -> list[Row]:
    """The rows of a page, which is left as the command line leaves it: with empty rows."""
    rows: list[Row] = [orjson.loads(text_of_row(row)) for row in page.rows]
    for row in page.rows:
        row.clear()
    return rows


class ProjectsListed(Protocol):
    """What a history keeps from one sync to the next."""

    states: dict[str, Any]
    tables: dict[str, dict[Key, Row]]
    figures: Counter[str]


class Face(Protocol):
    """What reads in a sync, and writes tables and states; with `raw_rows`, from rows as text."""

    raw_rows: bool

    def read(self, opened: Session, names: Sequence[str]) -> None:
        """Read these streams.

        Raises:
            KilledError: the sync's time has come.
            FatalError: nothing can be read.
        """


class Reading:
    """One sync as a face runs it: slices interleaved, states emitted behind the rows they cover."""

    def __init__(self, run: ProjectsListed, sync: Sync) -> None:
        self._run = run
        self._sync = sync
        self.raw_rows = bool(sync.choices % 2)
        self._choices = Random(sync.choices)
        self._pages = 0

    def read(self, opened: Session, names: Sequence[str]) -> None:
        """Read these streams one after the other.

        Raises:
            KilledError: the sync's time has come.
            FatalError: what was named is not there, so nothing can be read.
        """
        self._begin(opened, names)
        for name in names:
            self._stream(opened, streams()[name])

    def _begin(self, opened: Session, names: Sequence[str]) -> None:
        """Begin as faces do, which ask ahead for what streams without a state need first."""
        fresh = [streams()[name] for name in names if name not in self._run.states]
        try:
            opened.begin(fresh)
        except FatalError:
            raise
        except GitlabError:
            # Each stream finds it out by itself.
            self._run.figures["failed beginnings"] += 1

    def _stream(self, opened: Session, stream: Stream) -> None:
        state = StreamState.load(self._run.states.get(stream.name))
        waiting: list[Row] = []
        try:
            for _ in self._pages_of(opened, stream, state, waiting):
                if self._choices.random() < 0.3:
                    self._emit(stream, state, waiting)
        except KilledError:
            if not self._sync.lossy:
                self._write(stream, waiting)
            raise
        except FatalError:
            self._write(stream, waiting)
            raise
        except GitlabError:
            self._run.figures["failed streams"] += 1
        self._emit(stream, state, waiting)

    def _pages_of(
        self, opened: Session, stream: Stream, state: StreamState, waiting: list[Row]
    ) -> Iterator[None]:
        """Yields when everything in `waiting` may be covered by `state`."""
        planned = opened.plan(stream, state)
        under_way: list[Iterator[Page]] = []
        more = True
        while more or under_way:
            if more and (not under_way or self._choices.random() < 0.4):
                slice_ = next(planned, None)
                more = slice_ is not None
                if slice_ is not None:
                    slice_ = orjson.loads(orjson.dumps(slice_))
                    under_way.append(opened.read(stream, slice_, state))
                continue
            pages = self._choices.choice(under_way)
            try:
                waiting.extend(taken(next(pages)))
            except StopIteration:
                under_way.remove(pages)
            except FatalError:
                raise
            except GitlabError:
                self._run.figures["failed slices"] += 1
                under_way.remove(pages)
            self._pages += 1
            if self._pages == self._sync.kill:
                raise KilledError
            yield

    def _emit(self, stream: Stream, state: StreamState, waiting: list[Row]) -> None:
        self._write(stream, waiting)
        waiting.clear()
        written = orjson.loads(orjson.dumps(state.to_json()))
        problems = unfit(self._run.states.get(stream.name, {}), written)
        assert not problems, (stream.name, problems)
        self._run.figures["states written"] += 1
        self._run.states[stream.name] = written

    def _write(self, stream: Stream, rows: list[Row]) -> None:
        for row in rows:
            key = tuple(row[column] for column in stream.key)
            self._run.tables[stream.name][key] = row
