"""`source-gitlab token`, and the tokens of CI jobs."""

from __future__ import annotations

import json
import re
from itertools import count
from typing import TYPE_CHECKING

import pytest

from integration_tests.support.signing_in import home, lab, run

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator


__all__ = ["home", "lab"]

TOKENS = {
    "glpat-emulator-default-0001": ("personal", ["read_api"], 0),
    "glpat-emulator-read-user-0001": ("personal", ["read_user"], 1),
    "glpat-emulator-revoked-0001": ("unknown", None, 1),
    "glpat-emulator-expired-0001": ("unknown", None, 1),
}


@pytest.mark.parametrize("token", TOKENS)
def test_token_tells_without_telling_the_token(lab: Emulator, token: str) -> None:
    """As text and as JSON."""
    kind, scopes, exit_code = TOKENS[token]
    code, out, err = run("token", "--url", lab.url, "--json", GITLAB_TOKEN=token)
    assert code == exit_code, err
    told = json.loads(out)
    assert (told["kind"], told["scopes"], told["ok"]) == (kind, scopes, exit_code == 0)
    code, text, _ = run("token", "--url", lab.url, GITLAB_TOKEN=token)
    assert code == exit_code
    assert token not in out + err + text


def test_token_counts_the_days(lab: Emulator) -> None:
    """And warns under two weeks."""
    numbers = count(1)
    for days, warned in ((5, True), (100, False)):
        token = f"glpat-emulator-lives-{next(numbers):04}"
        created = {"op": "create", "token": token, "scopes": ["api"], "user_id": 1, "days": days}
        lab.post("tokens", created)
        code, out, _ = run("token", "--url", lab.url, "--json", GITLAB_TOKEN=token)
        told = json.loads(out)
        assert code == 0
        assert told["days"] in {days, days - 1}
        assert ("Make a new one before then" in " ".join(told["messages"])) == warned


def test_token_of_a_job(lab: Emulator, tmp_path: Path) -> None:
    """The file says that it is to be used; the job has it in its environment."""
    path = tmp_path / "job.yaml"
    path.write_text(f"api_url: {lab.url}\ncredentials: {{auth_type: job_token}}\n")
    job = "glcbt-emulator-job-0001"
    code, out, err = run("token", "--config", str(path), "--json", CI_JOB_TOKEN=job)
    assert code == 0, err
    assert json.loads(out)["kind"] == "job"
    assert json.loads(out)["user"] == "ada"
    assert job not in out


def test_a_job_reads_what_is_open_to_it(lab: Emulator, tmp_path: Path) -> None:
    """Issues of its project; what is closed to it is skipped and said, not a dead token."""
    path = tmp_path / "job.yaml"
    path.write_text(f"api_url: {lab.url}\ncredentials: {{auth_type: job_token}}\n")
    arguments = ["--config", str(path), "--project", "acme/web"]
    target = ["--to", str(tmp_path / "gitlab.duckdb"), "--select", "issues,project_labels"]
    job = "glcbt-emulator-job-0001"
    code, out, err = run("sync", *target, *arguments, CI_JOB_TOKEN=job)
    assert code == 0, out + err
    assert re.search(r"issues\s+[1-9]", out)
    assert "not open to the tokens of CI jobs" in out + err
    code, out, err = run("sync", *target, *arguments, CI_JOB_TOKEN="glcbt-ended-job-0001")
    assert code == 2
    assert "does not accept the token" in out + err


def test_token_of_nobody(lab: Emulator, tmp_path: Path) -> None:
    """Public data needs none."""
    path = tmp_path / "none.yaml"
    path.write_text(f"api_url: {lab.url}\ncredentials: {{auth_type: none}}\ngroups_list: [acme]\n")
    code, out, err = run("token", "--config", str(path), "--json")
    assert code == 0, err
    assert json.loads(out)["kind"] == "none"
