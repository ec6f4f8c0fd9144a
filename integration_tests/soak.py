"""Live through thousands of histories: `python -m integration_tests.soak --histories 5000`.

Each round starts from another seed, which it prints; a round that finds a lost row ends the run
with the smallest history that loses one.
"""

from __future__ import annotations

import argparse
import sys
import time

from integration_tests.support.history_draw import Figures, live_through, reach_every_stream

ROUND = 250


def main() -> int:
    """Run and print; 1 when a row was lost."""
    parser = argparse.ArgumentParser("python -m integration_tests.soak", description=__doc__)
    parser.add_argument("--histories", type=int, default=1_000, help="how many, at least")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="repeats a run")
    args = parser.parse_args()
    figures = Figures()
    for start in range(args.seed, args.seed + -(-args.histories // ROUND)):
        try:
            live_through(ROUND, start, figures)
            reach_every_stream(start, figures)
        except AssertionError as error:
            print(f"seed {start}: {error}", *getattr(error, "__notes__", []), sep="\n")
            print(figures)
            return 1
        print(f"seed {start}: {figures}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
