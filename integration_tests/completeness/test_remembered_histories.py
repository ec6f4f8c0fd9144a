"""Histories in which rows were lost once, as small as they could be made."""

from __future__ import annotations

import pytest

from integration_tests.support.histories import Run
from integration_tests.support.history_model import Event, History, Sync
from integration_tests.support.history_reading import Reading

UPDATE = Event(gap=0, number=0, a=0, b=0)
PROJECT_FAILS = Event(gap=0, number=-6, a=0, b=0)
THREE_FAIL = Event(gap=3, number=-1, a=2, b=0)


def sync(*events: Event, kill: int = 0, choices: int = 0, other_scope: int = 0) -> Sync:
    """A sync after which no time passes."""
    return Sync(events, kill, lossy=False, choices=choices, pause=0, other_scope=other_scope)


def history(*syncs: Sync, streams: tuple[str, ...], size: int) -> History:
    """A history of the first selection, in one thread."""
    return History(
        seed=0,
        streams=streams,
        scope=0,
        size=size,
        archived=False,
        every_branch=False,
        parallel=False,
        imports=False,
        syncs=syncs,
    )


HISTORIES = {
    # A killed read went on with pages of another size, and parts of one that failed were numbered
    # by what had been asked for.
    "small pages of commits": history(
        sync(*[UPDATE] * 4, PROJECT_FAILS),
        sync(*[UPDATE] * 4, Event(0, 0, 0, 24), kill=10, choices=524, other_scope=2),
        sync(
            *(Event(5, 0, 0, 0), UPDATE, UPDATE, Event(1, 0, 0, 0), THREE_FAIL),
            other_scope=2,
        ),
        streams=("epic_links", "commit_discussions", "namespaces"),
        size=2,
    ),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_nothing_is_lost_again(name: str) -> None:
    """In its own order of requests, which later changes may move."""
    assert not Run(HISTORIES[name], face=Reading).problems()
