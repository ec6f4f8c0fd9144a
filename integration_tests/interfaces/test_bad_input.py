"""What users get wrong ends in one clear sentence, the right exit code, and nothing lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.support.process import catalog, file, run
from integration_tests.support.reading import config_for
from source_gitlab.core.state.id_sets import encode

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator
    from integration_tests.support.process import Ended

WRONG_TOKEN = "glpat-of-somebody-else-1"
LONGEST_SENTENCE = 600


def is_clear(ended: Ended) -> bool:
    """No traceback, no library's wording, no token, whatever went wrong."""
    text = ended.stdout + ended.stderr
    unwanted = ("Traceback", 'File "', "Errno", "HTTPConnectionPool", "Exception(", WRONG_TOKEN)
    return not [word for word in unwanted if word in text]


def sentence_of(ended: Ended) -> str:
    """The one error of a command that failed."""
    assert ended.code == 1, ended.stderr
    assert is_clear(ended)
    (error,) = ended.errors
    assert error["failure_type"] == "config_error"
    assert not error.get("stack_trace")
    message: str = error["message"]
    assert "\n" not in message
    assert len(message) < LONGEST_SENTENCE
    return message


def mistaken(gitlab: Emulator, mistake: str) -> dict[str, Any]:
    """A configuration with one mistake in it."""
    wrong_token = {"auth_type": "access_token", "access_token": WRONG_TOKEN}
    changes: dict[str, dict[str, Any]] = {
        "token": {"credentials": wrong_token},
        "no token": {"credentials": {"auth_type": "access_token"}},
        "group": {"groups_list": ["acme/no-such-group"]},
        "scheme": {"api_url": "htp://gitlab.example.com"},
        "start date": {"start_date": "31.01.2024"},
        "workers": {"num_workers": "many"},
        "nothing there": {"api_url": "http://127.0.0.1:9"},
        "no such host": {"api_url": "https://gitlab.invalid"},
        "no gitlab": {"api_url": f"{gitlab.url}/somewhere"},
    }
    return {**config_for(gitlab), **changes[mistake]}


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        ("token", "does not accept the token"),
        ("no token", "access_token"),
        ("group", "'acme/no-such-group'"),
        ("scheme", "'htp://gitlab.example.com'"),
        ("start date", "'31.01.2024' is not a date"),
        ("workers", "num_workers: 'many' is not a whole number"),
        ("nothing there", "127.0.0.1:9"),
        ("no such host", "could not be resolved"),
        ("no gitlab", "api_url"),
    ],
)
def test_check_says_what_is_wrong(
    gitlab: Emulator, tmp_path: Path, mistake: str, told: str
) -> None:
    """A check that fails is an answer: exit code 0, status FAILED, and what to do."""
    config = file(tmp_path, "config.json", mistaken(gitlab, mistake))
    ended = run("check", "--config", config)
    assert ended.code == 0, ended.stderr
    assert is_clear(ended)
    assert ended.check["status"] == "FAILED"
    assert told in ended.check["message"]
    assert not ended.errors


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        ("token", "does not accept the token"),
        ("group", "'acme/no-such-group'"),
        ("start date", "'31.01.2024' is not a date"),
    ],
)
def test_a_read_with_a_wrong_configuration(
    gitlab: Emulator, tmp_path: Path, mistake: str, told: str
) -> None:
    """One error for all streams, which end INCOMPLETE with the states that they came with."""
    projects = encode([101, 102])
    before = {"version": 1, "through": "2024-01-01T00:00:00.000Z", "projects": projects}
    descriptor = {"name": "issues"}
    given = [
        {"type": "STREAM", "stream": {"stream_descriptor": descriptor, "stream_state": before}}
    ]
    ended = run(
        "read",
        *("--config", file(tmp_path, "config.json", mistaken(gitlab, mistake))),
        *("--catalog", file(tmp_path, "catalog.json", catalog("issues", "branches", "users"))),
        *("--state", file(tmp_path, "state.json", given)),
    )
    assert told in sentence_of(ended)
    assert not ended.of("RECORD")
    assert set(ended.statuses.values()) <= {"INCOMPLETE"}
    states = [m["state"]["stream"] for m in ended.of("STATE")]
    for state in states:
        if state["stream_descriptor"] == descriptor:
            assert state["stream_state"] == before


