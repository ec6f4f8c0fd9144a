"""Live through thousands of histories: `python -m integration_tests.soak --histories 5000`.

Each round starts from another seed, which it prints; a round that finds a lost row ends the run
with the smallest history that loses one. With `--face distributed`, each read is planned, read in
parts by workers that are killed, and put together.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from integration_tests.support.history_distributed import PlannedHistories
from integration_tests.support.history_draw import Figures, live_through, reach_every_stream
from integration_tests.support.history_reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from integration_tests.support.histories import Run
    from integration_tests.support.history_model import Sync
    from integration_tests.support.history_reading import Face

ROUND = 250
FACES: Mapping[str, Callable[[Run, Sync], Face]] = {
    "plain": Reading,
    "distributed": PlannedHistories(),
}


def main() -> int:
    """Run and print; 1 when a row was lost."""
    parser = argparse.ArgumentParser("python -m integration_tests.soak", description=__doc__)
    parser.add_argument("--histories", type=int, default=1_000, help="how many, at least")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="repeats a run")
    parser.add_argument("--face", choices=FACES, default="plain", help="how a sync reads")
    args = parser.parse_args()
    face = FACES[args.face]
    figures = Figures()
    for start in range(args.seed, args.seed + -(-args.histories // ROUND)):
        try:
            live_through(ROUND, start, figures, face=face)
            reach_every_stream(start, figures, face)
        except AssertionError as error:
            print(f"seed {start}: {error}", *getattr(error, "__notes__", []), sep="\n")
            print(figures)
            return 1
        print(f"seed {start}: {figures}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
