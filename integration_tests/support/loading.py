"""A sync into a destination of dlt that loads often, and may kill itself at a given moment.

`python -m integration_tests.support.loading CONFIG ADDRESS FORMAT MOMENT STREAM...`: `FORMAT` is a
table format or "-"; a `MOMENT` of 0 is none. Moments are what Python's audit hooks tell of files
that are opened, renamed and removed, from the first load on: dlt does so at each of its steps. At
its end it writes how many there were.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import TYPE_CHECKING

from source_gitlab.config import parse
from source_gitlab.core.session import Session
from source_gitlab.interfaces.dlt.destinations import target
from source_gitlab.interfaces.dlt.loader import Loader
from source_gitlab.interfaces.dlt.sync import sync_of, tables_of
from source_gitlab.interfaces.rows_file import DEEPEST
from source_gitlab.interfaces.sync_progress import PlainLines
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_TOLD = {"open", "os.rename", "os.remove", "os.mkdir", "shutil.move", "shutil.rmtree"}
_ROWS = 100


class _Moments:
    """Counts moments, and kills the process at one of them."""

    def __init__(self, last: int) -> None:
        self.count = 0
        self.is_on = False
        self._last = last

    def hook(self, event: str, _arguments: object) -> None:
        """Take an event of Python's."""
        if self.is_on and event in _TOLD:
            self.count += 1
            if self.count == self._last:
                os.kill(os.getpid(), signal.SIGKILL)


class _Watched(Loader):
    """A loader whose loads are moments to die at."""

    moments: _Moments

    def commit(self, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Load, and let moments pass from now on."""
        self.moments.is_on = True
        super().commit(states)


def main(config: str, address: str, table_format: str, moment: str, *names: str) -> int:
    """Sync these streams; 0 when all of them were read to their end."""
    place = target(address, table_format=None if table_format == "-" else table_format)
    assert place is not None
    wanted = {name: streams()[name] for name in names}
    parsed = parse(json.loads(config))
    progress = PlainLines(sys.stderr)
    moments = _Moments(int(moment))
    sys.addaudithook(moments.hook)
    tables = tables_of(wanted)
    with (
        Session(parsed, deepest=DEEPEST) as session,
        _Watched(place, tables, instance=parsed.base_url, former=None, warn=progress.note) as store,
    ):
        store.moments = moments
        session.begin()
        outcome = sync_of(session, store, wanted, progress, rows=_ROWS).run()
        moments.is_on = False
    sys.stdout.write(f"{moments.count}\n")
    return 0 if outcome.complete else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
