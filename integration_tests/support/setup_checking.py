"""Setup checks of an emulated GitLab, with the tokens that it knows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from integration_tests.gitlab.patience import PATIENCE
from source_gitlab.config import parse
from source_gitlab.setup_check import Result, Step, check, session_for
from source_gitlab.setup_check.run import by_default
from source_gitlab.streams import root_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from integration_tests.gitlab.launch import Emulator
    from source_gitlab.streams import Stream


Row = dict[str, Any]
JOB = "glcbt-emulator-job-0001"
MOST = 40


def report_of(
    config: Row, *, declared: Mapping[str, Stream] | None = None, **bounds: float
) -> Result:
    """The setup report for a configuration; it never shows the token."""
    with session_for(parse(config)) as session:
        # A slow machine asks all the same, where the bound is not what is tested.
        bounds = {"seconds": PATIENCE, **bounds}
        result = check(session, declared=declared, **bounds)  # type: ignore[arg-type]
    shown = json.dumps(result.to_json())
    for name, value in config["credentials"].items():
        assert name in {"auth_type", "client_id"} or value not in shown
    assert result.requests <= MOST
    assert set(result.streams) in (set(), set(by_default() if declared is None else declared))
    return result


def with_token(gitlab: Emulator, token: str, **more: Any) -> Row:
    """A configuration with another token than the default one."""
    credentials = {"auth_type": "access_token", "access_token": token}
    return {"api_url": gitlab.url, "credentials": credentials, **more}


def step_of(result: Result, title: str) -> Step:
    """The one step of this title."""
    found = [step for step in result.steps if step.title == title]
    assert len(found) == 1, [step.title for step in result.steps]
    return found[0]


def with_those_below(*names: str) -> set[str]:
    """These streams, and all that are read through them."""
    found = set(names)
    for name, stream in by_default().items():  # parents first
        if stream.parent in found:
            found.add(name)
    return found


def of_groups() -> set[str]:
    """The streams that no project has rows of."""
    roots = {name: root_of(stream) for name, stream in by_default().items()}
    return {
        name
        for name, root in roots.items()
        if root.name == "groups" or root.kind == "group" or root.containers == ("group",)
    }


def verdicts(result: Result) -> dict[str, str]:
    """The verdicts that are not `ok`."""
    return {name: one.verdict for name, one in result.streams.items() if one.verdict != "ok"}
