"""Where a stream of Spark keeps what it plans and reads: a batch that runs again is then the same.

    00000001-<plan>/plan.json     the plan, when it began, and its parts
                    0/pages.jsonl what a part has: pages of rows, one a line, and last its result
                    state.json    the state to go on from, once Spark has written the batch

A part is in place as a whole or not at all, and the first one stays: whichever attempt of a task
is the one whose rows count, and however often Spark runs a batch, these are its rows, and the state
is the one that covers them.
"""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from source_gitlab.engine.exit_codes import UsageError
from source_gitlab.engine.plans import Plan, applied, parts_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from source_gitlab.engine.plans import PlannedSlice

Offset = dict[str, Any]
"""How far a stream came: the number of the last `batch`, and its `plan`."""

BEGINNING: Final[Mapping[str, Any]] = {"batch": 0, "plan": ""}
_PAGES: Final = "pages.jsonl"


class Staging:
    """A folder that the driver and all executors see, of one checkpoint of Spark alone."""

    def __init__(self, folder: str) -> None:
        """Make nothing yet."""
        self._folder = Path(folder)

    def add(self, start: Offset, plan: Plan, began: str, readers: int) -> Offset:
        """Keep the plan of the batch behind `start`, in a part for each reader."""
        offset = {"batch": start["batch"] + 1, "plan": plan.id}
        # The parts, too: another version may cut them differently, and what is staged is of these.
        parts = [[one["number"] for one in part] for part in parts_for(plan.slices, readers)]
        kept = {"plan": plan.to_json(), "began": began, "parts": parts}
        # A folder without a plan is nobody's, so it may stay behind where this process is killed.
        place = self._place(offset)
        place.mkdir(parents=True)
        _write(place / "plan.json", orjson.dumps(kept))
        return offset

    def planned(self, offset: Offset) -> tuple[Plan, str, list[tuple[list[PlannedSlice], str]]]:
        """The plan of a batch, when it began, and its parts with the place of each.

        Raises:
            UsageError: it is not in the folder.
            PlanError: another version of the connector has planned it.
        """
        place = self._place(offset)
        try:
            kept = orjson.loads((place / "plan.json").read_bytes())
        except FileNotFoundError:
            message = (
                f"The folder {self._folder} of the option staging has nothing of the batch"
                f" {offset['batch']} that Spark's checkpoint speaks of. Give the folder that was"
                " used with the checkpoint: each has one of its own. Or start with a new checkpoint"
                " and a new folder, which reads all again."
            )
            raise UsageError(message) from None
        plan = Plan.load(kept["plan"])
        slices = {one["number"]: one for one in plan.slices}
        parts = [
            ([slices[number] for number in numbers], str(place / str(name)))
            for name, numbers in enumerate(kept["parts"])
        ]
        return plan, kept["began"], parts

    def state(self, offset: Offset) -> dict[str, Any]:
        """The state of the stream after a batch that Spark has written, by the stream's name.

        Raises:
            UsageError, PlanError: as `planned` does.
        """
        settled = self._place(offset) / "state.json"
        if settled.exists():
            found: dict[str, Any] = orjson.loads(settled.read_bytes())
            return found
        plan, _, parts = self.planned(offset)
        results = [list(staged(place))[-1] for _, place in parts if is_staged(place)]
        states = applied(plan, results)
        _write(settled, orjson.dumps(states))
        return states

    def settle(self, offset: Offset) -> None:
        """Keep no more of what Spark has written, up to this batch, than its plan and state."""
        self.state(offset)
        own = self._place(offset)
        for place in self._folder.glob("[0-9]*-*"):
            if place == own:
                for part in place.iterdir():
                    if part.is_dir():
                        shutil.rmtree(part)
            elif int(place.name.partition("-")[0]) <= offset["batch"]:
                shutil.rmtree(place)

    def _place(self, offset: Offset) -> Path:
        return self._folder / f"{offset['batch']:08}-{offset['plan']}"


def is_staged(place: str) -> bool:
    """Whether a part was read."""
    return (Path(place) / _PAGES).exists()


def staged(place: str) -> Iterator[Any]:
    """What a part has: pages of rows, and last its result."""
    with (Path(place) / _PAGES).open("rb") as lines:
        yield from map(orjson.loads, lines)


def stage(place: str, read: Iterable[Any]) -> None:
    """Put what is read into its place, if no other attempt has done so meanwhile.

    Raises:
        UsageError: this machine does not see the folder.
    """
    made = Path(f"{place}.{uuid.uuid4().hex}")
    if not made.parent.exists():
        message = (
            f"An executor does not see {made.parent}: the option staging is a folder that the"
            " driver and all executors see under one path."
        )
        raise UsageError(message)
    made.mkdir()
    with (made / _PAGES).open("wb") as file:
        file.writelines(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in read)
        file.flush()
        os.fsync(file.fileno())
    try:
        made.rename(place)
    except OSError:
        # A folder that has something is not replaced.
        if not is_staged(place):
            raise
        shutil.rmtree(made)


def _write(path: Path, body: bytes) -> None:
    made = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    with made.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    made.replace(path)
