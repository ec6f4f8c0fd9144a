"""`spark.read.format("gitlab")`: one stream of a GitLab, read by the executors.

The first partition has the plan, as one row; each of the others ends with a row that tells how far
it came. They are written with GitLab's rows and by the same attempt of a task, whatever the table
is, so a state never covers a row that was not written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from pyspark.sql.datasource import DataSource, DataSourceReader

from source_gitlab.core.session import Session
from source_gitlab.engine.exit_codes import UsageError
from source_gitlab.engine.plans import parts_for, planned
from source_gitlab.interfaces.spark.columns import schema_of, table_of
from source_gitlab.interfaces.spark.options import config_of, processes_of, state_of, stream_of
from source_gitlab.interfaces.spark.partitions import Part, batches, plan_part, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from source_gitlab.interfaces.spark.streaming import GitlabStreamReader


class GitlabDataSource(DataSource):  # type: ignore[misc] # pyspark is not in every environment
    """One stream of a GitLab as a table.

    Options: `stream`, its name. `groups` and `projects`, paths or ids with commas between, where
    not everything is read that the token is a member of. `api_url`. `config`, further fields of the
    configuration as JSON, without credentials. `token_env`, the environment variable that has an
    access token on the driver and on the executors (GITLAB_TOKEN). `processes`, how many partitions
    are read at the same time, each with one of so many parts of the limits (4). `state`, the JSON
    of the state to go on from, as `taken` and other faces give it. `staging`, for a stream: a
    folder that the driver and the executors see, for one checkpoint alone.
    """

    @classmethod
    def name(cls) -> str:
        """What the format is called."""
        return "gitlab"

    def schema(self) -> str:
        """The columns of the stream, `_extra`, and `_progress`."""
        return schema_of(table_of(stream_of(self.options)))

    def reader(self, schema: Any) -> GitlabReader:  # noqa: ARG002 -- Spark calls it by name
        """What plans and reads."""
        return GitlabReader(dict(self.options))

    def streamReader(self, schema: Any) -> GitlabStreamReader:  # noqa: ARG002, N802 -- Spark's
        """What plans and reads the batches of a stream.

        Raises:
            UsageError: this Spark is too old.
        """
        try:
            from source_gitlab.interfaces.spark.streaming import (  # noqa: PLC0415 -- not in 4.1
                GitlabStreamReader,
            )
        except ModuleNotFoundError as error:
            if error.name != "pyspark.sql.streaming.datasource":
                raise
            message = "Reading as a stream needs Spark 4.2 or newer."
            raise UsageError(message) from None
        return GitlabStreamReader(dict(self.options))


class GitlabReader(DataSourceReader):  # type: ignore[misc]
    """Plans on the driver, and reads on executors. No token is in it."""

    def __init__(self, options: dict[str, str]) -> None:
        """Take the options of the source.

        Raises:
            UsageError, ConfigError, StateError: one of them is wrong.
        """
        self._options = options
        self._processes = processes_of(options)
        stream_of(options)
        state_of(options)
        config_of(options)

    def partitions(self) -> Sequence[Part]:
        """The plan, and its slices in as many parts as are read at the same time.

        Raises:
            GitlabError: nothing can be read.
        """
        stream = stream_of(self._options)
        with Session(config_of(self._options)) as session:
            plan = planned(session, {stream.name: state_of(self._options)})
            began = session.started()
        return [
            plan_part(plan, began),
            *(Part(orjson.dumps(part)) for part in parts_for(plan.slices, self._processes)),
        ]

    def read(self, partition: Part) -> Iterator[pa.RecordBatch]:
        """The rows of a part, with threads inside, and last how far it came; nothing fails."""
        told = orjson.loads(partition.text)
        return batches(self._options, [told] if partition.is_plan else read(self._options, told))
