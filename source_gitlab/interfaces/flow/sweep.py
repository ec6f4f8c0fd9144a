"""One read of the bindings that are due: a session, its rows as documents, its states."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING, Any

from source_gitlab.core.selection import NotFound
from source_gitlab.engine.checkpoints import Checkpoint
from source_gitlab.engine.events import Ended, Rows, State
from source_gitlab.engine.run import Job, Run

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable

    from source_gitlab.core.session import Session
    from source_gitlab.core.slices import Row
    from source_gitlab.engine.events import Event
    from source_gitlab.interfaces.flow.binding import Binding, Documents
    from source_gitlab.interfaces.flow.output import Output
    from source_gitlab.streams import Stream

LOGGER = logging.getLogger("source_gitlab.flow")


class Sweep:
    """Reads `bindings` over `session`; run it once.

    Each checkpoint has the documents of one binding since its last one, and the state behind them.
    """

    def __init__(
        self,
        session: Session,
        bindings: Iterable[Binding],
        output: Output,
        *,
        now: str,
        every: Callable[[], Checkpoint] = Checkpoint,
    ) -> None:
        """Read nothing yet; `session` has begun, which is `now` by this machine's clock."""
        self._session = session
        self._bindings = {one.stream.name: one for one in bindings}
        self._output = output
        self._every = every
        self._now = now
        self._began = session.started()
        self.problems: dict[str, Exception | None] = {}
        self.documents = 0

    def run(self, stopped: threading.Event) -> None:
        """Read everything; when `stopped` is set it ends early, behind a last checkpoint of each.

        Raises:
            OutputError: the runtime does not read any more.
            FatalError: nothing more could be read.
            Exception: a mistake of this program, behind all checkpoints.
        """
        jobs = [
            Job(one.stream, one.begin(self._now, self._began)) for one in self._bindings.values()
        ]
        run = Run(
            self._session,
            jobs,
            every=self._every,
            shape=self._shaped,
            stop=stopped,
            is_told_more=True,
        )
        with closing(iter(run)) as events:
            for event in events:
                self._take(event)

    def _shaped(self, stream: Stream, rows: list[Row]) -> Documents:
        return self._bindings[stream.name].shaped(rows)

    def _take(self, event: Event) -> None:
        if isinstance(event, Rows):
            binding = self._bindings[event.stream.name]
            self._tell_of(binding, event.rows.too_large)
            binding.take(event.rows, event.owner)
            if binding.is_much:
                self._commit(binding, None)
        elif isinstance(event, State):
            self._commit(self._bindings[event.stream.name], event.state)
        elif isinstance(event, Ended):
            self._end(event)

    def _commit(self, binding: Binding, state: Any, *, is_end: bool = False) -> None:
        lines, patch = binding.taken(state, is_end=is_end)
        self.documents += len(lines)
        if lines or patch:
            self._output.commit(lines, patch)

    def _end(self, ended: Ended) -> None:
        binding, problem = self._bindings[ended.stream.name], ended.problem
        if ended.is_finished:
            extent = self._session.extent(ended.stream) if binding.is_read_whole else None
            # What was named in vain is told, and nothing of it can be read again.
            is_read = problem is None or isinstance(problem, NotFound)
            binding.end(extent, self._now, self._began, is_read=is_read)
            self.problems[ended.stream.name] = problem
            if problem is not None:
                LOGGER.warning("%s: not read whole. %s", ended.stream.name, problem)
        self._commit(binding, None, is_end=ended.is_finished)
        if binding.ledger is not None and binding.ledger.is_full:
            LOGGER.warning(
                "%s: there is no room in the state for the keys of all its rows. Those beyond come"
                " with every read, and their deletions are not captured.",
                ended.stream.name,
            )

    def _tell_of(self, binding: Binding, rows: list[Row]) -> None:
        for row in rows:
            LOGGER.error(
                "%s: the row %s is larger than the runtime takes (16 MB). It was left out, and is"
                " read again next time.",
                binding.stream.name,
                row,
            )
