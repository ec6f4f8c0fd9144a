"""`python -m benchmarks`: measure everything, write RESULTS.md and chart.svg, print the table.

With `--quick` this connector and the floor alone, in small, once; nothing is written.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks.cases import CASES, QUICK
from benchmarks.chart import draw
from benchmarks.machine import this_machine
from benchmarks.more_machines import MORE_MACHINES
from benchmarks.results import document, judge, table
from benchmarks.running import run_cases
from benchmarks.scaling import SCALING

HERE = Path(__file__).parent


def main() -> int:
    """Run the benchmark; 1 when a contender failed that should not have."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="this connector alone, in small, once")
    parser.add_argument("--runs", type=int, default=10, help="at most so many of each")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="these only; nothing is written")
    options = parser.parse_args()
    usual = QUICK if options.quick else (*CASES, *SCALING)
    known = usual if options.quick else (*usual, *MORE_MACHINES)
    unknown = set(options.cases) - {case.name for case in known}
    if unknown:
        parser.error(f"no such case; there are {', '.join(case.name for case in known)}")
    cases = [case for case in known if case.name in options.cases] or list(usual)
    machine = this_machine()
    begun = time.monotonic()
    outcomes = run_cases(cases, machine, 1 if options.quick else options.runs)
    verdicts = judge(outcomes)
    print("\n" + "\n".join(table(verdicts, cases)))
    if not options.quick and not options.cases:
        seconds = time.monotonic() - begun
        text = document(machine, cases, outcomes, "python -m benchmarks", seconds)
        (HERE / "RESULTS.md").write_text(text, encoding="utf-8")
        titles = {case.name: case.title for case in cases}
        (HERE / "chart.svg").write_text(draw(verdicts, titles), encoding="utf-8")
    failed = [o.reason for o in outcomes.values() if o.reason and o.entry.contender == "ours"]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
