"""Sweeps: once a week, all parents are read again, for changes of theirs that do not move them.

Each group or project has an instant of the week of its own, so that not all of them are due at
once. No state is needed to know it: a sweep is due when the instant lies between the watermark and
now, and the watermark passes it only at the end of the sweep. A sweep that was interrupted goes on
from the watermark, which it has put back.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from source_gitlab.timestamps import plus

if TYPE_CHECKING:
    from source_gitlab.core.slices import Slice

_EPOCH: Final = datetime(2018, 1, 1, tzinfo=timezone.utc)
_MINUTES: Final = 7 * 24 * 60
# A prime, so that ids one behind the other are hours apart.
_STEP: Final = timedelta(minutes=6151)


def swept(slice_: Slice, position: dict[str, Any] | None) -> tuple[bool, dict[str, Any] | None]:
    """Whether the slice is a sweep, whose `since` is changed then; and the position that is left.

    `position` is where an earlier read of the slice had come to.
    """
    if position and "sweep" in position:
        return True, None
    since = slice_["since"]
    if since is None or since >= due(slice_["id"], slice_["start"]):
        return False, position
    slice_["since"] = None
    # A position with a lower bound is that of a read which was no sweep.
    return True, None if position and "since" in position else position


def due(number: int, now: str, *, days: int = 7) -> str:
    """The latest instant up to `now` at which a sweep of the group or project was due.

    One is due every so many `days`.
    """
    moment = datetime.fromisoformat(now.replace("Z", "+00:00"))
    passed = (moment - _EPOCH - number % _MINUTES * _STEP) % timedelta(days=days)
    return plus(now, seconds=-passed.total_seconds())
