"""metadata.yaml is what Airbyte's registry and the CDK's own tools take."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from airbyte_cdk.models.connector_metadata import ConnectorLanguage, MetadataFile
from airbyte_connector_models.metadata.v0.connector_metadata_definition_v0 import (
    ConnectorMetadataDefinitionV0,
)
from pydantic import ValidationError

METADATA = Path(__file__).parents[2] / "metadata.yaml"
CONTENT: dict[str, Any] = yaml.safe_load(METADATA.read_text(encoding="utf-8"))


def test_the_registry_takes_it() -> None:
    """Every field is one that it knows, and of its kind."""
    taken = ConnectorMetadataDefinitionV0(**CONTENT)
    kept = taken.model_dump(exclude_unset=True, by_alias=True)
    assert kept["data"].keys() == CONTENT["data"].keys()


@pytest.mark.parametrize(
    ("name", "value"),
    [("licence", "MIT"), ("connectorType", "tap"), ("definitionId", "gitlab"), ("name", None)],
)
def test_the_registry_refuses_what_it_does_not_know(name: str, value: object) -> None:
    """So what the test above says is worth something."""
    wrong = deepcopy(CONTENT)
    wrong["data"][name] = value
    with pytest.raises(ValidationError):
        ConnectorMetadataDefinitionV0(**wrong)


def test_the_cdk_reads_it() -> None:
    """Its command `airbyte-cdk connector test`, and its builder of images, start from it."""
    data = MetadataFile.from_file(METADATA).data
    assert data.language is ConnectorLanguage.PYTHON
    assert data.connectorBuildOptions is not None
    assert data.connectorBuildOptions.baseImage
