"""`read` takes as catalog and state what users have: Airbyte's files, and our own output."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.support.process import catalog, file, run
from integration_tests.support.reading import config_for

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator
    from integration_tests.support.process import Ended


def read(gitlab: Emulator, folder: Path, catalog_: object, state: object = None) -> Ended:
    """Read with these files."""
    more = ("--state", file(folder, "state.json", state)) if state is not None else ()
    return run(
        "read",
        *("--config", file(folder, "config.json", config_for(gitlab, groups_list=["acme"]))),
        *("--catalog", file(folder, "catalog.json", catalog_)),
        *more,
    )


def discovered(gitlab: Emulator, folder: Path) -> str:
    """What `discover` prints."""
    ended = run("discover", "--config", file(folder, "config.json", config_for(gitlab)))
    assert ended.code == 0
    return ended.stdout


def only(text: str, *names: str) -> dict[str, Any]:
    """The catalog that was discovered, cut down to these streams."""
    (message,) = [one for one in map(json.loads, text.splitlines()) if one["type"] == "CATALOG"]
    catalog_: dict[str, Any] = message["catalog"]
    return {"streams": [one for one in catalog_["streams"] if one["name"] in names]}


@pytest.mark.parametrize("form", ["message", "lines", "catalog", "wrapped", "without modes"])
def test_what_discover_printed_is_a_catalog(gitlab: Emulator, tmp_path: Path, form: str) -> None:
    """Every stream of it is read, and leaves a state where it can."""
    small = only(discovered(gitlab, tmp_path), "issues", "groups")
    bare = {"streams": [{"name": one["name"]} for one in small["streams"]]}
    message = {"type": "CATALOG", "catalog": small}
    log = {"type": "LOG", "log": {"level": "INFO", "message": "Starting"}}
    given: dict[str, object] = {
        "message": message,
        "lines": f"{json.dumps(log)}\n{json.dumps(message)}\n",
        "catalog": small,
        "wrapped": {"streams": [{"stream": one} for one in small["streams"]]},
        "without modes": bare,
    }
    ended = read(gitlab, tmp_path, given[form])
    assert ended.code == 0, ended.stdout
    assert ended.statuses == {"issues": "COMPLETE", "groups": "COMPLETE"}
    assert {one["record"]["stream"] for one in ended.of("RECORD")} == {"issues", "groups"}


@pytest.mark.parametrize("form", ["lines", "states", "one", "bare", "cut off", "messages"])
def test_what_read_printed_is_a_state(gitlab: Emulator, tmp_path: Path, form: str) -> None:
    """The last state of each stream counts, and what it covers is not read again."""
    names = ("issues", "branches")
    first = read(gitlab, tmp_path, catalog(*names))
    states = first.of("STATE")
    old = json.loads(json.dumps(states[0]))
    old["state"]["stream"]["stream_state"] = {"version": 1}
    last = {one["state"]["stream"]["stream_descriptor"]["name"]: one for one in states}
    assert set(last) == set(names)
    lines = json.dumps(old) + "\n" + first.stdout
    given: dict[str, object] = {
        "lines": lines,
        "cut off": lines + json.dumps(old)[:-20],
        "states": [old["state"], *(one["state"] for one in states)],
        "messages": [old, *states],
        "one": last["issues"],
        "bare": last["issues"]["state"],
    }
    chosen = ("issues",) if form in {"one", "bare"} else names
    second = read(gitlab, tmp_path, catalog(*chosen), given[form])
    assert second.code == 0, second.stdout
    for name in chosen:
        before = [one for one in first.of("RECORD") if one["record"]["stream"] == name]
        after = [one for one in second.of("RECORD") if one["record"]["stream"] == name]
        assert len(after) < len(before) / 2, name


@pytest.mark.parametrize(
    ("what", "content", "told"),
    [
        ("catalog", '{"type": "LOG", "log": {"level": "INFO", "message": "x"}}\n', "type CATALOG"),
        ("catalog", [1, 2], "list of streams"),
        ("catalog", "null", "list of streams"),
        ("state", [1], "1 is no state"),
        ("state", '{"type": "STATE", "state": {}}\n{"STATE" broken\n{"type": "LOG"}\n', "not JSON"),
        ("state", '{"type": "STATE"}', "form of a state"),
        ("state", '{"type": "GLOBAL", "global": {}}', "other than states of streams"),
        ("state", [{"type": [], "stream": {}}], "other than states of streams"),
        ("state", '{"type": "STREAM", "strem": {}}', "other than states of streams"),
    ],
)
def test_what_is_neither(
    gitlab: Emulator, tmp_path: Path, what: str, content: object, told: str
) -> None:
    """One sentence that names the file."""
    given = {"catalog": catalog("tags"), "state": None, what: content}
    ended = read(gitlab, tmp_path, given["catalog"], given["state"])
    assert ended.code == 1
    (error,) = ended.errors
    assert f"The {what} file " in error["message"]
    assert told in error["message"]
    assert "Traceback" not in ended.stdout + ended.stderr
