"""The schedule for Dagster of docs/scheduling.md, run by Dagster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration_tests.support.environments import environment
from integration_tests.support.schedules import ASKED, ISSUES, Scheduler, snippet

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator

RUN = "dagster asset materialize -f schedule.py --select gitlab"


@pytest.fixture(scope="module")
def installed(own_gitlab: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Scheduler:
    """Dagster with the pool that the page says, and the program, which does not pause."""
    folder = tmp_path_factory.mktemp("dagster")
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    programs = environment("dagster", with_package=False)
    variables = {"DAGSTER_HOME": str(folder), "GITLAB_TOKEN": own_gitlab.token}
    scheduler = Scheduler(programs, folder, own_gitlab, variables)
    written = snippet("Dagster", "python")
    # Nothing else sets it, and nobody waits for ten minutes.
    assert written.count(", delay=300)") == 1
    written = scheduler.addressed(written).replace(", delay=300)", ", delay=0)")
    (folder / "schedule.py").write_text(written, encoding="utf-8")
    done = scheduler.run(snippet("Dagster", "sh"))
    assert done.returncode == 0, done.stdout + done.stderr
    return scheduler


@pytest.fixture
def dagster(installed: Scheduler) -> Scheduler:
    """The same before its first sync."""
    installed.file.unlink(missing_ok=True)
    return installed


def test_an_incomplete_sync_is_tried_again(dagster: Scheduler, faulty: Emulator) -> None:
    """And what it did not read arrives; the event of the first try has what was wrong."""
    faulty.faults([{**ISSUES, "times": ASKED}])
    done = dagster.run(RUN)
    assert done.returncode == 0, done.stdout + done.stderr
    assert dagster.outcomes() == [("incomplete", 1), ("complete", 0)]
    assert dagster.issues() > 0
    assert "/groups/10/issues answered with text/html" in dagster.events()


@pytest.mark.usefixtures("faulty")
def test_a_wrong_token_is_not_tried_again(dagster: Scheduler) -> None:
    """The run fails at once, and says what is wrong."""
    done = dagster.run(RUN, GITLAB_TOKEN="glpat-of-nobody-at-all")
    assert done.returncode == 1
    assert "GitLab does not accept the token" in done.stdout + done.stderr
    assert dagster.refused() == 1
