"""The schedule for Airflow of docs/scheduling.md, run by Airflow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from integration_tests.support.environments import environment
from integration_tests.support.schedules import ASKED, ISSUES, Scheduler, snippet

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator


@pytest.fixture(scope="module")
def installed(own_gitlab: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Scheduler:
    """Airflow with the DAG and the connection that the page says, and a database of its own."""
    folder = tmp_path_factory.mktemp("airflow")
    variables = {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "0",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    programs = environment("airflow", with_package=False)
    scheduler = Scheduler(programs, folder, own_gitlab, variables)
    (folder / "dags").mkdir()
    dag = scheduler.addressed(snippet("Airflow", "python"))
    (folder / "dags" / "gitlab.py").write_text(dag, encoding="utf-8")
    for command in ("airflow db migrate", snippet("Airflow", "sh")):
        done = scheduler.run(command, GITLAB_TOKEN=own_gitlab.token)
        assert done.returncode == 0, done.stdout + done.stderr
    return scheduler


@pytest.fixture
def airflow(installed: Scheduler) -> Scheduler:
    """The same before its first sync."""
    installed.file.unlink(missing_ok=True)
    return installed


def test_an_incomplete_sync_is_tried_again(airflow: Scheduler, faulty: Emulator) -> None:
    """And what it did not read arrives; the token comes from the connection."""
    faulty.faults([{**ISSUES, "times": ASKED}])
    done = airflow.run("airflow dags test gitlab")
    assert done.returncode == 0, done.stdout + done.stderr
    assert airflow.outcomes() == [("incomplete", 1), ("complete", 0)]
    assert airflow.issues() > 0


@pytest.mark.usefixtures("faulty")
def test_a_wrong_token_is_tried_again_and_then_reported(airflow: Scheduler) -> None:
    """Twice, as the page says; the run fails, and its log has what is wrong."""
    wrong = json.dumps({"conn_type": "generic", "password": "glpat-of-nobody-at-all"})
    done = airflow.run("airflow dags test gitlab", AIRFLOW_CONN_GITLAB=wrong)
    assert done.returncode == 1
    assert "GitLab does not accept the token" in done.stdout + done.stderr
    assert airflow.refused() == 3
