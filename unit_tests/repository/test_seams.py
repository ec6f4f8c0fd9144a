"""No test replaces a part of what it tests: what must vary is a parameter.

Environment variables, `sys.stdout` and files may be replaced, and what is not ours.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("source_gitlab", "tools", "benchmarks")
FOLDERS = ("unit_tests", "integration_tests", "benchmarks")
TESTS = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
REPLACING = frozenset({"setattr", "delattr", "setitem", "delitem", "patch", "object", "multiple"})


def names_of_ours(tree: ast.AST) -> set[str]:
    """The names by which a file knows a module, class, function or constant of ours."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {
                alias.asname or alias.name.split(".")[0]
                for alias in node.names
                if alias.name.split(".")[0] in OURS
            }
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in OURS:
            found |= {alias.asname or alias.name for alias in node.names}
    return found


def replaced(source: str) -> list[str]:
    """The calls in a file that replace something of ours, as they are written."""
    tree = ast.parse(source)
    ours = names_of_ours(tree)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and _replaces(node.func):
            target, *_ = node.args
            if _is_ours(target, ours):
                found.append(ast.unparse(node))
        elif isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found += [
                ast.unparse(node)
                for target in targets
                if isinstance(target, ast.Attribute) and _is_ours(target.value, ours)
            ]
    return found


def _replaces(function: ast.expr) -> bool:
    if isinstance(function, ast.Name):
        return function.id in {"setattr", "delattr", "patch"}
    return isinstance(function, ast.Attribute) and function.attr in REPLACING


def _is_ours(target: ast.expr, ours: set[str]) -> bool:
    """Whether a name, or the path in a string, leads to something of ours."""
    if isinstance(target, ast.JoinedStr) and target.values:
        target = target.values[0]
    if isinstance(target, ast.Constant):
        return isinstance(target.value, str) and target.value.split(".")[0] in OURS
    while isinstance(target, (ast.Attribute, ast.Subscript)):
        target = target.value
    return isinstance(target, ast.Name) and target.id in ours


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_test_replaces_a_part_of_ours(path: Path) -> None:
    """A test that does shows what its own replacement does."""
    found = replaced(path.read_text(encoding="utf-8"))
    assert not found, f"make it a parameter: {found}"


FORMS = {
    "monkeypatch.setattr('source_gitlab.core.session.Session', None)": True,
    "from source_gitlab.core import session\nmonkeypatch.setattr(session, 'Session', None)": True,
    "from source_gitlab.engine import feed as f\nmp.setattr(f.Feed, 'waiting', None)": True,
    "import source_gitlab.streams\nmonkeypatch.delattr(source_gitlab.streams, 'streams')": True,
    "from source_gitlab.gitlab import client\nmock.patch.object(client, 'fetch', None)": True,
    "with mock.patch('source_gitlab.gitlab.client.fetch'): pass": True,
    "patch(f'source_gitlab.core.{name}', 1)": True,
    "from source_gitlab.config import Config\nsetattr(Config, 'x', 1)": True,
    "from source_gitlab.gitlab import oauth\noauth._FIRST_WAIT = 0.01": True,
    "from source_gitlab.streams import TABLE\nmp.setitem(TABLE, 'issues', None)": True,
    "from tools import docs\nmonkeypatch.setattr(docs, 'ROOT', path)": True,
    "monkeypatch.setattr('sys.stdout.isatty', lambda: True)": False,
    "monkeypatch.setenv('GITLAB_TOKEN', 'x')": False,
    "import os\nmonkeypatch.setattr(os, 'open', failing)": False,
    "from source_gitlab.config import parse\nparse({}).x": False,
}


@pytest.mark.parametrize(("source", "refused"), FORMS.items())
def test_every_form_is_found(source: str, *, refused: bool) -> None:
    """Of what can be imported in several ways."""
    assert bool(replaced(source)) is refused
