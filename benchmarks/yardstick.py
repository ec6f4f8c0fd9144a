"""How fast the machine was while a contender ran: a known piece of work, timed all the while.

A shared machine runs the same program half as fast again from one minute to the next, and by as
much faster. What a contender costs is therefore counted in yardsticks, the CPU that this work takes
on the same core in the same seconds, wherever two runs are compared: that takes the spread of equal
runs from 10 to 20 % down to 4 to 9 %.

A program too: it prints the moment (monotonic) and the CPU seconds of each piece of work, until it
is ended or nobody reads.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import fmean
from threading import Thread

from benchmarks.machine import pinned

# Often enough for a run of a second, and a fiftieth of the core.
_PAUSE = 0.1
# Beside a run that is too short to have a measurement of its own, in seconds.
_MARGIN = 1.0
_ROW = {
    "id": 1,
    "title": "A page of rows",
    "description": "is what contenders parse and write. " * 40,
    "labels": ["one", "two"],
    "author": {"id": 1, "name": "Ada", "username": "ada"},
    "updated_at": "2026-01-31T12:00:00.000Z",
}
_TEXT = json.dumps([_ROW] * 60)


def work() -> int:
    """What contenders do too: parse a page, look at each row, and write its line."""
    known = {}
    for number, row in enumerate(json.loads(_TEXT)):
        known[number, row["updated_at"]] = json.dumps({"type": "RECORD", "data": row})
    return sum(len(str(number)) for number in range(4000)) + len(known)


class Yardstick:
    """Runs the program on `core` until it is closed."""

    def __init__(self, core: int | None) -> None:
        self._times: list[tuple[float, float]] = []
        with pinned(core):
            self._process = subprocess.Popen(
                (sys.executable, "-m", "benchmarks.yardstick"),
                cwd=Path(__file__).parent.parent,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self) -> None:
        """End the program."""
        self._process.kill()
        self._reader.join()
        if self._process.stdout:
            self._process.stdout.close()
        self._process.wait()

    def between(self, begun: float, ended: float) -> float:
        """CPU seconds that the work took on average between two moments (monotonic)."""
        times = list(self._times)
        inside = [took for at, took in times if begun <= at <= ended]
        near = [took for at, took in times if begun - _MARGIN <= at <= ended + _MARGIN]
        return fmean(inside or near)

    def _read(self) -> None:
        for line in self._process.stdout or ():
            at, took = line.split()
            self._times.append((float(at), float(took)))


def main() -> None:
    """Work, and say how long it took."""
    while True:
        time.sleep(_PAUSE)
        begun = time.process_time()
        work()
        print(time.monotonic(), time.process_time() - begun, flush=True)


if __name__ == "__main__":
    main()
