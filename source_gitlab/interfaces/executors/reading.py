"""A read over any executor of `concurrent.futures`: planned here, read there, put together here."""

from __future__ import annotations

from collections import deque
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from source_gitlab.config import OAuth
from source_gitlab.core.session import Session
from source_gitlab.engine import process
from source_gitlab.engine.plans import (
    NOT_READ,
    applied,
    parts,
    planned,
    reported,
    states_of,
    unread,
)
from source_gitlab.engine.worker_sessions import config_of, for_worker
from source_gitlab.gitlab.connection import Connection, Share
from source_gitlab.gitlab.errors import FatalError
from source_gitlab.interfaces.choice import chosen
from source_gitlab.interfaces.executors.worker import run
from source_gitlab.redaction import redact
from source_gitlab.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Executor, Future

    from source_gitlab.engine.plans import Plan, PlannedSlice, Result
    from source_gitlab.engine.worker_sessions import Settings
    from source_gitlab.gitlab.auth import NewTokens
    from source_gitlab.interfaces.executors.writers import Writer

# Parts that wait at the executor for each process, so that none is idle while this one is.
_AHEAD = 2


@dataclass(frozen=True)
class Unread:
    """A slice that was not read to its end; its state is where its rows are."""

    stream: str
    container: str
    id: int
    problem: str


@dataclass(frozen=True)
class Outcome:
    """What a read brought: the `states` to go on from, by stream, and what did not come.

    `counts` are rows by stream; `rows` are those that no writer took. `problems` are of streams
    that could not be planned to their end. `report` is what was skipped or failed. `ended` is why
    the read ended early.
    """

    states: dict[str, dict[str, Any]]
    counts: dict[str, int]
    rows: dict[str, list[dict[str, Any]]]
    unread: list[Unread]
    problems: dict[str, str]
    report: dict[str, Any]
    ended: str | None

    @property
    def is_complete(self) -> bool:
        """Whether everything was read, but for what GitLab refused."""
        return not self.unread and not self.problems and self.ended is None


def plan(
    config: Settings,
    streams: Sequence[str] = (),
    states: Mapping[str, Any] | None = None,
    *,
    on_rotated: Callable[[NewTokens], None] | None = None,
) -> Plan:
    """Find out what has to be read of streams, given their states.

    `streams` are names or patterns, as `--select` takes them; those that are read by default where
    there are none. `states` are by stream: those of an `Outcome`, or of any other face. Only here,
    and in `read`, are OAuth tokens renewed, and `on_rotated` called with new ones before use.

    Raises:
        ConfigError, UsageError, StateError: what was given is wrong.
        GitlabError: nothing can be read.
    """
    with Session(config_of(config), on_rotated=on_rotated) as session:
        return planned(session, states_of(chosen(streams), states or {}))


def read(  # noqa: PLR0913 -- each is a choice of its own
    executor: Executor,
    config: Settings,
    streams: Sequence[str] = (),
    states: Mapping[str, Any] | None = None,
    *,
    processes: int,
    writer: Writer | None = None,
    kept: Callable[[Plan, Result], object] | None = None,
    on_rotated: Callable[[NewTokens], None] | None = None,
) -> Outcome:
    """Read streams in the workers of an executor.

    `config`, `streams`, `states` and `on_rotated` are those of `plan`, `writer` is that of `run`.
    `processes` is how many processes the executor has; each takes one of so many equal parts of
    `num_workers` and of the limits. `kept` is called with each result as it comes: whoever keeps it
    beside the plan can go on from there, should this process be killed.

    A slice that fails, or whose worker is killed, is among what was not read, its state stays, and
    the next read brings it.

    Raises:
        ConfigError, UsageError, StateError: what was given is wrong.
        GitlabError: nothing can be read.
    """
    known = config_of(config)
    with Connection(known, on_rotated=on_rotated) as connection:
        with Session(known, connection=connection) as session:
            found = planned(session, states_of(chosen(streams), states or {}))
        # Where a worker gets its configuration itself, it needs no more than a token that changes.
        is_given = not callable(config)
        work = _Reading(
            executor,
            connection,
            found,
            settings=for_worker(known) if is_given else config,
            writer=writer,
            processes=processes,
            kept=kept or (lambda _plan, _result: None),
        )
        work.read()
    return work.outcome()


def process_pool(processes: int) -> ProcessPoolExecutor:
    """A pool of so many new processes of this machine, set up for reading."""
    return ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=process.settle
    )


