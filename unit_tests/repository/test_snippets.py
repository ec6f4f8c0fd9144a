"""The commands of the documents are commands of ours, with flags that exist."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from integration_tests.support.schedules import SCHEDULES, blocks, snippet
from source_gitlab.cli.commands import COMMANDS, named

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
# The flags of the commands of the Airbyte protocol.
_PROTOCOL = {"--config", "--catalog", "--state", "--report", "--shard", "--debug"}
_PROGRAMS = {"source-gitlab", "source-gitlab:dev", "tap-gitlab"}
# What names a program of ours without running it.
_OTHERS = {("docker", "build"), ("meltano", "add"), ("meltano", "run"), ("meltano", "config")}


def commands(shell: str) -> Iterator[list[str]]:
    """The command lines of ours in shell, each without the name of the program."""
    for line in shell.replace("\\\n", " ").splitlines():
        # What a shell works out is a number here, which a flag may insist on.
        filled = re.sub(r"\$\(\(.*?\)\)|(?<=/)\$SHARDS\b", "1", line)
        lexer = shlex.shlex(filled, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        parts: list[list[str]] = [[]]
        for word in lexer:
            if set(word) <= set("();<>|&"):
                parts.append([])
            else:
                parts[-1].append(word.strip("[]"))
        for part in parts:
            places = [number for number, word in enumerate(part) if word in _PROGRAMS]
            if not places or tuple(part[:2]) in _OTHERS:
                continue
            program, *words = part[places[0] :]
            if words:
                yield ["tap", *words] if program == "tap-gitlab" else words


def check(words: list[str]) -> None:
    """Let our parser take a command line.

    Raises:
        KeyError: there is no such command.
        SystemExit: it has a flag that does not exist.
    """
    name = named(words)
    if name in {"read", "discover", "check --config"}:
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        if given - _PROTOCOL:
            raise SystemExit(2)
    elif name not in {"spec", "--version"}:
        parser = COMMANDS[name].parser()
        assert parser is not None, name
        parser.parsed(words[1:])
    assert name in COMMANDS


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_in_documents_are_ours(path: Path) -> None:
    """A flag that was renamed is renamed there, too."""
    text = path.read_text("utf-8")
    for block in (*blocks(text, "sh"), *blocks(text, "cron")):
        for words in commands(block):
            check(words)


def test_a_command_that_is_not_ours_is_found() -> None:
    """A flag that there is not, a command that there is not, and lines that are no command."""
    shell = "export A=1\nsource-gitlab sync --to x.duckdb \\\n  --group a # fine\n"
    assert list(commands(shell)) == [["sync", "--to", "x.duckdb", "--group", "a"]]
    assert list(commands("docker build -t source-gitlab .")) == []
    check(["sync", "--to", "x.duckdb", "--group", "a"])
    with pytest.raises(SystemExit):
        check(["sync", "--too", "x.duckdb"])
    with pytest.raises(SystemExit):
        check(["read", "--cat", "x.json"])
    with pytest.raises(KeyError):
        check(["sink", "--to", "x.duckdb"])


def test_cron() -> None:
    """Five fields, and no % in the command, which cron takes for the end of it."""
    (block,) = blocks(SCHEDULES, "cron")
    for line in block.splitlines():
        fields = line.split(maxsplit=5)
        assert all(re.fullmatch(r"[\d*/,-]+", one) for one in fields[:5])
        assert "%" not in fields[5]
    assert len(list(commands(block))) == 1


def manifests() -> list[Any]:
    """The YAML of the page about schedules."""
    return [yaml.safe_load(block) for block in blocks(SCHEDULES, "yaml")]


def test_gitlab_ci() -> None:
    """The job runs commands of ours, and keeps the file that they write."""
    job = manifests()[0]["sync"]
    (words,) = commands("\n".join(job["script"]))
    check(words)
    file = words[words.index("--to") + 1]
    assert file in job["cache"]["paths"]
    assert {file, words[words.index("--report") + 1]} == set(job["artifacts"]["paths"])
    assert job["retry"]["exit_codes"] == [1]


def test_kubernetes() -> None:
    """The arguments are ours, the file lies on the volume, and exit code 2 ends the job."""
    spec = manifests()[1]["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    job = spec["jobTemplate"]["spec"]
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    check(container["args"])
    (mount,) = container["volumeMounts"]
    assert container["args"][container["args"].index("--to") + 1].startswith(mount["mountPath"])
    assert [one["name"] for one in pod["volumes"]] == [mount["name"]]
    (rule,) = job["podFailurePolicy"]["rules"]
    assert rule["onExitCodes"]["containerName"] == container["name"]
    assert rule["onExitCodes"]["values"] == [2]
    # https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy asks for it
    assert pod["restartPolicy"] == "Never"


@pytest.mark.parametrize("heading", ["Airflow", "Dagster"])
def test_programs(heading: str) -> None:
    """The programs are Python, and what they run is a command of ours."""
    tree = ast.parse(snippet(heading, "python"))
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and str(node.value).startswith("source-gitlab "):
            found += list(commands(str(node.value)))
        if isinstance(node, ast.List) and all(isinstance(one, ast.Constant) for one in node.elts):
            words = ast.literal_eval(node)
            found += [words[1:]] if words[0] == "source-gitlab" else []
    assert len(found) == 1
    check(found[0])
