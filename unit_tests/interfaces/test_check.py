"""The setup report without a GitLab: what it says of its steps, and how it keeps to its budget."""

from __future__ import annotations

import io
import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import pytest

from integration_tests.gitlab.patience import PATIENCE
from source_gitlab.cli import main as command_line
from source_gitlab.cli.check import main
from source_gitlab.gitlab.cancellation import Bounds
from source_gitlab.gitlab.timer import Timer
from source_gitlab.setup_check.budget import Budget, OutOfBudget
from source_gitlab.setup_check.display import show
from source_gitlab.setup_check.result import Result, Step, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from source_gitlab.gitlab.client import Client

ADDRESS = Step("Address", "passed", "Connected.")
ASIDE = Step("TLS", "passed", "Encrypted.", aside=True)
EXPIRY = Step("Expiry", "warning", "The token expires in 3 days.")
GROUP = Step("Group acme", "failed", "The group 'acme' was not found.", {"name": "acme"})
PROJECT = Step("Project x/y", "failed", "The project 'x/y' was not found.")
EPICS = {"epics": Verdict("needs Premium", "acme has no licence.")}


class SlowClient:
    """Answers as a client does, each request `cost` times, and remembers how many were at once."""

    def __init__(self, cost: int, seconds: float = 0.01) -> None:
        self.requests: Counter[str] = Counter()
        self.timer = Timer()
        self._cost = cost
        self._seconds = seconds
        self._lock = threading.Lock()

    def one(self, path: str, query: object) -> dict[str, Any]:
        """One object, after a while; an error when the deadline of the call ends it."""
        del query
        for _ in range(self._cost):
            with self._lock:
                self.requests[path] += 1
            Bounds().wait(self._seconds)
        return {"path": path}


def ask_often(budget: Budget, times: int) -> Counter[str]:
    """Ask from ten threads, and count what came of it."""

    def one(number: int) -> str:
        try:
            budget.one(f"thing/{number}")
        except OutOfBudget:
            return "refused"
        return "answered"

    with ThreadPoolExecutor(10) as pool:
        return Counter(pool.map(one, range(times)))


def test_the_message_tells_every_failure_and_nothing_else() -> None:
    """What passed is of no interest to somebody who has to mend two things."""
    result = Result((ADDRESS, EXPIRY, GROUP, PROJECT))
    assert not result.ok
    assert result.status == "failed"
    assert result.message == "The group 'acme' was not found. The project 'x/y' was not found."


def test_the_message_of_success_ends_with_the_warnings() -> None:
    """And leaves out what nobody asked about."""
    result = Result((ADDRESS, EXPIRY, ASIDE))
    assert result.ok
    assert result.status == "warning"
    assert result.message == "Connected. Warning: The token expires in 3 days."


def test_secrets_are_blotted_out_of_every_sentence() -> None:
    """A server may send back what it was sent."""
    result = Result(
        (Step("Group s3cret", "failed", "No s3cret here."),), {"epics": Verdict("ok", "s3cret")}
    )
    text = json.dumps(result.without(["s3cret"]).to_json())
    assert "s3cret" not in text
    assert "No [secret] here." in text


def test_the_report_has_one_shape() -> None:
    """What programs read."""
    assert Result((GROUP,), EPICS, 7).to_json() == {
        "status": "failed",
        "message": "The group 'acme' was not found.",
        "steps": [
            {
                "title": "Group acme",
                "status": "failed",
                "message": "The group 'acme' was not found.",
                "details": {"name": "acme"},
            }
        ],
        "streams": {"epics": {"verdict": "needs Premium", "message": "acme has no licence."}},
        "requests": 7,
    }


def test_plain_lines_where_there_is_no_terminal() -> None:
    """A log shows no colours, and no line is cut."""
    stream = io.StringIO()
    show(Result((ADDRESS, EXPIRY), EPICS, 1), stream)
    assert stream.getvalue() == (
        "ok       Address  Connected.\n"
        "warning  Expiry   The token expires in 3 days.\n"
        "\n"
        "epics  needs Premium  acme has no licence.\n"
        "\n"
        "A read can start; see the warnings above. (1 request)\n"
    )


class Terminal(io.StringIO):
    """A place to write that says it is a terminal."""

    def isatty(self) -> bool:
        """It does."""
        return True


def test_a_table_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """In colours; square brackets are text, not markup."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    show(Result((Step("Group a", "failed", "Not [bold]here."),), EPICS), stream)
    assert "Not [bold]here." in stream.getvalue()
    assert "acme has no licence." in stream.getvalue()
    assert "\x1b[" in stream.getvalue()


@pytest.mark.parametrize("cost", [1, 2, 3])
def test_the_budget_holds_though_every_request_is_tried_twice(cost: int) -> None:
    """Ten threads that start at once do not overrun it, and use it up but for one request."""
    client = SlowClient(cost)
    budget = Budget(cast("Client", client), requests=40, seconds=PATIENCE)
    came = ask_often(budget, 60)
    assert 37 <= budget.used <= 40
    assert came["answered"] == budget.used // cost
    assert came["refused"] == 60 - came["answered"]


def test_requests_of_before_do_not_count() -> None:
    """A session may have been used already."""
    client = SlowClient(1)
    client.requests["before"] = 100
    budget = Budget(cast("Client", client), requests=5, seconds=PATIENCE)
    assert ask_often(budget, 2) == {"answered": 2}
    assert budget.used == 2


def test_nothing_is_asked_when_the_time_is_over() -> None:
    """A wait that is under way, for a rate limit say, ends too, and is no failure."""
    client = SlowClient(1, seconds=60)
    budget = Budget(cast("Client", client), requests=40, seconds=0.2)
    assert ask_often(budget, 12) == {"refused": 12}
    assert budget.used <= 10


def test_a_mistake_in_the_configuration_is_a_report_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was asked, and whoever reads the file learns why."""
    monkeypatch.setenv("GITLAB_TOKEN", "glpat-environment")
    report = tmp_path / "report.json"
    assert main(["--url", "no such place", "--report", str(report)]) == 2
    written = json.loads(report.read_text())
    assert written["status"] == "failed"
    assert written["requests"] == 0
    assert [step["title"] for step in written["steps"]] == ["Configuration"]
    assert "api_url: there is a space in 'no such place'." in capsys.readouterr().out


def test_without_a_token_it_says_where_to_put_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `sync` does."""
    for name in ("GITLAB_TOKEN", "GITLAB_PRIVATE_TOKEN", "CI_JOB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    assert main([]) == 2
    assert "Set GITLAB_TOKEN to an access token" in capsys.readouterr().out


def test_a_report_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is asked, for the report is what was wanted."""
    monkeypatch.setenv("GITLAB_TOKEN", "glpat-environment")
    nowhere = tmp_path / "nowhere" / "report.json"
    assert command_line(["check", "--url", "no such place", "--report", str(nowhere)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == f"--report {nowhere}: the directory {nowhere.parent} is not there\n"
