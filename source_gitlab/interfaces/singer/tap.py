"""Events of the engine as Singer's messages.

Of each stream: SCHEMA, then RECORDs. A STATE covers the records of all streams that came before it,
and is always the last line. Streams that are read as a whole have no state; with versions, their
last line is ACTIVATE_VERSION, by which targets remove what GitLab has no more.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from source_gitlab.core.origin_check import must_fit
from source_gitlab.core.selection import NotFound
from source_gitlab.engine.checkpoints import Checkpoint
from source_gitlab.engine.events import Begun, Ended, Failed, Rows, State
from source_gitlab.engine.run import Job, Run
from source_gitlab.gitlab.errors import GitlabError, Stopped
from source_gitlab.interfaces.singer import messages
from source_gitlab.interfaces.singer.settings import Versions
from source_gitlab.tables.conforming import Conformer

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from source_gitlab.core.session import Session
    from source_gitlab.core.slices import Row
    from source_gitlab.core.state import StreamState
    from source_gitlab.engine.events import Event
    from source_gitlab.interfaces.singer.catalog import Choice
    from source_gitlab.interfaces.singer.state import States
    from source_gitlab.streams import Stream

LOGGER = logging.getLogger("source_gitlab.singer")

# A STATE has the bookmarks of all streams. In large scopes it is written less often, but at least
# after 40,000 records or five minutes.
_LARGEST = 20 * 8 * 2_000


class Tap:
    """The messages of one run over `session`, which has begun.

    `errors` has the gravest error of each stream that is incomplete, by its name. `versions` says
    when streams that are read as a whole tell in the end that no other rows are left, and `every`
    how often a STATE is due.
    """

    def __init__(  # noqa: PLR0913 -- each is a choice of its own
        self,
        session: Session,
        chosen: Sequence[Choice],
        states: States,
        *,
        versions: Versions = Versions.NEVER,
        every: Callable[[], Checkpoint] = Checkpoint,
        stop: threading.Event | None = None,
    ) -> None:
        """Take the states from where the streams are read.

        Raises:
            StateError: one cannot be understood.
            OtherInstance: one was made with another GitLab.
        """
        self.errors: dict[str, Exception] = {}
        self._session = session
        self._chosen = {one.stream.name: one for one in chosen}
        self._states = states
        self._stop = stop
        self._loaded: Mapping[str, StreamState] = states.load(chosen, self._number_of)
        must_fit(self._loaded.values(), session.config)
        self._ended: set[str] = set()
        self._when = versions
        version = None if versions is Versions.NEVER else messages.new_version()
        self._versions = {
            name: version if self._can_replace(one) else None for name, one in self._chosen.items()
        }
        self._conformers = {
            name: Conformer(one.fields, one.left_out, _warn_of(name), has_extra=one.has_extra)
            for name, one in self._chosen.items()
        }
        self._every = every
        self._written = every()
        self._is_behind = True

    def lines(self) -> Generator[bytes, None, None]:
        """The messages, each time one or more whole lines, to the end of the run.

        Raises:
            what the run raises, behind the last STATE.
        """
        failure: Exception | None = None
        jobs = [Job(one.stream, self._loaded[name]) for name, one in self._chosen.items()]
        run = Run(self._session, jobs, every=self._every, shape=self._shaped, stop=self._stop)
        try:
            for event in run:
                yield from self._of(event)
        except Exception as error:  # noqa: BLE001 -- raised behind the state of what came
            failure = error
        for name in self._chosen:
            if name not in self._ended:
                self.errors.setdefault(name, failure or Stopped())
        yield messages.state(self._states.to_json())
        if failure is not None:
            raise failure

    def _of(self, event: Event) -> Iterator[bytes]:
        rows = 0
        if isinstance(event, Begun):
            yield messages.schema(self._chosen[event.stream.name])
        elif isinstance(event, Rows):
            rows = event.count
            yield event.rows
        elif isinstance(event, State):
            if not self._chosen[event.stream.name].is_full:
                self._states.keep(event.stream.name, event.state)
                self._is_behind = True
        elif isinstance(event, Failed):
            _log(event)
        elif isinstance(event, Ended):
            yield from self._end(event)
        if self._written.due(rows) and self._is_behind:
            line = messages.state(self._states.to_json())
            self._is_behind = False
            self._written.written(min(len(line), _LARGEST))
            yield line

    def _end(self, ended: Ended) -> Iterator[bytes]:
        name = ended.stream.name
        self._ended.add(name)
        if not ended.is_complete:
            self.errors[name] = ended.problem or Stopped()
            return
        version = self._versions[name]
        if version is None:
            return
        extent = self._session.extent(ended.stream)
        if extent.whole or (self._when is Versions.COMPLETE and extent.all_but):
            yield messages.activate_version(name, version)
        else:
            LOGGER.warning(
                "%s: some of it was skipped, so the target is not told that rows are gone.", name
            )

    def _shaped(self, stream: Stream, rows: list[Row]) -> bytes:
        """A page as lines, made by the thread that read it."""
        conform = self._conformers[stream.name].conform
        return messages.records(stream.name, map(conform, rows), self._versions[stream.name])

    def _can_replace(self, choice: Choice) -> bool:
        """Whether the rows of a run are all that there are.

        GitLab cannot give figures of past days again, and does not give rows of before the start
        date. A shard has but a part of them, and its target may have the others too.
        """
        stream = choice.stream
        if self._session.config.shard is not None:
            return False
        if not choice.is_full or stream.keeps or stream.span:
            return False
        return self._session.config.start_date is None or stream.snapshot or not stream.incremental

    def _number_of(self, kind: str, name: str) -> int | None:
        """The id of a chosen group or project by one of its names."""
        for one in self._session.inventory.roots().chosen:
            names = {text.casefold() for text in one.names}
            if one.kind == kind[0] and name.casefold() in names:
                return one.id
        return None


def _log(failed: Failed) -> None:
    """Say what failed; what was named in vain is said once for all streams, by others."""
    if not isinstance(failed.error, GitlabError):
        LOGGER.error("%s failed.", failed.stream.name, exc_info=failed.error)
    elif not isinstance(failed.error, NotFound):
        LOGGER.warning("%s: %s", failed.stream.name, failed.error)


def _warn_of(name: str) -> Callable[[str], None]:
    def warn(message: str) -> None:
        LOGGER.warning("%s%s", name, message)

    return warn
