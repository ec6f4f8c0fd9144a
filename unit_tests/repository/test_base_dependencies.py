"""The base installation brings what its modules import, and nothing else."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from integration_tests.support.base_installation import (
    brought,
    direct,
    lacking,
    modules_of,
    run_program,
)
from source_gitlab.distribution import install_command

PACKAGE = Path(__file__).parents[2] / "source_gitlab"
# Each has an extra of its own.
EXTRAS = {PACKAGE / "interfaces" / name for name in ("airbyte/cdk.py", "dlt", "mcp", "spark")}
BASE = sorted(path for path in PACKAGE.rglob("*.py") if not EXTRAS & {path, *path.parents})
# Each is used where it is installed, and never asked for: `body`, `master_key` and `proxies`.
OPTIONAL = {"isal", "keyring", "socks"}
MOST = 24  # distributions, on whatever Python and system


def name_of(path: Path) -> str:
    """The name under which a module is imported."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(node: ast.AST) -> set[str]:
    """The top-level modules that a program imports, without what only type checkers see."""
    found: set[str] = set()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        if isinstance(child, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and not child.level:
            found.add((child.module or "").partition(".")[0])
        found |= imported(child)
    return found - {"source_gitlab", *sys.stdlib_module_names}


@pytest.mark.parametrize("path", BASE, ids=name_of)
def test_a_base_module_imports_base_dependencies_only(path: Path) -> None:
    """What it took from elsewhere would be missing at users who have no extra."""
    found = imported(ast.parse(path.read_text(encoding="utf-8")))
    assert found <= modules_of(direct()) | OPTIONAL


def test_each_base_dependency_is_imported() -> None:
    """Who runs `sync` installs nothing that nobody imports."""
    used = {name for path in BASE for name in imported(ast.parse(path.read_text(encoding="utf-8")))}
    unused = {name for name in direct() if not modules_of(frozenset({name})) & used}
    assert not unused


def test_the_base_installation_is_small() -> None:
    """With what its dependencies bring: the CDK's is five times as many."""
    assert len(brought()) <= MOST, sorted(brought())


def test_every_base_module_is_imported_without_the_rest() -> None:
    """What a library imports on our behalf is seen only by importing for real."""
    assert "airbyte_cdk" in lacking()
    names = [name_of(path) for path in BASE if path.name != "__main__.py"]
    done = run_program(f"import importlib\nfor name in {names!r}: importlib.import_module(name)\n")
    assert done.code == 0, done.stderr


def test_the_source_object_says_what_it_needs() -> None:
    """To programs too, which ask the package for it."""
    done = run_program("from source_gitlab import SourceGitlab\n")
    assert done.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: This needs the Airbyte CDK. Install it with:"
        " pip install 'gitlab-warehouse[airbyte]'"
    )


def test_the_mcp_server_says_what_it_needs() -> None:
    """And how to install that."""
    done = run_program(
        "import sys\nfrom source_gitlab.cli import main\nsys.exit(main(['mcp', '--file', 'a']))\n"
    )
    assert done.code == 2
    assert install_command("mcp") in done.stderr
    assert "Traceback" not in done.stderr
