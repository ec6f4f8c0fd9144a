"""The page about errors quotes what the program says."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "troubleshooting.md"
ANY = "…"  # what differs from one message to the next


def _text(node: ast.expr) -> str:
    """What an expression says as far as that stands in the code; the rest is `ANY`."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ANY
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_text, node.values))
    return ANY


@cache
def said() -> str:
    """Every text in the code of the package, a line each."""
    found = set()
    for path in (ROOT / "source_gitlab").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Constant, ast.JoinedStr)):
                found.add(" ".join(_text(node).split()))
    return "\n".join(sorted(found))


def quoted(page: str) -> list[str]:
    """The messages of a page: what stands in the first column of its tables as code."""
    return re.findall(r"(?m)^\| `([^`]+)` \|", page)


def unsaid(messages: list[str]) -> list[str]:
    """Those of the messages that no text of the code has."""
    return [one for one in messages if one not in said()]


def test_every_message_is_one_that_the_program_has() -> None:
    """Whoever searches the page for what the terminal shows finds it."""
    messages = quoted(PAGE.read_text(encoding="utf-8"))
    assert len(messages) > 30
    assert unsaid(messages) == []


def test_a_message_that_the_program_does_not_have_is_found() -> None:
    """One that was reworded, and one whose variable parts stand elsewhere."""
    page = "| `the connection was lost` | wait |\n| `the connexion was lost` | wait |\n"
    assert unsaid(quoted(page)) == ["the connexion was lost"]
    assert unsaid(["… answered with an empty body.", "answered … empty"]) == ["answered … empty"]
