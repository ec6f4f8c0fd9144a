"""The source object that PyAirbyte's kind of program and the CDK's tests drive.

The only module that imports the CDK. The CDK's concurrent classes are not used. Over the same pages
they took as much CPU as the engine where a stream is one long list, a tenth more where it is a
thousand short ones, and an eighth more for all streams of fifty projects, with starting counted in.
They order no state behind rows by themselves.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import orjson

from source_gitlab.config import load_spec
from source_gitlab.distribution import install_command
from source_gitlab.interfaces.airbyte import inputs
from source_gitlab.interfaces.airbyte.errors import Failure
from source_gitlab.interfaces.airbyte.messages import LOGGER
from source_gitlab.interfaces.airbyte.source import Source
from source_gitlab.interfaces.airbyte_catalog import catalog

if importlib.util.find_spec("airbyte_cdk") is None:
    message = f"This needs the Airbyte CDK. Install it with: {install_command('airbyte')}"
    raise ModuleNotFoundError(message, name="airbyte_cdk")

from airbyte_cdk import models
from airbyte_cdk.sources import Source as CdkSource
from airbyte_cdk.utils import AirbyteTracedException
from airbyte_cdk.utils.airbyte_secrets_utils import update_secrets

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping

    from airbyte_cdk.models import (
        AirbyteCatalog,
        AirbyteConnectionStatus,
        AirbyteMessage,
        AirbyteStateMessage,
        ConfiguredAirbyteCatalog,
        ConnectorSpecification,
    )
    from requests.adapters import BaseAdapter

    from source_gitlab.core.skip_log import SkipLog
    from source_gitlab.core.slices import Row
    from source_gitlab.gitlab.client import Retries
    from source_gitlab.gitlab.tuning import Tuning
    from source_gitlab.interfaces.airbyte.protocol import Json
    from source_gitlab.setup_check import Result
    from source_gitlab.streams import Stream

# The CDK, and programs that drive a source, look for all that a source says below this name.
LOGGER.parent = logging.getLogger("airbyte")


def print_message(message: AirbyteMessage) -> None:
    """Write one message to standard output at once."""
    line = orjson.dumps(models.AirbyteMessageSerializer.dump(message)).decode()
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class SourceGitlab(CdkSource):
    """GitLab as an Airbyte source."""

    # Every dialect of configuration is accepted, and its mistakes named, by `config.parse`.
    check_config_against_spec = False

    def __init__(  # noqa: PLR0913 -- who is told what, and how GitLab is read
        self,
        announce: Callable[[AirbyteMessage], None] = print_message,
        on_checked: Callable[[Result], None] | None = None,
        on_read: Callable[[SkipLog], None] | None = None,
        retries: Retries | None = None,
        *,
        transport: BaseAdapter | None = None,
        tuning: Tuning | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        """As `source.Source`, in the CDK's objects."""
        super().__init__()
        self._source = Source(
            lambda message: announce(_object(message)),
            shape=_as_they_are,
            on_checked=on_checked,
            on_read=on_read,
            hide=update_secrets,
            retries=retries,
            transport=transport,
            tuning=tuning,
            stop=stop,
        )

    def spec(self, logger: logging.Logger) -> ConnectorSpecification:
        """The connector specification, as in `spec.yaml`."""
        del logger
        return models.ConnectorSpecificationSerializer.load(_spec_fields())

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Test each thing that the user named; the message says what is wrong and what to do."""
        del logger
        answer = _object(self._source.check(config)).connectionStatus
        assert answer is not None  # noqa: S101 -- it is what the message is for
        return answer

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteCatalog:
        """The catalog of all declared streams; it is the same for every GitLab."""
        del logger, config
        found = _object({"type": "CATALOG", "catalog": catalog()}).catalog
        assert found is not None  # noqa: S101 -- it was just put in
        return found

    @classmethod
    def read_catalog(cls, catalog_path: str) -> ConfiguredAirbyteCatalog:
        """The configured catalog in a file, which may also be what `discover` printed."""
        return models.ConfiguredAirbyteCatalogSerializer.load(inputs.catalog_in(catalog_path))

    @classmethod
    def read_state(cls, state_path: str | None) -> list[AirbyteStateMessage]:
        """The states in a file, or what `read` printed; none where no file is named."""
        if not state_path:
            return []
        return [
            models.AirbyteStateMessageSerializer.load(one) for one in inputs.states_in(state_path)
        ]

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        """The messages of a read of the configured streams.

        Raises:
            AirbyteTracedException: the configuration, catalog or state is wrong, or, at the end,
                a stream is incomplete.
        """
        del logger
        chosen = models.ConfiguredAirbyteCatalogSerializer.dump(catalog)
        states = [models.AirbyteStateMessageSerializer.dump(one) for one in state or []]
        try:
            with closing(self._source.read(config, chosen, states)) as messages:
                for message in messages:
                    yield from _objects(message)
        except Failure as failure:
            raise _raised(failure) from failure.__cause__


def _as_they_are(_stream: Stream, rows: list[Row]) -> list[Row]:
    return rows


def _object(message: Json) -> AirbyteMessage:
    return models.AirbyteMessageSerializer.load(message)


def _objects(message: Json) -> Iterator[AirbyteMessage]:
    """A message as the CDK has it; a page as one for each row."""
    if message["type"] != "RECORD":
        yield _object(message)
        return
    record = message["record"]
    for row in record["data"]:
        of_row = models.AirbyteRecordMessage(record["stream"], row, record["emitted_at"])
        yield models.AirbyteMessage(type=models.Type.RECORD, record=of_row)


def _raised(failure: Failure) -> AirbyteTracedException:
    return AirbyteTracedException(
        message=failure.message,
        internal_message=failure.internal_message,
        failure_type=models.FailureType(failure.failure_type),
        exception=failure.error,
        stream_descriptor=models.StreamDescriptor(name=failure.stream) if failure.stream else None,
    )


def _spec_fields() -> Json:
    spec = load_spec()
    known = {"documentationUrl", "connectionSpecification", "advanced_auth"}
    return {key: value for key, value in spec.items() if key in known}
