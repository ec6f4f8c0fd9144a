"""What a read will cost: found out before anything is read, and held against a real read."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.launch import Emulator
from integration_tests.support.reading import config_for, read
from source_gitlab.config import parse
from source_gitlab.core.cost import Costs
from source_gitlab.core.session import Session
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "integration_tests" / "configs" / "access_token.json"


def run(gitlab: Emulator, *arguments: str) -> str:
    """What a command writes that reads this GitLab."""
    command = [sys.executable, "-m", "source_gitlab", *arguments]
    done = subprocess.run(
        [*command, "--config", str(CONFIG), "--url", gitlab.url],
        env={**os.environ, "GITLAB_TOKEN": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def number(pattern: str, text: str) -> int:
    """The number that stands in a text."""
    found = re.search(pattern, text)
    assert found is not None, text
    return int(found[1].replace(",", ""))


def test_a_read_of_all_that_is_read_by_default(gitlab: Emulator, tmp_path: Path) -> None:
    """It takes no more requests than were foretold, and not much fewer; nor does the next one."""
    file = str(tmp_path / "gitlab.duckdb")
    foretold = run(gitlab, "sync", "--to", file, "--dry-run")
    assert not os.path.lexists(file)
    first = number(r"would take about ([\d,]+) requests", foretold)
    asked = number(r"; ([\d,]+) requests", run(gitlab, "sync", "--to", file))
    assert 2 * first / 3 <= asked <= first
    before = Path(file).read_bytes()
    again = run(gitlab, "sync", "--to", file, "--dry-run")
    assert Path(file).read_bytes() == before
    assert " all\n" not in again
    later = number(r"would take about ([\d,]+) requests", again)
    assert number(r"([\d,]+) requests", run(gitlab, "sync", "--to", file)) <= later < first


def test_a_file_that_is_up_to_date(gitlab: Emulator, tmp_path: Path) -> None:
    """Lists that are not due cost nothing, and the rest is what the run asks for."""
    file = str(tmp_path / "gitlab.duckdb")
    select = ("--select", "issues", "tags", "timelogs", "project_labels", "deployments")
    run(gitlab, "sync", "--to", file, *select)
    dry = run(gitlab, "sync", "--to", file, "--dry-run", *select)
    lines = {line.split()[0]: line for line in dry.splitlines() if line}
    assert lines["tags"].endswith(" the whole list")
    assert lines["timelogs"].endswith(" the whole list")
    assert lines["issues"].endswith(" what changed")
    foretold = number(r"would take about ([\d,]+) requests", dry)
    asked = number(r"([\d,]+) requests", run(gitlab, "sync", "--to", file, *select))
    assert foretold / 2 <= asked <= foretold


def test_what_is_read_again_where_less_is_chosen(gitlab: Emulator, tmp_path: Path) -> None:
    """All of it, as the run says."""
    file = str(tmp_path / "gitlab.duckdb")
    select = ("--select", "issues", "branches", "project_members")
    run(gitlab, "sync", "--to", file, *select, "--group", "acme")
    narrower = (*select, "--group", "acme/platform")
    dry = run(gitlab, "sync", "--to", file, "--dry-run", *narrower)
    foretold = number(r"would take about ([\d,]+) requests", dry)
    asked = number(r"([\d,]+) requests", run(gitlab, "sync", "--to", file, *narrower))
    assert foretold / 2 <= asked <= 1.25 * foretold


def test_what_was_read_before_is_told_apart(gitlab: Emulator, tmp_path: Path) -> None:
    """Streams without a state are read in full, the others as on each day."""
    file = str(tmp_path / "gitlab.duckdb")
    run(gitlab, "sync", "--to", file, "--select", "issues")
    dry = run(gitlab, "sync", "--to", file, "--dry-run", "--select", "issues", "tags")
    kinds = {line.split()[0]: line.split(maxsplit=2)[2] for line in dry.splitlines()[1:3]}
    assert kinds == {"issues": "what changed", "tags": "all"}
    full = run(gitlab, "sync", "--to", file, "--dry-run", "--full-refresh", "--select", "issues")
    assert " all\n" in full


def test_check_tells_both_reads(gitlab: Emulator) -> None:
    """As text and as JSON, with the time that the requests take."""
    report = json.loads(run(gitlab, "check", "--cost", "--format", "json", "--select", "issues"))
    cost = report["cost"]
    assert set(cost["streams"]) == {"issues"}
    assert cost["first"]["requests"] == cost["streams"]["issues"]["first"] > 0
    assert cost["daily"]["requests"] <= cost["first"]["requests"]
    text = run(gitlab, "check", "--cost", "--format", "text", "--select", "issues")
    assert "The first read takes about" in text
    assert all(len(line) <= 80 for line in text.partition("first read ")[2].splitlines())


def estimated(world: Emulator, *names: str) -> tuple[Mapping[str, int], int]:
    """The requests of a first read of some streams, and how many it took to find out."""
    given = {**json.loads(CONFIG.read_text()), "api_url": world.url, "groups_list": ["scaled"]}
    with Session(parse(given)) as session:
        session.begin()
        before = sum(session.client.requests.values())
        costs = Costs(session).of(streams()[name] for name in names)
        asked = sum(session.client.requests.values()) - before
    return {name: cost.first for name, cost in costs.items()}, asked


def test_parents_that_have_no_rows_are_not_counted() -> None:
    """GraphQL shows of some pipelines how many have trigger jobs; a read takes about as many."""
    name, projects, pipelines = "pipeline_trigger_jobs", 8, 60
    sizes = ("--projects", projects, "--pipelines-per-project", pipelines)
    with Emulator("--world", "scaled", "--groups", 1, *sizes) as world:
        costs, _ = estimated(world, name, "pipelines_extended")
        world.reset_requests()
        reading = read(config_for(world, groups_list=["scaled"]), [name])
        counts = world.requests(limit=1)["counts"]
    assert reading.failure is None
    assert costs["pipelines_extended"] >= projects * pipelines
    paths = ("GET /projects/:id/pipelines", "POST /api/graphql")
    asked = sum(sum(counts[path].values()) for path in paths)
    assert not [path for path in counts if path.endswith("/bridges")]
    assert asked <= costs[name] <= 2 * asked < projects * pipelines / 4


@pytest.mark.parametrize("projects", [300])
def test_finding_out_does_not_take_a_request_for_each_project(projects: int) -> None:
    """A few projects stand for all of them."""
    with Emulator("--world", "scaled", "--projects", projects) as world:
        costs, asked = estimated(world, "branches", "pipelines", "issues", "pipelines_extended")
    assert projects <= costs["branches"] <= 2 * projects
    assert costs["pipelines"] >= 2 * projects
    assert asked < projects / 3
