"""The emulator as people start it: ``make gitlab``."""

from __future__ import annotations

import re
import subprocess
import sys

import requests

from integration_tests.gitlab.patience import PATIENCE

COMMAND = [sys.executable, "-m", "integration_tests.gitlab", "--explain", "--exit-with-parent"]


def test_what_it_prints_can_be_used() -> None:
    """The address and the token, and the control beside them."""
    running = subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )
    assert running.stdin
    assert running.stdout
    printed = ""
    while "/emulator/requests" not in printed:
        line = running.stdout.readline()
        assert line, printed
        printed += line
    found = re.search(r"--header \"PRIVATE-TOKEN: (\S+)\" (\S+)", printed)
    control = re.search(r"curl (\S+/emulator/settings)", printed)
    assert found
    assert control
    assert found[2].startswith("http://127.0.0.1:")
    answer = requests.get(found[2], headers={"PRIVATE-TOKEN": found[1]}, timeout=PATIENCE)
    assert answer.status_code == 200
    assert requests.get(control[1], timeout=PATIENCE).json()["tier"] == "ultimate"
    running.stdin.close()
    assert running.wait(PATIENCE) == 0
    running.stdout.close()


def test_a_port_that_is_in_use_is_said() -> None:
    """With what to do, and no traceback."""
    with subprocess.Popen(
        [sys.executable, "-c", _LISTEN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin
        assert other.stdout
        port = other.stdout.readline().strip()
        done = subprocess.run(
            [*COMMAND, "--port", port],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        other.stdin.close()
    assert done.returncode == 2
    assert f"port {port} cannot be had" in done.stderr
    assert "Traceback" not in done.stderr


_LISTEN = """\
import socket, sys
taken = socket.create_server(("127.0.0.1", 0))
print(taken.getsockname()[1], flush=True)
sys.stdin.read()
"""
