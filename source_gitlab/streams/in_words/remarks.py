"""The comments of the declarations, which say what is odd about a list."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_DECLARED = Path(__file__).parents[1] / "declared"
_ROW = re.compile(r"A row is (?P<row>.+?)\.(?: (?P<rest>.+))?")


def remarks(text: str) -> dict[str, list[str]]:
    """The comments of each stream of a file of `declared/`.

    Lines of comment that follow each other are one remark; one right above a stream is about it.
    """
    found: dict[str, list[str]] = {}
    name, above, continues = "", [], False
    for line in text.splitlines():
        comment = re.match(r"( *)# (.*)", line)
        if comment and comment[1]:
            notes = found.setdefault(name, [])
            if continues:
                notes[-1] += " " + comment[2]
            else:
                notes.append(comment[2])
        elif comment:
            above.append(comment[2])
        elif head := re.match(r"(\w+):", line):
            name = head[1]
            if above:
                found[name] = [" ".join(above)]
        continues = comment is not None
        if not comment:
            above = []
    return found


def row_and_rest(found: list[str]) -> tuple[str | None, list[str]]:
    """What one row is, if a first sentence `A row is …` says it, and the other remarks."""
    said = _ROW.fullmatch(found[0]) if found else None
    if said is None:
        return None, found
    return said["row"], [*filter(None, [said["rest"]]), *found[1:]]


def remarks_of(stream: str) -> list[str]:
    """What the comments say about a stream, without what one row is."""
    return row_and_rest(_all().get(stream, []))[1]


def row_in_remarks(stream: str) -> str | None:
    """What one row of a stream is, where a comment says it."""
    return row_and_rest(_all().get(stream, []))[0]


@cache
def _all() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in _DECLARED.glob("*.yaml"):
        found |= remarks(path.read_text(encoding="utf-8"))
    return found
