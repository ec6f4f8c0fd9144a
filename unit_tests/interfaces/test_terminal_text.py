"""What people read is printable, whatever GitLab has; what they wrote is never a traceback."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_gitlab.cli import main
from source_gitlab.cli.options import read_file
from source_gitlab.config import ConfigError
from source_gitlab.interfaces.sync_progress import PlainLines
from source_gitlab.terminal import printable

if TYPE_CHECKING:
    from pathlib import Path


@given(st.text())
def test_nothing_that_moves_a_cursor_is_left(text: str) -> None:
    """Escapes, bells, line ends, marks that turn the direction of text."""
    assert printable(text).isprintable()


def test_words_stay_as_they_are() -> None:
    """With the spaces that align a table."""
    assert printable("a  b\tc\nd é 例 🦊") == "a  b c d é 例 🦊"
    assert printable("\x1b]0;title\x07x\u202ey\x9bz") == "]0;titlexyz"


def test_a_note_is_one_line() -> None:
    """A warning may name a field that GitLab has and no schema knows."""
    output = io.StringIO()
    PlainLines(output).note('issues.\x1b[2J\n{"type":"STATE"}: unknown')
    assert output.getvalue() == 'issues.[2J {"type":"STATE"}: unknown\n'


# Nine lists of nine lists, and so on: a few lines that would be half a million values.
LAUGHS = "a0: &a0 [x]\n" + "".join(
    f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(7)
)
ODD = [
    "a: 2024-13-45",
    "2024-13-45: a",
    "start_date: 0000-00-00",
    "a: " + "9" * 5000,
    '{"a": ' + "9" * 5000 + "}",
    "a: " + "[" * 5000,
    '{"a": ' + "[" * 100_000,
    '{"a": ' + "[" * 5000 + "]" * 5000 + "}",
    "a: &a [*a]",
    "&a {a: *a}",
    LAUGHS,
    "? [a]\n: b",
    "!!python/object:os.system x",
    "!!timestamp x",
    "!!int x",
    "!!float x",
    "!!binary é",
    "a: !!set {x, y}",
    "null",
    "- a",
    "",
    "\x00",
    "a: \ud800",
    "1: 2",
    "a: .inf",
    "a: 1:2:3:4:5:6:7:8:9e99",
]


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_an_odd_configuration_is_one_sentence(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of any command that reads one; nothing is asked of a GitLab."""
    monkeypatch.delenv("GITLAB_TOKEN", raising=False)
    path = tmp_path / "config.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    target = str(tmp_path / "x.duckdb")
    assert main(["sync", "--to", target, "--config", str(path)]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err
    assert main(["token", "--config", str(path)]) == 2
    assert "Traceback" not in capsys.readouterr().err


@given(
    st.one_of(
        st.text(),
        st.text("{}[]:,&*!|>-?'\"# \n\tabc019.e_~=<%@`\\"),
        st.lists(st.sampled_from(["a: ", "- ", "&x ", "*x ", "{", "}", "[", "]", "!!int ", "!!map ",
                                  "!!timestamp ", "2024-01-01", "0x", "1e9", "\n", "  ", "<<: ",
                                  "? ", '"', "'", "~", ".nan"])).map("".join),
    )
)  # fmt: skip
def test_no_text_is_a_traceback(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """A configuration is fields, or a mistake that is told."""
    path = tmp_path_factory.getbasetemp() / "fuzzed.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        found = read_file(path)
    except ConfigError:
        return
    assert isinstance(found, dict)
