"""What a history is made of: plain data, which hypothesis can draw, repeat and make smaller."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """Something that happens after `gap` more requests: a change of the world, or a fault.

    A fault has a negative number: -1 strikes `a` requests, and `b` says how; below that it is a
    trouble that lasts until the sync ends, of the kind that the number says.
    """

    gap: int
    number: int
    a: int
    b: int


@dataclass(frozen=True)
class Sync:
    """One sync. It is killed after `kill` pages, if that is not 0.

    `choices` decides which slice is read on and when a state is emitted; `lossy` lets a killed
    sync lose the rows behind its last state; `pause` are the seconds after it. `other_scope`, if
    not 0, is a selection that the user tries out in this sync. `level`, if not 0, is the reader's
    role in the group `top` from now on, and `start_days`, if not 0, is how many days before the
    history begins the start date of this sync lies.
    """

    events: tuple[Event, ...]
    kill: int
    lossy: bool
    choices: int
    pause: int
    other_scope: int = 0
    level: int = 0
    start_days: int = 0


@dataclass(frozen=True)
class History:
    """A history; `parallel` reads with several threads, so that it may not repeat exactly.

    With `imports`, rows arrive that look old, and nothing is deleted or taken out of sight: what
    arrives on a day on which as much leaves is not promised.
    """

    seed: int
    streams: tuple[str, ...]
    scope: int
    size: int
    archived: bool
    every_branch: bool
    parallel: bool
    imports: bool
    syncs: tuple[Sync, ...]
