"""The Tab key in fish, with what `source-gitlab completion fish` writes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from integration_tests.support.process import run
from source_gitlab.cli.commands import COMMANDS
from source_gitlab.interfaces.choice import areas
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from pathlib import Path

FISH = shutil.which("fish")
asks_fish = pytest.mark.skipif(
    FISH is None and not os.environ.get("CI"), reason="fish is not installed (Debian: fish)"
)


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command writes, in a file."""
    path = tmp_path_factory.mktemp("completion") / "completion.fish"
    done = run("completion", "fish")
    assert done.code == 0, done.stderr
    path.write_text(done.stdout)
    return path


def test_every_command_flag_and_stream_is_offered(script: Path) -> None:
    """Each rule is one line of words, whatever a help text quotes."""
    before, _, after = script.read_text().partition("\nend\n")
    words = before.splitlines()[0].split()
    assert words[3:] == [*streams(), *(f"area:{area}" for area in areas())]
    rules = [shlex.split(line) for line in after.splitlines()]
    assert all(rule[:3] == ["complete", "-c", "source-gitlab"] for rule in rules)
    named = [rule[rule.index("-a") + 1] for rule in rules if "__fish_use_subcommand" in rule]
    assert named == [name for name, one in COMMANDS.items() if one.help and " " not in name]
    for name in named:
        parser = COMMANDS[name].parser()
        shown = parser.format_help() if parser else ""
        expected = set(re.findall(r"^  (?:-\w(?: \S+)?, )?--([a-z-]+)", shown, re.MULTILINE))
        own = [rule for rule in rules if rule[4] == f"__fish_seen_subcommand_from {name}"]
        found = {rule[n + 1] for rule in own for n, word in enumerate(rule) if word == "-l"}
        assert found - {"help"} == expected - {"help"}, name


@asks_fish
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ve", ["verify"]),
        ("sync --full", ["--full-refresh"]),
        ("check --format ", ["airbyte", "json", "text"]),
        ("sync --table-format del", ["delta"]),
        ("completion ", ["bash", "fish", "zsh"]),
        ("sync --select issues,releas", ["issues,release_links", "issues,releases"]),
        ("sync --select area:sec", ["area:security"]),
        ("sync --select issues timel", ["timelogs"]),
        ("sync --to a.duckdb --exclude issues notes area:sec", ["area:security"]),
        ("sync --select issues labels issues,releas", ["issues,release_links", "issues,releases"]),
        ("sync --select issues --format ", ["json", "text"]),
        ("sync --select issues --quiet timel", []),
        ("sync --select issues --group timel", []),
        ("sync --select=issues timel", []),
        ("streams timel", ["timelogs"]),
    ],
)
def test_what_fish_offers(script: Path, line: str, words: list[str]) -> None:
    command = f"source {script}; complete -C 'source-gitlab {line}'"
    done = subprocess.run(
        [str(FISH), "--no-config", "-c", command], capture_output=True, text=True, check=True
    )
    assert not done.stderr, done.stderr
    assert sorted(one.split("\t")[0] for one in done.stdout.splitlines()) == words
