"""Renewed OAuth tokens are on the disk, or announced, before they are used."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.launch import ROOT, Emulator
from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.oauth_pairs import (
    CLIENT_SECRET,
    LONG_AGO,
    PROGRAM,
    QUICK,
    Row,
    home,
    lab,
    renewals,
    sign_in,
    start,
    whoami,
)
from source_gitlab.config import parse
from source_gitlab.gitlab.connection import Connection
from source_gitlab.gitlab.errors import FatalError, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Callable


__all__ = ["home", "lab"]


def failing_open(number: int) -> Callable[..., int]:
    """An `os.open` for a disk that takes no new file."""
    real = os.open

    def opened(path: Any, flags: int, *more: Any, **others: Any) -> int:
        if flags & os.O_CREAT and Path(path).name.startswith(".config-"):
            raise OSError(number, os.strerror(number))
        return real(path, flags, *more, **others)

    return opened


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.EACCES])
def test_a_disk_that_takes_nothing_is_found_before_the_token_is_spent(
    lab: Emulator, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Read-only, full, or somebody else's: no POST, and the same configuration works later."""
    config = sign_in(lab)
    with monkeypatch.context() as broken:
        broken.setattr(os, "open", failing_open(number))
        with pytest.raises(FatalError, match=r"Tokens cannot be kept in .*SOURCE_GITLAB_HOME"):
            whoami(config)
    assert renewals(lab) == {}
    assert whoami(config) == "ada"


def test_a_disk_that_is_full_is_found_before_the_token_is_spent(lab: Emulator) -> None:
    """The same with a limit of the system, which stops a write in its middle."""
    config = sign_in(lab)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, json.dumps(config)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)),  # noqa: PLW1509
    )
    _, err = process.communicate("\n", timeout=PATIENCE)
    assert process.returncode == 1
    assert "Tokens cannot be kept in" in err
    assert renewals(lab) == {}
    assert whoami(config) == "ada"


# Where a process dies, what is left of the sign-in, and how often GitLab was asked by then.
DEATHS = {
    "before-spending": ("source_gitlab.gitlab.oauth.OAuthEndpoints.refresh", True, 0),
    "before-storing": ("source_gitlab.tokens.profiles.Reservation.fill", False, 1),
    "before-announcing": ("source_gitlab.gitlab.auth.announcement", True, 1),
    "before-using": ("source_gitlab.gitlab.auth._Renewal._use", True, 1),
}


@pytest.mark.parametrize("where", DEATHS)
def test_a_process_that_dies_loses_nothing_but_in_one_moment(lab: Emulator, where: str) -> None:
    """From the answer to the disk it is a few milliseconds; what is lost then is named."""
    target, alive, asked = DEATHS[where]
    config = sign_in(lab)
    program = (
        f"""\
import importlib, os, sys, json
path = {target!r}.split(".")
for length in range(len(path) - 1, 0, -1):
    try:
        thing = importlib.import_module(".".join(path[:length]))
    except ModuleNotFoundError:
        continue
    break
for part in path[length:-1]:
    thing = getattr(thing, part)
real = getattr(thing, path[-1])
calls = []
def die(*args, **kwargs):
    calls.append(1)
    if path[-1] == "_use" and len(calls) == 1:
        return real(*args, **kwargs)  # the first use is of the configuration's own token
    os._exit(9)
setattr(thing, path[-1], die)
"""
        + PROGRAM
    )
    process = start(config, program)
    _, err = process.communicate("\n", timeout=PATIENCE)
    assert process.returncode == 9, err
    assert sum(renewals(lab).values()) == asked
    if alive:
        assert whoami(config) == "ada"
        assert sum(renewals(lab).values()) == 1
    else:
        with pytest.raises(Unauthorized, match="answer to a renewal of the OAuth token was lost"):
            whoami(config)


def airbyte(config: Row, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A read of users as a platform runs it."""
    (tmp_path / "config.json").write_text(json.dumps(config))
    stream = {"name": "groups", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
    modes = {"sync_mode": "full_refresh", "destination_sync_mode": "append"}
    (tmp_path / "catalog.json").write_text(json.dumps({"streams": [{"stream": stream, **modes}]}))
    command = ["read", "--config", tmp_path / "config.json", "--catalog", tmp_path / "catalog.json"]
    return subprocess.run(
        [sys.executable, "-m", "source_gitlab", *map(str, command), "--debug"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("homeless", [False, True], ids=["with-home", "without-home"])
def test_a_platform_is_told_in_clear_and_nobody_else(
    lab: Emulator, tmp_path: Path, *, homeless: bool
) -> None:
    """The CONTROL message has the tokens themselves, before any row; nothing else has."""
    config = sign_in(lab, token_expiry_date=LONG_AGO)
    nowhere = {"SOURCE_GITLAB_HOME": "", "XDG_DATA_HOME": "/dev/null/x", "HOME": "/dev/null"}
    done = airbyte(config, tmp_path, **(nowhere if homeless else {}))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    controls = [one for one in messages if one["type"] == "CONTROL"]
    assert len(controls) == 1
    assert messages.index(controls[0]) < [one["type"] for one in messages].index("RECORD")
    renewed = controls[0]["control"]["connectorConfig"]["config"]
    assert renewed["credentials"]["client_secret"] == CLIENT_SECRET
    assert set(renewed) == set(config)
    rest = "".join(line for line in done.stdout.splitlines() if '"CONTROL"' not in line)
    secrets = [renewed["credentials"][name] for name in ("access_token", "refresh_token")]
    for secret in [*secrets, CLIENT_SECRET, config["credentials"]["refresh_token"]]:
        assert len(secret) > 12
        assert secret not in rest + done.stderr
    assert ("no place to keep renewed tokens" in done.stdout) == homeless
    # What the platform now holds works, on a machine that knows nothing.
    lab.reset_requests()
    again = airbyte(renewed, tmp_path, SOURCE_GITLAB_HOME=str(tmp_path / "other"))
    assert again.returncode == 0
    assert renewals(lab) == {}


def test_with_nobody_to_tell_and_no_place_nothing_is_spent(
    lab: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that uses the core without a callback, in a container without a home."""
    config = sign_in(lab)
    monkeypatch.setenv("SOURCE_GITLAB_HOME", "")
    monkeypatch.setenv("XDG_DATA_HOME", "/dev/null/x")
    with pytest.raises(FatalError, match="there is no place to keep the new one"):
        whoami(config)
    assert renewals(lab) == {}


def test_an_announcement_that_fails_leaves_the_tokens_kept(lab: Emulator) -> None:
    """The new token is not used, and the next run finds it."""
    config = sign_in(lab)

    def fail(_: dict[str, str]) -> None:
        message = "nobody listens"
        raise FatalError(message)

    made = Connection(parse(config), on_rotated=fail, tuning=QUICK)
    with pytest.raises(FatalError, match="nobody listens"):
        made.one("user")
    made.close()
    assert whoami(config) == "ada"
    assert renewals(lab) == {"200": 1}


def test_a_profile_that_was_tampered_with_is_refused(lab: Emulator, home: Path) -> None:
    """Not taken for an empty one, which would spend the configuration's dead token."""
    config = sign_in(lab)
    whoami(config)
    (path,) = home.glob("*.json")
    text = path.read_bytes()
    path.write_bytes(text[:-20] + (b"A" if text[-20:-19] != b"A" else b"B") + text[-19:])
    with pytest.raises(FatalError, match="was changed, belongs to another profile"):
        whoami(config)
    assert renewals(lab) == {"200": 1}
