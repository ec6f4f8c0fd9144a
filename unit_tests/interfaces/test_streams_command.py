"""`source-gitlab streams`: all that there is, within 80 columns, without a request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from source_gitlab.cli import main
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Sequence


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command prints."""
    assert main(["streams", *arguments]) == 0
    return capsys.readouterr().out


def names(lines: Sequence[str]) -> list[str]:
    """The streams that lines of the list are about."""
    return [
        line[4:].split()[0] for line in lines if line[:4] in {"  * ", "    "} and line[4] != " "
    ]


def test_every_stream_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """With a star where it is read by default."""
    lines = listed(capsys).splitlines()
    assert names(lines) == list(streams())
    starred = names([line for line in lines if line.startswith("  *")])
    assert starred == [name for name, one in streams().items() if one.selected]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("name", ["issues", "merge_request_notes", "vulnerabilities"])
def test_one_stream_is_told_in_full(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """With its key, what it needs and costs, and all its columns."""
    lines = listed(capsys, name).splitlines()
    assert max(map(len, lines)) <= 80
    words = " ".join(" ".join(lines).split())
    assert f"key {', '.join(streams()[name].key)}" in words
    assert f"columns {', '.join(streams()[name].columns)}" in words
    assert " costs a" in words


def test_a_program_gets_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON, of the streams that are named."""
    found = json.loads(listed(capsys, "--format", "json"))
    assert [one["name"] for one in found] == list(streams())
    assert all(one["row"] and one["cost"] for one in found)
    some = json.loads(listed(capsys, "area:security", "--default", "--format", "json"))
    assert [one["name"] for one in some] == [
        one.name for one in streams().values() if one.area == "security" and one.selected
    ]


def test_a_name_of_no_stream(capsys: pytest.CaptureFixture[str]) -> None:
    """It is a usage error that names the stream that may have been meant."""
    assert main(["streams", "isues"]) == 2
    assert "Did you mean issues?" in capsys.readouterr().err
