"""How much memory writing a file takes, whatever its size."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from pathlib import Path

MEGABYTE: Final = 1_000_000
# With DuckDB's own settings these rows take 350 MB and more, and each further one adds to it.
MOST: Final = 290 * MEGABYTE

WRITER: Final = """
import random, resource, sys
from source_gitlab.engine import process
from source_gitlab.interfaces.duckdb.store import Store
from source_gitlab.interfaces.duckdb_types import table_of
from source_gitlab.streams import streams

draw = random.Random(1)
words = [f"{draw.getrandbits(40):x}" for _ in range(3000)]
process.settle()
with Store(sys.argv[1], {"issues": table_of(streams()["issues"])}) as store:
    for start in range(0, 50_000, 100):
        rows = []
        for number in range(start, start + 100):
            at = draw.randrange(2600)
            text = " ".join(words[at : at + 380])
            rows.append({"id": number, "iid": number, "title": words[at], "description": text})
        store.write("issues", store.shaped("issues", rows))
        if start % int(sys.argv[2]) == 0:
            store.commit({"issues": {"start": start}})
    store.commit({})
    store.checkpoint()
try:
    # What getrusage tells of a process on Linux is at least what started it had.
    lines = open("/proc/self/status").read().splitlines()
    print(next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")))
except FileNotFoundError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize("rows", [1_000, 5_000, 60_000])
def test_memory_is_bounded(tmp_path: Path, rows: int) -> None:
    """For 50,000 issues of 4 KB, however many rows are in a transaction."""
    command = (sys.executable, "-c", WRITER, str(tmp_path / "gitlab.duckdb"), str(rows))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < MOST
