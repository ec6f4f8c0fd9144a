"""Estuary's own models of the protocol take every message, and lose nothing of any."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.support.configurations import OAUTH
from integration_tests.support.environments import environment
from integration_tests.support.flow_process import capture, discover, fresh

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="estuary-cdk needs Python 3.11")

# Says of each line whether the models take it, and what they then hold of it.
PROGRAM = """
import json, sys
from pydantic import BaseModel, ConfigDict
from estuary_cdk.capture.task import Request, Response

class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

models = {"request": Request[Open, Open, Open], "response": Response[Open, Open, Open]}
for line in sys.stdin:
    side, message = json.loads(line)
    held = models[side].model_validate(message)
    print(held.model_dump_json(by_alias=True, exclude_unset=True))
"""


def test_estuarys_models_take_every_message(gitlab: Emulator) -> None:
    """Requests as the tests' runtime makes them, and all answers, documents and checkpoints."""
    config = {"credentials": {"personal_access_token": gitlab.token}, "api_url": gitlab.url}
    config |= {"groups": "acme", "interval": "PT0S"}
    runtime = fresh(discover(config), ["projects", "issues", "branches", "merge_request_notes"])
    opened = runtime.open(config)
    requests: list[dict[str, Any]] = [
        {"spec": {"connectorType": "IMAGE"}},
        {"discover": {"connectorType": "IMAGE", "config": config}},
        runtime.validate(config),
        {"apply": {"capture": opened["open"]["capture"], "version": "1"}},
        opened,
    ]
    messages = [["request", one] for one in requests]
    messages += [["request", {"acknowledge": {"checkpoints": 2}}]]
    with capture() as one:
        for request in requests:
            one.send(request)
        one.end_input()
        while line := one.line():
            messages.append(["response", json.loads(line)])
        assert one.ended() == 0
    kinds = {next(iter(message)) for side, message in messages if side == "response"}
    assert kinds == {
        "spec", "discovered", "validated", "applied", "opened", "sourcedSchema", "captured",
        "checkpoint",
    }  # fmt: skip
    assert taken(messages) == [message for _, message in messages]


def taken(messages: list[list[Any]]) -> list[Any]:
    """What the models hold of messages, each of them a line."""
    python = environment("estuary", with_package=False) / "python"
    done = subprocess.run(
        [str(python), "-c", PROGRAM],
        input="".join(json.dumps(one) + "\n" for one in messages),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_estuarys_models_take_opened_with_acknowledgements() -> None:
    """As a capture with OAuth answers."""
    config = {"credentials": OAUTH, "api_url": "http://127.0.0.1:1"}
    open_ = {"capture": {"name": "a", "config": config, "bindings": []}, "range": {}, "state": {}}
    with capture() as one:
        answer = one.ask({"open": open_})
    assert answer == {"opened": {"explicitAcknowledgements": True}}
    assert taken([["response", answer]]) == [answer]
