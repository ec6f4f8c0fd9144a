"""How fast a machine is decides no test: each wait for what must happen takes the one PATIENCE."""

from __future__ import annotations

import ast
from pathlib import Path

import tomli

from integration_tests.gitlab.patience import PATIENCE

ROOT = Path(__file__).parents[2]
TESTS = ("unit_tests", "integration_tests")
FILES = [path for name in TESTS for path in (ROOT / name).rglob("*.py")]
WAITS = {"wait", "join", "result", "communicate"}
CLOCKS = {"monotonic", "perf_counter", "time"}
# Seconds. A shorter one is what a test lets pass on purpose, and one that is longer than PATIENCE
# stands for "never".
SHORT = 5


def is_tight(node: ast.expr | None) -> bool:
    """Whether it is a number of seconds that a slow machine may need."""
    number = node.value if isinstance(node, ast.Constant) else None
    return isinstance(number, (int, float)) and SHORT <= number < PATIENCE


def reads_clock(node: ast.expr) -> bool:
    """Whether it is, for example, `time.monotonic()`."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CLOCKS
    )


def is_measured(node: ast.expr) -> bool:
    """Whether it is the time since another reading of a clock."""
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and reads_clock(node.left)


def is_impatient(node: ast.AST) -> bool:
    """Whether this node bounds a wait, a test or the time that passed with a number of its own."""
    if isinstance(node, ast.Call):
        named = [one.value for one in node.keywords if one.arg == "timeout"]
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        # pytest.mark.timeout, and set_script_timeout of a browser
        by_method = name in WAITS or name.endswith("timeout")
        alone = node.args if by_method and len(node.args) == 1 and not node.keywords else []
        return any(is_tight(one) for one in (*named, *alone))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return reads_clock(node.left) and is_tight(node.right)
    if isinstance(node, ast.Compare):
        below = isinstance(node.ops[0], (ast.Lt, ast.LtE))
        return below and is_measured(node.left)
    return isinstance(node, ast.Assign) and any(
        isinstance(one, ast.Name) and one.id == "PATIENCE" for one in node.targets
    )


def found_in(text: str) -> list[int]:
    """The lines of a file that wait no longer than a slow machine may need."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.expr, ast.stmt)) and is_impatient(node)
    ]


def test_each_wait_is_patient() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in FILES
        for line in found_in(path.read_text(encoding="utf-8"))
    }
    assert not found, f"wait for PATIENCE, of integration_tests.gitlab.patience: {sorted(found)}"


def test_what_is_impatient_is_found() -> None:
    for line in (
        "process.communicate(timeout=120)",
        "thread.join(30)",
        "event.wait(60.0)",
        "end = time.monotonic() + 60",
        "assert time.monotonic() - began < LONG / 2",
        "PATIENCE = 60",
        "pytestmark = pytest.mark.timeout(900)",
        "browser.set_script_timeout(60)",
    ):
        assert found_in(line) == [1], line
    for line in ("process.wait(PATIENCE)", "ended.wait(0.3)", "queue.get(3600.0)", "', '.join(a)"):
        assert not found_in(line), line


def test_what_hangs_is_told_before_the_test_is_ended() -> None:
    settings = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["tool"]["pytest"]["ini_options"]["timeout"] > PATIENCE
