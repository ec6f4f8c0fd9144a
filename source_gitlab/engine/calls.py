"""One call for whoever awaits it: it ends with its deadline, or when it is given up, at once."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from source_gitlab.gitlab.cancellation import Deadline, within

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def awaited(work: Callable[[Deadline], T], seconds: float) -> T:
    """What `work` brings, in a thread of its own, whose requests to GitLab end with the deadline.

    Whoever stops awaiting gives the call up: what it is waiting for is cut, and its thread ends.

    Raises:
        whatever `work` does.
        Cancelled, DeadlineExceeded: it was given up, or took longer than `seconds`.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    given_up = threading.Event()
    deadline = Deadline(seconds, cancelled=given_up)

    def settle(result: list[T], problem: BaseException | None) -> None:
        if done.done():
            return
        if problem is None:
            done.set_result(result[0])
        else:
            done.set_exception(problem)

    def run() -> None:
        result: list[T] = []
        problem: BaseException | None = None
        try:
            with within(deadline):
                result.append(work(deadline))
        except BaseException as error:  # noqa: BLE001 -- raised where it is awaited
            problem = error
        # A loop that has ended takes nothing, and nobody awaits anything there.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, problem)

    threading.Thread(target=run, name="call", daemon=True).start()
    try:
        return await done
    finally:
        given_up.set()
