"""Giving up requests of one caller, while others use the same client.

A caller's event counts for its thread and for what that thread has others do ahead of it
(`core/prefetch.py`), so no function in between has to hand it on.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

_EVENTS: ContextVar[tuple[threading.Event, ...]] = ContextVar("events", default=())


@contextmanager
def given_up_on(event: threading.Event) -> Iterator[None]:
    """In the block, requests that wait for a limit or for another try end once `event` is set.

    They raise `Stopped`. One that is on its way to GitLab ends with its answer or its timeout.
    """
    token = _EVENTS.set((*_EVENTS.get(), event))
    try:
        yield
    finally:
        _EVENTS.reset(token)


def is_given_up() -> bool:
    """Whether the requests of this thread are wanted no more."""
    return any(event.is_set() for event in _EVENTS.get())
