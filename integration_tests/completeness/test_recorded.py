"""Real input: every row that a real GitLab once returned is emitted, unchanged and valid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft7Validator

from integration_tests.gitlab.launch import Emulator
from integration_tests.support.reading import config_for, read
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from integration_tests.support.reading import Reading

RECORDED = Path(__file__).parents[3] / "shared" / "recorded"
# The file's name is the resource's; a bridge was recorded with the path and the form of a job.
FILES = {
    "deployments": "deployments",
    "issues": "issues",
    "job": "jobs",
    "merge_request_commits": "merge_request_commits",
    "merge_requests": "merge_requests",
    "pipeline": "pipelines",
    "pipeline_details": "pipelines_extended",
    "trigger_job": "pipeline_trigger_jobs",
    "users": "project_members",
}

pytestmark = pytest.mark.skipif(
    not RECORDED.exists(), reason="the recorded rows are not part of the project"
)


@pytest.fixture(scope="module")
def reading() -> Reading:
    """One read of the world of recorded rows."""
    with Emulator("--world", "recorded", "--recorded", str(RECORDED)) as gitlab:
        return read(config_for(gitlab), dict.fromkeys(FILES.values()))


def recorded(file: str) -> list[dict[str, Any]]:
    """The rows of one file."""
    lines = (RECORDED / f"{file}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["data"] for line in lines]


@pytest.mark.parametrize(("file", "stream"), FILES.items())
def test_every_recorded_row_is_emitted(file: str, stream: str, reading: Reading) -> None:
    """Each once, with every column as it was; the count is that of the file."""
    assert reading.failure is None
    wanted = recorded(file)
    emitted = {row["id"]: row for row in reading.rows[stream]}
    found = [row for row in wanted if row["id"] in emitted]
    assert len(found) == len(wanted)
    for row in wanted:
        got = emitted[row["id"]]
        assert {column: got[column] for column in row} == row


@pytest.mark.parametrize("stream", dict.fromkeys(FILES.values()))
def test_every_row_is_valid(stream: str, reading: Reading) -> None:
    """Against the schema that the catalog shows."""
    validator = Draft7Validator(streams()[stream].schema)
    for row in reading.rows[stream]:
        assert not [error.message for error in validator.iter_errors(row)]