@dataclass
class _Reading:
    """A plan under way; the parts that wait, and those at the executor."""

    executor: Executor
    connection: Connection
    plan: Plan
    settings: Settings
    writer: Writer | None
    processes: int
    kept: Callable[[Plan, Result], object]
    results: list[Result] = field(default_factory=list)
    lost: dict[int, str] = field(default_factory=dict)
    ended: str | None = None
    stale: str | None = None

    def __post_init__(self) -> None:
        threads = Share(1, self.processes).workers(self.connection.config.num_workers)
        self._waiting = deque(parts(self.plan.slices, self.processes, threads))
        self._sent: dict[Future[Result], tuple[list[PlannedSlice], str | None]] = {}

    def read(self) -> None:
        """Read all parts, or until nothing more can be read."""
        try:
            while self._sent or (self._waiting and not self.ended):
                self._send()
                if not self._sent:
                    break
                for future in wait(self._sent, return_when=FIRST_COMPLETED).done:
                    self._take(future)
        finally:
            for future in self._sent:
                future.cancel()

    def outcome(self) -> Outcome:
        """What came of it."""
        left = unread(self.plan, self.results)
        rows: dict[str, list[dict[str, Any]]] = {}
        counts = dict.fromkeys(self.plan.states, 0)
        for result in self.results:
            for name, more in result["rows"].items():
                rows.setdefault(name, []).extend(more)
            for name, count in result["counts"].items():
                counts[name] += count
        return Outcome(
            states=applied(self.plan, self.results),
            counts=counts,
            rows=rows,
            unread=[
                self._unread(self.plan.slices[number], self.lost.get(number, problem))
                for number, problem in left.items()
            ],
            problems=self.plan.problems,
            report=reported([self.plan.report, *(one["report"] for one in self.results)]),
            ended=self.ended,
        )

    def _unread(self, one: PlannedSlice, problem: str) -> Unread:
        slice_ = one["slice"]
        why = self.ended if self.ended and problem == NOT_READ else problem
        return Unread(slice_["stream"], slice_["container"], slice_["id"], why)

    def _send(self) -> None:
        """Give parts to the executor, as many as it should have."""
        while self._waiting and not self.ended and len(self._sent) < _AHEAD * self.processes:
            try:
                token = self._token()
            except FatalError as error:
                self.ended = str(error)
                return
            if token is None and self._is_oauth:
                return  # to be renewed, once nobody uses the one there is
            part = self._waiting.popleft()
            try:
                future = self.executor.submit(
                    run,
                    part,
                    self.settings,
                    self.writer,
                    processes=self.processes,
                    token=token,
                )
            except RuntimeError as error:
                # Its workers are gone, or it was shut down.
                self.ended = f"The executor takes no more work: {_told(error)}"
                self._waiting.appendleft(part)
                return
            self._sent[future] = (part, token)

    @property
    def _is_oauth(self) -> bool:
        return isinstance(self.connection.config.credentials, OAuth)

    def _token(self) -> str | None:
        """The token for the next part; None: there is none to send, or not yet.

        A renewal ends the life of the token before, so it waits until no part uses that.
        """
        if not self._is_oauth:
            return None
        credentials = self.connection.credentials
        if (self.stale or credentials.is_due) and self._sent:
            return None
        token = credentials.token()
        if token == self.stale:
            credentials.renew(token)
            token = credentials.token()
        self.stale = None
        return token

    def _take(self, future: Future[Result]) -> None:
        part, token = self._sent.pop(future)
        try:
            result = future.result()
        except Exception as error:  # noqa: BLE001 -- a worker's: it is told with its slices
            problem = f"The worker failed: {_told(error)}"
            self.lost.update({one["number"]: problem for one in part})
            return
        self.results.append(result)
        self.kept(self.plan, result)
        if token is not None and result["is_refused"]:
            # What it left unread is read with the next token. If that is refused too, it is told.
            left = {one["number"] for one in result["slices"] if one["problem"] is not None}
            if left:
                self._waiting.appendleft([one for one in part if one["number"] in left])
            self.stale = token
            return
        if token is not None:
            self.connection.credentials.accepted(token)
        self.ended = self.ended or result["ended"]


def _told(error: BaseException) -> str:
    """An error of others for people: one line, without secrets."""
    text = " ".join(str(error).split())
    return redact(printable(f"{type(error).__name__}: {text}" if text else type(error).__name__))
