"""A renewed pair of tokens has a place before the old one is spent: file, profile or platform."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.launch import ROOT, Emulator
from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support import process
from integration_tests.support.oauth_pairs import (
    LONG_AGO,
    Row,
    lab,
    sign_in,
    slow_renewal,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["lab"]

MANY = 5
# As in a container without a home: no profile keeps anything.
NOWHERE = {"SOURCE_GITLAB_HOME": "", "XDG_DATA_HOME": "/dev/null/x", "HOME": "/dev/null"}


@pytest.fixture(autouse=True)
def _no_faults(lab: Emulator) -> None:
    lab.faults([])
    lab.reset_requests()


def renewals(lab: Emulator) -> int:
    """How many POSTs for tokens arrived."""
    return sum(entry["path"] == "/oauth/token" for entry in lab.requests()["recent"])


def token(
    config: object, given: str | None = None, prepare: Callable[[], object] | None = None
) -> subprocess.CompletedProcess[str]:
    """`source-gitlab token` with a file, on a machine that keeps nothing."""
    return subprocess.run(
        process.command("token", "--config", config),
        cwd=ROOT,
        env=process.surroundings(**NOWHERE, PYTHONDONTWRITEBYTECODE="1"),
        input=given,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        preexec_fn=prepare,
    )


def works(lab: Emulator, config: Path) -> bool:
    """Whether the tokens in a file, or those that they are renewed to, are good."""
    lab.faults([])
    done = token(config)
    return done.returncode == 0


def escaped(config: Row) -> str:
    """JSON in which every letter of the tokens is written as an escape."""
    text = json.dumps(config)
    for name in ("access_token", "refresh_token"):
        plain = config["credentials"][name]
        text = text.replace(plain, "".join(f"\\u{ord(letter):04x}" for letter in plain))
    return text


@pytest.mark.parametrize("way", ["plain", "escaped"])
def test_the_file_that_they_came_from_keeps_them(lab: Emulator, tmp_path: Path, way: str) -> None:
    """However the file writes the old ones; it is there whole, and renewed as often as needed."""
    config = sign_in(lab, token_expiry_date=LONG_AGO)
    path = tmp_path / "config.json"
    path.write_text(escaped(config) if way == "escaped" else json.dumps(config, indent=2))
    for number in (1, 2):
        assert token(path).returncode == 0
        assert renewals(lab) == number
        held = json.loads(path.read_text())
        assert {**held, "credentials": config["credentials"]} == config
        assert token(path).returncode == 0
        assert renewals(lab) == number, "what was kept works"
        lab.post("tokens", {"op": "expire", "token": held["credentials"]["access_token"]})
    assert list(tmp_path.iterdir()) == [path]


def lose_root() -> None:
    """Be bound by the modes of files although the tests may run as root."""
    pr_capbset_drop, cap_dac_override = 24, 1
    ctypes.CDLL(None).prctl(pr_capbset_drop, cap_dac_override)


def small_files() -> None:
    """Have a disk that is full after some bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


@pytest.mark.parametrize("place", ["read-only folder", "full disk", "-", "/dev/stdin", "pipe"])
def test_a_place_that_cannot_keep_them_spends_nothing(
    lab: Emulator, tmp_path: Path, place: str
) -> None:
    """It is found before the POST, said with what to do, and the tokens work as before."""
    text = json.dumps(sign_in(lab, token_expiry_date=LONG_AGO))
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "config.json"
    path.write_text(text)
    if place == "read-only folder":
        folder.chmod(0o555)
        done = token(path, prepare=lose_root)
        folder.chmod(0o755)
    elif place == "full disk":
        done = token(path, prepare=small_files)
    elif place == "pipe":
        pipe = folder / "pipe"
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_text, args=(text,))
        writer.start()
        done = token(pipe)
        writer.join(PATIENCE)
        pipe.unlink()
    else:
        done = token(place, given=text)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "cannot be kept in" in said
    assert "Nothing was renewed" in said
    assert "Traceback" not in said
    assert renewals(lab) == 0
    assert path.read_text() == text
    assert list(folder.iterdir()) == [path]
    assert works(lab, path)
    assert renewals(lab) == 1


