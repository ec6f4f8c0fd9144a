"""Streams that are chosen on the command line."""

from __future__ import annotations

import pytest

from source_gitlab.engine.exit_codes import UsageError
from source_gitlab.interfaces.choice import chosen
from source_gitlab.streams import streams

DEFAULT = [name for name, stream in streams().items() if stream.selected]


def test_nothing_named_is_what_is_read_by_default() -> None:
    """In declared order."""
    assert list(chosen([])) == DEFAULT


@pytest.mark.parametrize(
    ("select", "exclude", "wanted"),
    [
        (["jobs", "issues"], [], {"issues", "jobs"}),
        (["*"], [], set(streams())),
        (["merge_request_*"], ["*_emoji"], None),
        (["area:ci", "issues"], ["jobs"], None),
        ([], ["jobs", "area:code"], None),
    ],
)
def test_names_patterns_and_areas(
    select: list[str], exclude: list[str], wanted: set[str] | None
) -> None:
    """What is left out is left out however it was chosen."""
    found = set(chosen(select, exclude))
    if wanted is not None:
        assert found == wanted
        return
    assert found
    assert "jobs" not in found
    assert not any(name.endswith("_emoji") for name in found)
    if "area:ci" in select:
        assert {streams()[name].area for name in found} == {"ci", "planning"}
    if "area:code" in exclude:
        assert found == {n for n in DEFAULT if n != "jobs" and streams()[n].area != "code"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("isues", "There is no stream isues"),
        ("area:nowhere", "There is no such area. There are: structure, "),
        ("zzz*", "No stream has a name like one of the patterns"),
        ("glpat-0123456789", "There is no such stream. There are: groups, "),
    ],
)
def test_what_is_no_stream(name: str, words: str) -> None:
    """The answer does not repeat what may be a token."""
    for arguments in ([name], []), (["issues"], [name]):
        with pytest.raises(UsageError, match=words.replace("?", r"\?")) as caught:
            chosen(*arguments)
        assert "glpat" not in str(caught.value)


def test_nothing_is_left() -> None:
    """It is said before anything is read."""
    with pytest.raises(UsageError, match="No stream is left"):
        chosen(["issues"], ["issues"])
