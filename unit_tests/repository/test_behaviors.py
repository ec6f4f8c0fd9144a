"""Every promise names tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROMISES = ROOT / "docs" / "behaviors.md"
_TEST = re.compile(r"(?P<file>[\w/]*test_\w+\.py)?(?:::(?P<function>\w+))?")


@cache
def functions(path: Path) -> frozenset[str]:
    """The functions of a file, by name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def files(name: str) -> list[Path]:
    """The files that a name may mean: a path from the root, or a name below integration_tests/."""
    if "/" in name:
        return [path for path in [ROOT / name] if path.is_file()]
    return sorted((ROOT / "integration_tests").rglob(name))


def problems(text: str) -> list[str]:
    """What is wrong with the tests that a text names between backticks.

    `::name` without a file belongs to the file that was named last.
    """
    found = []
    last = ""
    for span in re.findall(r"`([^`]+)`", text):
        match = _TEST.fullmatch(span)
        if match is None or not (match["file"] or match["function"]):
            continue
        last = match["file"] or last
        places = files(last)
        if len(places) != 1:
            found.append(f"{last} is the name of {len(places)} files")
        elif match["function"] and match["function"] not in functions(places[0]):
            found.append(f"{last} has no function {match['function']}")
    return found


def promises(text: str) -> dict[str, str]:
    """The numbered promises: the text of each by its section and number."""
    found: dict[str, str] = {}
    for section in re.split(r"(?m)^## ", text)[1:]:
        title, _, body = section.partition("\n")
        # What is not promised stands behind the promises of its section.
        body = re.split(r"(?m)^Not promised", body)[0]
        for one in re.split(r"(?m)^(?=\d+\. )", body)[1:]:
            number, _, promise = one.partition(". ")
            found[f"{title} {number}"] = promise
    return found


def test_every_test_that_is_named_exists() -> None:
    """A test that was renamed or moved is named anew, so that who doubts a promise can run it."""
    assert not problems(PROMISES.read_text(encoding="utf-8"))


def test_every_promise_names_a_test() -> None:
    """A promise without a test is a hope."""
    found = promises(PROMISES.read_text(encoding="utf-8"))
    assert found
    untested = [where for where, text in found.items() if not re.search(r"`[^`]*test_\w+", text)]
    assert not untested


def test_a_name_that_is_wrong_is_found() -> None:
    """A file that is not there, a function that is not, and one behind the file of another."""
    here = "unit_tests/repository/test_behaviors.py"
    right = f"`{here}::test_a_name_that_is_wrong_is_found`, `::functions`, `make test`, `name`"
    assert problems(right) == []
    assert problems("`test_nothing.py`") == ["test_nothing.py is the name of 0 files"]
    assert problems(f"`{here}`, `::test_other`") == [f"{here} has no function test_other"]
    assert problems("`test_relations.py::nobody`") == ["test_relations.py has no function nobody"]
