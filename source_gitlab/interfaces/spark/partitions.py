"""What one task of Spark does: tell the plan of a read, or read slices of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from pyspark.sql.datasource import InputPartition

from source_gitlab.engine.slice_work import SliceReading
from source_gitlab.engine.worker_sessions import session_for
from source_gitlab.interfaces.spark.columns import Batches, table_of
from source_gitlab.interfaces.spark.options import config_of, processes_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pyarrow as pa

    from source_gitlab.engine.plans import Plan, PlannedSlice, Result
    from source_gitlab.gitlab.pagination import Row


@dataclass(frozen=True)
class Part(InputPartition):  # type: ignore[misc] # pyspark is not in every environment
    """What one task does: read slices, as JSON; or, first of all, tell the plan.

    In a stream, `place` is the folder that has what was read, or will have it.
    """

    text: bytes
    is_plan: bool = False
    place: str = ""


def plan_part(plan: Plan, began: str) -> Part:
    """The part that tells the plan, with no more of its slices than where they are."""
    places = [
        {**one, "slice": {name: one["slice"][name] for name in ("stream", "container", "id")}}
        for one in plan.slices
    ]
    told = {"plan": {**plan.to_json(), "slices": places}, "began": began}
    return Part(orjson.dumps(told), is_plan=True)


def read(options: Mapping[str, str], planned: list[PlannedSlice]) -> Iterator[list[Row] | Result]:
    """The pages of slices, which threads of this process read, and last how far they came."""
    plan = planned[0]["plan"]
    with session_for(plan, config_of(options), processes_of(options)) as session:
        reading = SliceReading(session, planned)
        for _, rows in reading:
            yield rows
        yield reading.result()


def batches(
    options: Mapping[str, str], read_: Iterable[list[Row] | Mapping[str, Any]]
) -> Iterator[pa.RecordBatch]:
    """The same as Spark takes it; the plan of a read is such a thing, too."""
    made = Batches(table_of(stream_of(options)))
    for told in read_:
        if isinstance(told, list):
            yield made.of(told)
        else:
            yield made.progress(told if "plan" in told and "began" in told else {"result": told})