@pytest.mark.parametrize("spent", [False, True], ids=["not-spent", "spent"])
def test_killed_while_gitlab_is_asked(lab: Emulator, tmp_path: Path, *, spent: bool) -> None:
    """The file is whole; what cannot be known any more is named, once, as what it is."""
    config = sign_in(lab, token_expiry_date=LONG_AGO)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    when = "after" if spent else "before"
    rotations = lab.control("oauth")["rotations"]
    lab.faults([{"kind": "stall", "path": "/oauth/token", "seconds": 600, "when": when}])
    running = subprocess.Popen(
        process.command("token", "--config", path),
        cwd=ROOT,
        env=process.surroundings(**NOWHERE),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + PATIENCE
    while renewals(lab) == 0:
        assert running.poll() is None
        assert time.monotonic() < end, "GitLab was never asked"
    while spent and lab.control("oauth")["rotations"] == rotations:
        assert time.monotonic() < end, "the pair was never renewed"
    running.send_signal(signal.SIGKILL)
    running.wait(PATIENCE)
    assert json.loads(path.read_text()) == config
    lab.faults([])
    done = token(path)
    if spent:
        assert done.returncode != 0
        assert "answer to a renewal of the OAuth token was lost" in done.stdout + done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert works(lab, path)
    assert list(tmp_path.iterdir()) == [path]


def heeding_signals() -> None:
    """Heed Ctrl-C also where the tests run in the background, which ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("late", [False, True], ids=["at-the-start", "in-mid-read"])
def test_interrupted_while_gitlab_is_asked(
    lab: Emulator, tmp_path: Path, number: int, *, late: bool
) -> None:
    """A renewal that is under way goes on to its end before the sync leaves, and is kept."""
    config = sign_in(lab, expired=not late)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    rotations = lab.control("oauth")["rotations"]
    slow_renewal(lab, late=late)
    running = subprocess.Popen(
        process.command(
            "sync",
            "--config",
            path,
            "--to",
            tmp_path / "gitlab.duckdb",
            "--select",
            "project_labels",
        ),
        cwd=ROOT,
        env=process.surroundings(**NOWHERE),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=heeding_signals,  # noqa: PLW1509 -- it sets a handler, and no more
    )
    end = time.monotonic() + PATIENCE
    while lab.control("oauth")["rotations"] == rotations:
        assert running.poll() is None
        assert time.monotonic() < end, "the pair was never renewed"
    running.send_signal(number)
    assert running.wait(PATIENCE) == 130
    assert json.loads(path.read_text()) != config
    assert works(lab, path)


def test_processes_with_one_file_renew_once(lab: Emulator, tmp_path: Path) -> None:
    """They share no profile: the file and the lock of its folder are what they have in common."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(sign_in(lab, token_expiry_date=LONG_AGO)))
    lab.faults([{"kind": "slow", "path": "/oauth/token", "seconds": 0.3}])
    running = [
        subprocess.Popen(
            process.command("token", "--config", path),
            cwd=ROOT,
            env=process.surroundings(**NOWHERE),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(MANY)
    ]
    said = [one.communicate(timeout=PATIENCE)[0] for one in running]
    assert [one.returncode for one in running] == [0] * MANY, said
    assert renewals(lab) == 1


def read(
    config: Path, folder: Path, output: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    """A read as a platform runs it, on a machine that keeps nothing."""
    catalog = process.file(folder, "catalog.json", process.catalog("groups", mode="full_refresh"))
    return subprocess.run(
        process.command("read", "--config", config, "--catalog", catalog),
        cwd=ROOT,
        env=process.surroundings(**NOWHERE),
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("output", ["nobody reads", "full"])
def test_a_platform_that_does_not_listen_spends_nothing(
    lab: Emulator, tmp_path: Path, output: str
) -> None:
    """Where the CONTROL message is the only place, it must be able to arrive."""
    config = process.file(tmp_path, "config.json", sign_in(lab, token_expiry_date=LONG_AGO))
    if output == "full":
        given = os.open("/dev/full", os.O_WRONLY)
    else:
        nobody, given = os.pipe()
        os.close(nobody)
    done = read(config, tmp_path, given)
    os.close(given)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    why = os.strerror(errno.ENOSPC) if output == "full" else "nobody reads the output any more"
    assert why in done.stderr
    assert renewals(lab) == 0
    assert works(lab, config)


def test_a_platform_is_told_in_the_dialect_that_it_wrote(lab: Emulator, tmp_path: Path) -> None:
    """The announced configuration works by itself: it has no second, older pair beside the new."""
    given = sign_in(lab, token_expiry_date=LONG_AGO)
    fields = {**given["credentials"], "api_url": given["api_url"], "groups_list": ["acme"]}
    config = process.file(tmp_path, "config.json", fields)
    done = read(config, tmp_path)
    assert done.returncode == 0, done.stderr
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    (control,) = [one["control"] for one in messages if one["type"] == "CONTROL"]
    renewed = control["connectorConfig"]["config"]
    assert set(renewed) == set(fields)
    assert renewals(lab) == 1
    process.file(tmp_path, "config.json", renewed)
    again = read(config, tmp_path)
    assert again.returncode == 0, again.stderr
    assert renewals(lab) == 1
