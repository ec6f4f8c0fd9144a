"""OAuth in the Flow capture: a renewed pair is used when the runtime has acknowledged it."""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.support.flow_capture import collection_of
from integration_tests.support.flow_process import capture
from integration_tests.support.flow_runtime import Runtime
from integration_tests.support.oauth_pairs import LONG_AGO, home, lab, renewals, sign_in
from source_gitlab.tokens.model import fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator
    from integration_tests.support.flow_process import Capture

__all__ = ["home", "lab"]

OPENED = {"opened": {"explicitAcknowledgements": True}}
ACKNOWLEDGED = {"acknowledge": {"checkpoints": 1}}


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container that keeps nothing."""
    monkeypatch.delenv("SOURCE_GITLAB_HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    nobody = tmp_path / "file"
    nobody.write_text("")
    monkeypatch.setenv("HOME", str(nobody))


pytestmark = pytest.mark.usefixtures("nowhere")


def config_of(lab: Emulator) -> dict[str, Any]:
    """A sign-in of long ago."""
    return {**sign_in(lab, token_expiry_date=LONG_AGO), "interval": "PT0S"}


def take_checkpoint(one: Capture, runtime: Runtime) -> dict[str, Any]:
    """Take messages to the next checkpoint; what it changes."""
    until = runtime.checkpoints + 1
    while runtime.checkpoints < until:
        line = one.line()
        assert line, f"the capture ended: {one.logs[-1:]}"
        runtime.take(line)
    found: dict[str, Any] = runtime.messages[-1]["checkpoint"]["state"]["updated"]
    return found


def finish(one: Capture, runtime: Runtime) -> int:
    """Acknowledge each checkpoint, to the end; the exit code."""
    known = runtime.checkpoints
    while line := one.line():
        runtime.take(line)
        if runtime.checkpoints > known:
            known = runtime.checkpoints
            with suppress(BrokenPipeError):  # it may have ended behind its last checkpoint
                one.send(ACKNOWLEDGED)
    return one.ended()


def renewed(one: Capture, runtime: Runtime, config: dict[str, Any]) -> None:
    """Open a capture that then waits for the acknowledgement of a renewed pair."""
    one.send(runtime.open(config))
    assert "tokens" not in take_checkpoint(one, runtime)  # of the sourced schemas
    one.send(ACKNOWLEDGED)
    assert "tokens" in take_checkpoint(one, runtime)
    assert runtime.messages[0] == OPENED


def test_a_renewed_pair_waits_for_its_acknowledgement(lab: Emulator) -> None:
    """No row is asked for before it."""
    runtime, config = Runtime([collection_of("issues")]), config_of(lab)
    with capture() as one:
        renewed(one, runtime, config)
        assert set(lab.requests()["counts"]) == {"POST /oauth/token"}
        one.send(ACKNOWLEDGED)
        assert finish(one, runtime) == 0
    assert runtime.documents
    assert renewals(lab) == {"200": 1}
    tokens = runtime.state["tokens"]
    told = str(one.logs)
    assert not [tokens[name] for name in ("access_token", "refresh_token") if tokens[name] in told]


def test_killed_behind_it_the_capture_goes_on_with_the_kept_pair(lab: Emulator) -> None:
    """One renewal in all: the configuration still has the pair that was spent."""
    runtime, config = Runtime([collection_of("issues")]), config_of(lab)
    with capture() as one:
        renewed(one, runtime, config)
        one.process.send_signal(signal.SIGKILL)
    runtime.kill()
    with capture() as one:
        one.send(runtime.open(config))
        assert finish(one, runtime) == 0
    assert runtime.documents
    assert renewals(lab) == {"200": 1}


def test_never_acknowledged_it_is_not_used(lab: Emulator) -> None:
    """The capture ends when the acknowledgement cannot come any more, with the reason."""
    runtime, config = Runtime([collection_of("issues")]), config_of(lab)
    with capture() as one:
        renewed(one, runtime, config)
        one.end_input()
        assert one.line() == b""
        assert one.ended() == 1
        assert "has not acknowledged" in one.error
    assert set(lab.requests()["counts"]) == {"POST /oauth/token"}


def test_nothing_is_renewed_for_a_runtime_that_does_not_acknowledge(lab: Emulator) -> None:
    """The pair that it has stays good."""
    runtime, config = Runtime([collection_of("issues")]), config_of(lab)
    with capture() as one:
        one.send(runtime.open(config))
        one.end_input()
        while one.line():
            pass
        assert one.ended() == 1
        assert "Nothing was renewed" in one.error
    assert renewals(lab) == {}


def test_a_new_sign_in_wins(lab: Emulator) -> None:
    """Over a pair that the state has kept of another one."""
    runtime, config = Runtime([collection_of("issues")]), config_of(lab)
    with capture() as one:
        renewed(one, runtime, config)
        one.send(ACKNOWLEDGED)
        assert finish(one, runtime) == 0
    again = config_of(lab)
    with capture() as one:
        one.send(runtime.open(again))
        assert finish(one, runtime) == 0
    configured = again["credentials"]["refresh_token"]
    assert runtime.state["tokens"]["after"] == fingerprint(configured)
    assert renewals(lab) == {"200": 2}


def test_validation_renews_nothing(lab: Emulator) -> None:
    """There is nothing that would keep what it gets."""
    runtime, config = Runtime([collection_of("issues")]), config_of(lab)
    with capture() as one:
        answer = one.ask(runtime.validate(config))
        assert answer == {"validated": {"bindings": [{"resourcePath": ["issues"]}]}}
    assert renewals(lab) == {}
