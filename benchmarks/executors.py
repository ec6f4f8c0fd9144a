"""A pool of processes, or Dask, reads into files: what its users write, for its own environment.

A program: its argument is `pool` or `dask`; standard input is JSON with `config`, `streams`,
`processes` and `folder`.
"""

import json
import sys
from contextlib import ExitStack
from pathlib import Path

from source_gitlab.distributed import JsonLines, process_pool, read


def main() -> None:
    """Read, and leave how many rows came."""
    given = json.load(sys.stdin)
    folder, processes = given["folder"], given["processes"]
    with ExitStack() as stack:
        if sys.argv[1] == "dask":
            from dask.distributed import Client, LocalCluster  # noqa: PLC0415 -- for Dask alone

            cluster = stack.enter_context(
                LocalCluster(n_workers=processes, threads_per_worker=1, dashboard_address=None)
            )
            executor = stack.enter_context(Client(cluster)).get_executor()
        else:
            executor = stack.enter_context(process_pool(processes))
        done = read(
            executor,
            given["config"],
            given["streams"],
            processes=processes,
            writer=JsonLines(folder),
        )
    if not done.is_complete:
        sys.exit(f"{done.ended or done.unread or done.problems}")
    Path(folder, "counts.json").write_text(json.dumps(done.counts))


if __name__ == "__main__":
    main()