UNKNOWN = catalog("issues", "isues")
STREAM: dict[str, Any] = catalog("issues")["streams"][0]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (UNKNOWN, "does not have: isues"),
        ("[1, 2", "is not JSON"),
        ("", "is not JSON"),
        ([1], "does not have the form of a catalog"),
        ({}, "streams"),
        ({"streams": []}, "names no stream"),
        ({"streams": [{**STREAM, "sync_mode": "sideways"}]}, "sideways"),
        (None, "No such file"),
    ],
)
def test_a_wrong_catalog(gitlab: Emulator, tmp_path: Path, content: object, told: str) -> None:
    """The sentence names the file and what is wrong in it."""
    path = tmp_path / "catalog.json"
    if content is not None:
        file(tmp_path, "catalog.json", content)
    config = file(tmp_path, "config.json", config_for(gitlab))
    ended = run("read", "--config", config, "--catalog", path)
    message = sentence_of(ended)
    assert told in message
    assert not ended.of("RECORD")


def state_of(content: object) -> list[dict[str, Any]]:
    """A state file's content, with this as the state of the issues."""
    stream = {"stream_descriptor": {"name": "issues"}, "stream_state": content}
    return [{"type": "STREAM", "stream": stream}]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (state_of({"bookmark": "2024-01-01"}), "was not written by this connector"),
        (state_of({"version": 99, "through": "2024-01-01T00:00:00Z"}), "connector"),
        (state_of({"version": 1, "projects": "no ids", "through": "2024-01-01"}), "connector"),
        (
            state_of({"version": 1, "groups": {"10": {"others": 0}}}),
            "groups.10 cannot be understood",
        ),
        (state_of({"version": 1, "positions": {"group:10": {}}}), "positions.group:10 cannot be"),
        (state_of("2024-01-01"), "does not have the form of a state"),
        ([1], "does not have the form of a state"),
        ({"issues": "2024-01-01"}, "does not have the form of a state"),
        ("{", "is not JSON"),
        (None, "No such file"),
    ],
)
def test_a_state_that_is_not_ours(
    gitlab: Emulator, tmp_path: Path, content: object, told: str
) -> None:
    """An error, not a full read: that is for the user to decide."""
    path = tmp_path / "state.json"
    if content is not None:
        file(tmp_path, "state.json", content)
    config = file(tmp_path, "config.json", config_for(gitlab))
    chosen = file(tmp_path, "catalog.json", catalog("issues"))
    ended = run("read", "--config", config, "--catalog", chosen, "--state", path)
    assert told in sentence_of(ended)
    assert not ended.of("RECORD")
    assert not ended.of("STATE")


@pytest.mark.parametrize("command", ["check", "discover", "read"])
@pytest.mark.parametrize(
    ("content", "told"),
    [("{no json", "is not JSON"), ([1], "configuration"), (None, "No such file")],
)
def test_a_file_that_is_no_configuration(
    tmp_path: Path, command: str, content: object, told: str
) -> None:
    """Whatever the command, the sentence names the file."""
    path = tmp_path / "config.json"
    if content is not None:
        file(tmp_path, "config.json", content)
    chosen = file(tmp_path, "catalog.json", catalog("issues"))
    more = ("--catalog", chosen) if command == "read" else ()
    ended = run(command, "--config", path, *more)
    if command == "check":
        assert ended.code == 0
        assert is_clear(ended)
        message = ended.check["message"]
        assert ended.check["status"] == "FAILED"
    else:
        message = sentence_of(ended)
    assert told in message
    assert "config.json" in message


def test_a_file_whose_name_is_no_text() -> None:
    """Names are bytes; what is shown of them is text."""
    ended = run("read", "--config", "no-\udcff.json", "--catalog", "none.json")
    assert "The configuration file no-?.json cannot be read" in sentence_of(ended)


@pytest.mark.parametrize(
    ("arguments", "token", "told"),
    [
        (("--select", "isues"), "", "no stream isues. Did you mean issues?"),
        (("--select", "issues"), WRONG_TOKEN, "does not accept the token"),
        (("--group", "acme/no-such-group"), "", "'acme/no-such-group'"),
        (("--since", "31.01.2024"), "", "--since is not a date"),
        (("--config", "no-such-file.yaml"), "", "no-such-file.yaml cannot be read"),
        (("--url", "htp://gitlab.example.com"), "", "'htp://gitlab.example.com'"),
    ],
)
def test_sync(
    gitlab: Emulator, tmp_path: Path, arguments: tuple[str, ...], token: str, told: str
) -> None:
    """The command for people: the sentence without any JSON around it."""
    ended = run(
        "sync",
        *("--to", tmp_path / "gitlab.duckdb"),
        *(() if "--url" in arguments else ("--url", gitlab.url)),
        *(() if "--select" in arguments else ("--select", "issues")),
        *arguments,
        GITLAB_TOKEN=token or gitlab.token,
    )
    assert ended.code == 2
    assert told in ended.stdout + ended.stderr
    assert is_clear(ended)
