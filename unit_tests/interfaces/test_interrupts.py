"""Signals that come when a command has all but ended."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

# What a module holds is let go behind the point at which Python forgets handlers of signals.
PROGRAM = """
import os, sys
from source_gitlab import interrupts

class Late:
    def __del__(self, kill=os.kill, number={number}, process=os.getpid()):
        kill(process, number)

interrupts.leave_at_once()
late = Late()
sys.exit({code})
"""


@pytest.mark.parametrize("code", [0, 1, 130])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_at_the_very_end_does_not_change_the_exit_code(name: str, code: int) -> None:
    """Also the second one, behind the word that it was interrupted."""
    program = PROGRAM.format(number=int(getattr(signal, name)), code=code)
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"")


UNDIVIDED = """
import os
from source_gitlab import interrupts

interrupts.leave_at_once()
with interrupts.undivided():
    for _ in range({times}):
        os.kill(os.getpid(), {number})
    print("whole", flush=True)
print("behind it", flush=True)
"""


@pytest.mark.parametrize(("times", "out"), [(0, b"whole\nbehind it\n"), (1, b"whole\n"), (2, b"")])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_waits_for_what_is_undivided(name: str, times: int, out: bytes) -> None:
    """The second one does not; both end the process with one word."""
    program = UNDIVIDED.format(number=int(getattr(signal, name)), times=times)
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    expected = (130, b"Interrupted.\n") if times else (0, b"")
    assert (done.returncode, done.stderr) == expected
    assert done.stdout == out
