"""Histories that are read over a pool of processes, some of which are killed, as users do it."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import orjson

from integration_tests.support.history_distributed import Newest, put_together, through_json
from integration_tests.support.inprocess import TOKEN
from integration_tests.support.served import served
from source_gitlab.distributed import JsonLines, process_pool, read
from source_gitlab.gitlab.errors import FatalError, GitlabError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor

    from typing_extensions import Self

    from integration_tests.support.histories import Run
    from integration_tests.support.history_model import Sync
    from source_gitlab.core.session import Session
    from source_gitlab.distributed import Plan, Result
    from source_gitlab.interfaces.executors.writers import Write

PROCESSES = 2
# Rows carry when they were read, by the clock that all processes of this machine have.
_READ_AT = "read_at of the test"


@dataclass(frozen=True)
class Fated:
    """`JsonLines` in a worker that is killed, or whose disk is full, over its `page`th page.

    That is once `after` files are in place, and once: where `mark` is there, nothing more happens.
    """

    folder: str
    mark: str
    page: int
    after: int
    is_killed: bool

    @contextmanager
    def __call__(self) -> Iterator[Write]:
        """Open the place for the rows of one part."""
        pages = 0
        with JsonLines(self.folder)() as into:

            def write(stream: str, rows: list[dict[str, Any]]) -> None:
                nonlocal pages
                now = time.monotonic_ns()
                into(stream, [{**row, _READ_AT: now} for row in rows])
                pages += 1
                if self.page and pages >= self.page and self._is_time():
                    if self.is_killed:
                        os.kill(os.getpid(), signal.SIGKILL)
                    raise OSError(28, "No space left on device")

            yield write

    def _is_time(self) -> bool:
        if sum(1 for _ in Path(self.folder).glob("*.jsonl")) < self.after:
            return False
        try:
            Path(self.mark).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


class PoolHistories:
    """Makes what reads in each sync of a history, over one pool until a worker is killed.

    Use it as a context manager; it writes into `folder`. A failed request waits for its next try in
    real time, as long as the environment says.
    """

    def __init__(self, folder: Path) -> None:
        """No history has begun."""
        self._folder = folder
        self._run: Run | None = None
        self._server = ExitStack()
        self._pool = ExitStack()
        self._syncs = 0
        self.executor: Executor | None = None
        self.url = ""
        self.newest = Newest()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.renew()
        self._server.close()

    def __call__(self, run: Run, sync: Sync) -> PoolReading:
        """What reads in this sync of a history."""
        is_first = run is not self._run
        if is_first:
            self._run = run
            self._server.close()
            self.url = self._server.enter_context(served(run.wire))
            self.newest = Newest()
        if self.executor is None:
            self.executor = self._pool.enter_context(process_pool(PROCESSES))
        self._syncs += 1
        folder = self._folder / str(self._syncs)
        return PoolReading(run, sync, self, folder, is_first=is_first)

    def renew(self) -> None:
        """Let the next sync have a pool of its own."""
        self._pool.close()
        self.executor = None


class PoolReading:
    """One sync through `read`: a worker is killed, or fails; results are applied in any order.

    The first one of a history is always killed: what it has not read is old, and the next one must
    read it all the same.
    """

    raw_rows = False

    def __init__(
        self, run: Run, sync: Sync, of: PoolHistories, folder: Path, *, is_first: bool
    ) -> None:
        """Let `sync.choices` decide everything."""
        self._run = run
        self._of = of
        self._folder = folder
        self._choices = Random(sync.choices)
        # Where nothing happens any more, all is read.
        page = 1 if is_first else self._choices.choice([0, 1, 1, 1, 2])
        self._page = page if sync.events else 0
        self._has_faults = any(event.number < 0 for event in sync.events)
        self._is_killed = is_first or self._choices.random() < 0.5
        self._after = self._choices.randrange(2 if is_first else 4)
        self._kept: list[tuple[Plan, Result]] = []

    def read(self, opened: Session, names: Sequence[str]) -> None:
        """Read these streams.

        Raises:
            FatalError: nothing can be read.
        """
        figures = self._run.figures
        assert self._of.executor is not None
        mark = self._folder.with_suffix(".mark")
        writer = Fated(str(self._folder), str(mark), self._page, self._after, self._is_killed)
        config = opened.config
        fields = {
            "api_url": self._of.url,
            "credentials": {"auth_type": "access_token", "access_token": TOKEN},
            "groups_list": list(config.groups),
            "projects_list": list(config.projects),
            "include_archived": config.include_archived,
            "commit_refs": config.commit_refs,
            "num_workers": 2 * PROCESSES,
            **({"start_date": config.start_date} if config.start_date else {}),
        }
        try:
            done = read(
                self._of.executor,
                fields,
                names,
                self._run.states,
                processes=PROCESSES,
                writer=writer,
                kept=lambda plan, result: self._kept.append((plan, through_json(result))),
            )
        except FatalError:
            raise
        except GitlabError:
            figures["failed streams"] += len(names)
            return
        if mark.exists():
            figures["killed workers" if self._is_killed else "full disks"] += 1
            if self._is_killed:
                self._of.renew()
        elif done.ended is not None:
            assert self._has_faults, done.ended
            figures["reads that ended early"] += 1
        figures["unread"] += len(done.unread)
        states = through_json(done.states)
        if self._kept:
            plan = self._kept[0][0]
            assert put_together(plan, [one for _, one in self._kept], self._choices) == states
        self._run.states.update(states)
        figures["states written"] += 1
        for file in self._folder.glob("*.jsonl"):
            name = file.stem.rpartition("-")[0]
            for row in map(orjson.loads, file.read_bytes().splitlines()):
                read_at = row.pop(_READ_AT)
                self._of.newest.write(self._run, name, row, read_at)
