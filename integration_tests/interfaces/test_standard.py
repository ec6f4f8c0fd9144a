"""Airbyte's own standard tests, as acceptance-test-config.yml asks for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from airbyte_cdk.test.standard_tests import SourceTestSuiteBase

from source_gitlab import SourceGitlab

if TYPE_CHECKING:
    from airbyte_cdk.test.models import ConnectorTestScenario

    from integration_tests.gitlab.launch import Emulator

ROOT = Path(__file__).parents[2]


class TestStandard(SourceTestSuiteBase):
    """The suite; its tests of the Docker image are left out in conftest.py."""

    connector = SourceGitlab

    @classmethod
    def get_connector_root_dir(cls) -> Path:
        """Where metadata.yaml and acceptance-test-config.yml are."""
        return ROOT


@pytest.fixture(params=TestStandard.get_scenarios(), ids=lambda scenario: scenario.id)
def scenario(request: pytest.FixtureRequest, gitlab: Emulator) -> ConnectorTestScenario:
    """A scenario of the file, with the address of the emulated GitLab in its configuration.

    The suite's own pytest plugin would hand the files to the tests as they are, and a file cannot
    know the address.
    """
    declared = cast("ConnectorTestScenario", request.param)
    config = declared.get_config_dict(connector_root=ROOT, empty_if_missing=False)
    return declared.model_copy(update={"config_dict": {**config, "api_url": gitlab.url}})
