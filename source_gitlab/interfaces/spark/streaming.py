"""`spark.readStream.format("gitlab")`: each batch reads what changed since the one before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from pyspark.sql.datasource import DataSourceStreamReader
from pyspark.sql.streaming.datasource import SupportsTriggerAvailableNow

from source_gitlab.core.session import Session
from source_gitlab.core.state import StreamState
from source_gitlab.engine.exit_codes import UsageError
from source_gitlab.engine.plans import planned
from source_gitlab.interfaces.spark.options import config_of, processes_of, state_of, stream_of
from source_gitlab.interfaces.spark.partitions import Part, batches, plan_part, read
from source_gitlab.interfaces.spark.staging import BEGINNING, Staging, is_staged, stage, staged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from source_gitlab.interfaces.spark.staging import Offset


class GitlabStreamReader(DataSourceStreamReader, SupportsTriggerAvailableNow):  # type: ignore[misc]
    """Plans on the driver, and reads on executors, once for each batch. No token is in it.

    Spark asks for offsets behind `start` when what is before them is written, and keeps an offset
    before it reads: whatever is killed, it asks for the same one again, and what was read of it is
    in the folder of the option staging.
    """

    def __init__(self, options: dict[str, str]) -> None:
        """Take the options of the source.

        Raises:
            UsageError, ConfigError, StateError: one of them is wrong.
        """
        self._options = options
        stream_of(options)
        state_of(options)
        config_of(options)
        processes_of(options)
        if not Path(options.get("staging", "")).is_absolute():
            message = (
                "Set the option staging to the absolute path of a folder that the driver and all"
                " executors see, for this checkpoint alone: what a batch reads is kept there until"
                " Spark has written it."
            )
            raise UsageError(message)
        self._staging = Staging(options["staging"])
        self._is_once = False
        self._is_planned = False

    def initialOffset(self) -> Offset:  # noqa: N802 -- Spark's name
        """Nothing was read."""
        return dict(BEGINNING)

    def prepareForTriggerAvailableNow(self) -> None:  # noqa: N802 -- Spark's name
        """Read once what there is."""
        self._is_once = True

    def latestOffset(self, start: Offset, limit: Any) -> Offset:  # noqa: ARG002, N802 -- Spark's
        """Plan the next batch, which goes on from the state of the one at `start`.

        Spark has written that one, so its rows are let go of.

        Raises:
            GitlabError: nothing can be read.
            UsageError, PlanError: the folder does not have what Spark's checkpoint speaks of.
        """
        stream, state = stream_of(self._options), self._state(start)
        if start["batch"]:
            self._staging.settle(start)
        if self._is_once and self._is_planned:
            return start
        with Session(config_of(self._options)) as session:
            plan = planned(session, {stream.name: state})
            offset = self._staging.add(start, plan, session.started(), processes_of(self._options))
        self._is_planned = True
        return offset

    def partitions(self, start: Offset, end: Offset) -> Sequence[Part]:
        """The plan of the batch at `end`, and its slices.

        Raises:
            UsageError, PlanError: the folder does not have what Spark's checkpoint speaks of.
        """
        if start == end:
            return []
        plan, began, parts = self._staging.planned(end)
        return [
            plan_part(plan, began),
            *(Part(orjson.dumps(slices), place=place) for slices, place in parts),
        ]

    def read(self, partition: Part) -> Iterator[pa.RecordBatch]:
        """The rows of a part, and last how far it came; nothing fails.

        They are those that were read of it first.
        """
        told = orjson.loads(partition.text)
        if partition.is_plan:
            yield from batches(self._options, [told])
            return
        if not is_staged(partition.place):
            stage(partition.place, read(self._options, told))
        yield from batches(self._options, staged(partition.place))

    def _state(self, start: Offset) -> StreamState:
        if not start["batch"]:
            return state_of(self._options)
        stream, states = stream_of(self._options), self._staging.state(start)
        if stream.name not in states:
            message = (
                f"Spark's checkpoint is of the stream {', '.join(states)}, not of {stream.name}:"
                " each has a checkpoint and a folder of its own."
            )
            raise UsageError(message)
        return StreamState.load(states[stream.name], stream)
