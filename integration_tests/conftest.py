"""What the tests of the whole connector share: an emulated GitLab and a configuration for it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from integration_tests.gitlab.launch import Emulator
from integration_tests.support import postgres as postgres_server
from integration_tests.support.process import HURRIED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airbyte_cdk.test.models.scenario import ConnectorTestScenario, ScenarioCommand

    from integration_tests.support.postgres import Postgres

CONFIGS = Path(__file__).parent / "configs"


@pytest.fixture(scope="session", autouse=True)
def _no_tokens_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what whoever runs the tests has signed in to out of them, and theirs out of it."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(folder / "data"))
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        patch.delenv("SOURCE_GITLAB_HOME", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def _hurried() -> Iterator[None]:
    """Let no test wait for a failure to pass, in this process or in those that it starts."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in HURRIED.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def gitlab() -> Iterator[Emulator]:
    """One emulated GitLab for all tests that only read it."""
    with Emulator() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL server; each test makes a database of its own in it."""
    if postgres_server.programs() is None and not os.environ.get("CI"):
        pytest.skip("PostgreSQL's server is not installed: apt-get install postgresql")
    with postgres_server.server() as running:
        yield running


@pytest.fixture(scope="session")
def _one_that_changes() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def changing_gitlab(_one_that_changes: Emulator) -> Emulator:
    """An emulated GitLab as it is when it starts, for a test that changes it."""
    _one_that_changes.reset()
    return _one_that_changes


@pytest.fixture
def config(gitlab: Emulator) -> dict[str, object]:
    """A configuration that reads every stream of the shared GitLab."""
    declared: dict[str, object] = json.loads((CONFIGS / "access_token.json").read_text())
    return {**declared, "api_url": gitlab.url}


@pytest.fixture(scope="module")
def own_gitlab() -> Iterator[Emulator]:
    """An emulated GitLab of one module's own."""
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def faulty(own_gitlab: Emulator) -> Iterator[Emulator]:
    """The same, without the faults of the test before."""
    own_gitlab.faults([])
    own_gitlab.reset_requests()
    yield own_gitlab
    own_gitlab.faults([])
    own_gitlab.settings(epics="on", link_url="")


# The command that each of the CDK's tests runs, of those that look at one scenario.
SCENARIO_TESTS: dict[str, ScenarioCommand] = {
    "test_config_matches_spec": "spec",
    "test_check": "check",
    "test_discover": "discover",
    "test_basic_read": "read",
    "test_fail_read_with_bad_catalog": "read",
}


def _is_left_out(item: pytest.Item) -> bool:
    """Whether a test of the CDK's suite has nothing to say here.

    What it does with Docker builds with BuildKit from Airbyte's base image, and reads without the
    host's network; test_image.py tests the image that our own Dockerfile makes. A scenario whose
    sections of acceptance-test-config.yml do not run a test's command would only be skipped by it.
    """
    if item.name.startswith("test_docker_"):
        return True
    if not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
        return False
    scenario = cast("ConnectorTestScenario | None", item.callspec.params.get("scenario"))
    command = SCENARIO_TESTS.get(item.originalname)
    return scenario is not None and command is not None and not scenario.runs(command)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what is left out, so that a skipped test always means something is missing."""
    left_out = [item for item in items if _is_left_out(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
