"""Slices of a plan, read by themselves in any process: rows to a writer, and a result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from source_gitlab.engine.events import Progressed, Rows, SliceEnded
from source_gitlab.engine.plans import NOT_READ, PlanError, Result, SliceResult
from source_gitlab.engine.run import Job, Run
from source_gitlab.gitlab.errors import FatalError, GitlabError, Unauthorized
from source_gitlab.streams import streams

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator, Mapping, Sequence

    from source_gitlab.core.session import Session
    from source_gitlab.core.state import Progress
    from source_gitlab.engine.plans import PlannedSlice
    from source_gitlab.gitlab.pagination import Row

# What a later page says again, as far as the list was then read.
_SAID_AGAIN: Final = frozenset({"slice", "through", "position", "counts", "top"})


def read_slices(
    session: Session,
    planned: Sequence[PlannedSlice],
    write: Callable[[str, list[Row]], object],
    *,
    stop: threading.Event | None = None,
) -> Result:
    """Read slices of one plan over `session`; its threads read, and this one writes.

    `write` is called with the name of a stream and some of its rows, which are its own then. What
    came before a slice failed is written, and the result covers it.

    Raises:
        PlanError: the slices are of several plans, or of streams that this version does not have.
        Exception: what `write` raises, or a mistake of this program; there is no result then.
    """
    reading = SliceReading(session, planned, stop=stop)
    for name, rows in reading:
        write(name, rows)
    return reading.result()


class SliceReading:
    """Slices of one plan that are read; iterate over it once, then take the `result`.

    Raises:
        PlanError: the slices are of several plans, or of streams that this version does not have.
    """

    def __init__(
        self,
        session: Session,
        planned: Sequence[PlannedSlice],
        *,
        stop: threading.Event | None = None,
    ) -> None:
        """Start nothing yet."""
        self._session = session
        self._work = _Work(planned)
        self._stop = stop

    def __iter__(self) -> Generator[tuple[str, list[Row]], None, None]:
        """The names of streams, with some of their rows, until nothing more can be read.

        The result covers rows once the next ones are taken. Who leaves early ends the reading.

        Raises:
            Exception: a mistake of this program; there is no result then.
        """
        work = self._work
        try:
            for event in Run(self._session, work.jobs(), stop=self._stop):
                if isinstance(event, Rows):
                    work.counts[event.stream.name] += event.count
                    yield event.stream.name, event.rows
                elif isinstance(event, Progressed):
                    work.progress(event.slice, event.progress)
                elif isinstance(event, SliceEnded):
                    work.end(event.slice, event.problem)
        except GitlabError as error:
            work.give_up(error)
        if self._stop is not None and self._stop.is_set():
            work.ended = work.ended or "The read was stopped."

    def result(self) -> Result:
        """What came of it."""
        return self._work.result(self._session.report.to_json())


class _Work:
    """The slices under way, and what is known of them."""

    def __init__(self, planned: Sequence[PlannedSlice]) -> None:
        plans = {one["plan"] for one in planned}
        if len(plans) > 1:
            message = f"Slices of one plan are read together, not of {len(plans)}."
            raise PlanError(message)
        lacking = {one["slice"]["stream"] for one in planned} - streams().keys()
        if lacking:
            message = f"This version has no stream {', '.join(sorted(lacking))}."
            raise PlanError(message)
        self._plan = next(iter(plans), "")
        self._planned = planned
        # The engine hands slices back as they are, so they are known by their identity.
        self._of = {id(one["slice"]): self._begun(one) for one in planned}
        self.counts = {one["slice"]["stream"]: 0 for one in planned}
        self.ended: str | None = None
        self._is_refused = False

    @staticmethod
    def _begun(one: PlannedSlice) -> SliceResult:
        return SliceResult(
            number=one["number"],
            stream=one["slice"]["stream"],
            problem=NOT_READ,
            progress=[],
        )

    def jobs(self) -> list[Job]:
        """A job for each stream."""
        return [
            Job(
                streams()[name],
                state=None,
                slices=[one["slice"] for one in self._planned if one["slice"]["stream"] == name],
            )
            for name in self.counts
        ]

    def progress(self, slice_: Mapping[str, Any], progress: Progress) -> None:
        """Note what a page changed; what it says again of the one before is not kept twice."""
        known = self._of[id(slice_)]["progress"]
        if known and known[-1].keys() <= _SAID_AGAIN & progress.keys():
            known.pop()
        known.append(progress)

    def end(self, slice_: Mapping[str, Any], problem: Exception | None) -> None:
        """Note that a slice was read, or why not."""
        self._of[id(slice_)]["problem"] = None if problem is None else str(problem)

    def give_up(self, error: GitlabError) -> None:
        """Note why the rest was not read, or, of a slice that failed, nothing new."""
        if not isinstance(error, FatalError):
            return
        self.ended = str(error)
        self._is_refused = isinstance(error, Unauthorized)

    def result(self, report: dict[str, Any]) -> Result:
        """What came of it."""
        found = [self._of[id(one["slice"])] for one in self._planned]
        return Result(
            plan=self._plan,
            slices=[
                {**one, "problem": self.ended} if one["problem"] == NOT_READ and self.ended else one
                for one in found
            ],
            counts=self.counts,
            rows={},
            report=report,
            ended=self.ended,
            is_refused=self._is_refused,
        )
