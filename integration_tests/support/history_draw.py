"""Histories as hypothesis draws them, and a run of many with figures."""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from integration_tests.gitlab.world import OWNER
from integration_tests.support.histories import (
    FAULTS,
    INCREMENTAL,
    SCOPES,
    SIZES,
    Run,
    compared,
)
from integration_tests.support.history_changes import KINDS
from integration_tests.support.history_model import Event, History, Sync
from integration_tests.support.history_reading import Reading
from integration_tests.support.history_troubles import TROUBLES
from integration_tests.support.history_world import GUEST, PLANNER, REPORTER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from integration_tests.support.history_reading import Face

SMALL = st.integers(0, 63)
_ROUNDS = 8
# A history that reads many streams costs little more than one that reads two.
_AT_ONCE = 8

# Smaller numbers are what hypothesis tries when it looks for a smaller history that fails, too.
EVENTS = st.builds(
    Event,
    gap=st.integers(0, 5),
    number=st.integers(-1 - len(TROUBLES), len(KINDS) - 1),
    a=st.integers(0, max(63, len(FAULTS))),
    b=SMALL,
)
SYNCS = st.builds(
    Sync,
    events=st.lists(EVENTS, min_size=5, max_size=40).map(tuple),
    kill=st.one_of(st.just(0), st.integers(1, 40)),
    lossy=st.booleans(),
    choices=st.integers(0, 999),
    pause=st.sampled_from((0, 1, 30, 200, 3_000, 40_000, 100_000)),
    other_scope=st.one_of(st.just(0), st.just(0), st.integers(0, len(SCOPES))),
    level=st.sampled_from((0, 0, 0, 0, GUEST, PLANNER, REPORTER, OWNER)),
    start_days=st.sampled_from((0, 0, 0, 0, 1, 3, 30)),
)


def histories(among: Sequence[str], most: int = 4) -> st.SearchStrategy[History]:
    """Histories of two incremental streams to `most`, all of them among those named."""
    return st.builds(
        History,
        seed=st.integers(0, 9_999),
        streams=st.lists(
            st.sampled_from(among), min_size=min(2, len(among)), max_size=most, unique=True
        ).map(tuple),
        scope=st.integers(0, len(SCOPES) - 1),
        size=st.integers(0, len(SIZES) - 1),
        archived=st.booleans(),
        every_branch=st.booleans(),
        parallel=st.sampled_from((False, False, False, True)),
        imports=st.sampled_from((False, False, True)),
        syncs=st.lists(SYNCS, min_size=2, max_size=6).map(tuple),
    )


ANY = histories(INCREMENTAL)


@dataclass
class Figures:
    """What a run of many histories came to."""

    counts: Counter[str] = field(default_factory=Counter)
    started: float = field(default_factory=time.monotonic)

    def unread(self) -> list[str]:
        """The incremental streams of which no row was compared yet."""
        return [name for name in INCREMENTAL if not self.counts[compared(name)]]

    def __str__(self) -> str:
        """One line for people."""
        wanted = ("histories", "syncs", "kills", "faults", "changes", "requests")
        shown = [f"{self.counts[name]:,} {name}" for name in (*wanted, "rows compared")]
        seconds = time.monotonic() - self.started
        return f"{', '.join(shown)}; {self.counts['rows lost']:,} rows lost; {seconds:.0f} s"


def live_through(
    count: int,
    start: int,
    figures: Figures,
    face: Callable[[Run, Sync], Face] = Reading,
    drawn: st.SearchStrategy[History] = ANY,
) -> None:
    """Live through `count` of the histories `drawn`, the same ones for equal `start`.

    Each reads its streams with what `face` makes.

    Raises:
        AssertionError: a destination lacks something; the history is then the smallest that does.
    """

    @seed(start)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(history=drawn)
    def one(history: History) -> None:
        run = Run(history, face=face)
        problems = run.problems()
        run.figures["histories"] += 1
        figures.counts.update(run.figures)
        assert not problems, problems[:5]

    # Skips and refusals are the connector's to tell its users, in every history many times.
    logging.disable(logging.ERROR)
    try:
        one()
    finally:
        logging.disable(logging.NOTSET)


def reach_every_stream(
    start: int, figures: Figures, face: Callable[[Run, Sync], Face] = Reading
) -> None:
    """Live through more histories until a row of every incremental stream was compared.

    Raises:
        AssertionError: a destination lacks something, or no history reaches one of the streams.
    """
    for round_ in range(_ROUNDS):
        left = figures.unread()
        if left:
            live_through(len(left), start + round_, figures, face, histories(left, _AT_ONCE))
    assert not figures.unread(), f"no row was compared of {', '.join(figures.unread())}"
