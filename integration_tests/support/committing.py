"""A sync that commits after every page, and says how far it is: for tests that kill it.

`python -m integration_tests.support.committing CONFIG PATH STREAM...` writes a line of JSON after
each commit, with how many rows are in the file and how many requests were sent by then.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from source_gitlab.config import parse
from source_gitlab.core.session import Session
from source_gitlab.interfaces.duckdb.store import Store
from source_gitlab.interfaces.duckdb_types import table_of
from source_gitlab.interfaces.syncing import Sync
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from source_gitlab.interfaces.sync_progress import Standing


class Lines:
    """A progress for programs."""

    def show(self, standing: Standing) -> None:
        """Write a line; the rows were committed before."""
        line = {"rows": standing.rows, "requests": standing.requests}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    def note(self, message: str) -> None:
        """Write a sentence where it is no line of JSON."""
        sys.stderr.write(message + "\n")

    def close(self) -> None:
        """Nothing to close."""


def main(config: str, path: str, *names: str) -> int:
    """Sync these streams; 0 when all of them were read to their end."""
    wanted = {name: streams()[name] for name in names}
    tables = {name: table_of(stream) for name, stream in wanted.items()}
    parsed = parse(json.loads(config))
    with Session(parsed) as session, Store(path, tables, instance=parsed.base_url) as store:
        session.begin()
        sync = Sync(session, store, wanted.values(), progress=Lines(), commit_seconds=0.0)
        return 0 if sync.run().complete else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
