"""`spark.read.format("gitlab")`: one stream of a GitLab, read by the executors.

The first partition has the plan, as one row; each of the others ends with a row that tells how far
it came. They are written with GitLab's rows and by the same attempt of a task, whatever the table
is, so a state never covers a row that was not written.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition

from source_gitlab.config import parse
from source_gitlab.core.session import Session
from source_gitlab.core.state import StateError, StreamState
from source_gitlab.engine.exit_codes import UsageError
from source_gitlab.engine.plans import parts_for, planned
from source_gitlab.engine.slice_work import SliceReading
from source_gitlab.engine.worker_sessions import session_for
from source_gitlab.interfaces.spark.columns import Batches, schema_of, table_of
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from source_gitlab.config import Config
    from source_gitlab.engine.plans import Plan
    from source_gitlab.streams import Stream

_TOKEN: Final = "GITLAB_TOKEN"  # noqa: S105 -- the name of a variable
_READERS: Final = 4
_OPTIONS: Final = frozenset(
    {"api_url", "config", "groups", "processes", "projects", "state", "stream", "token_env"}
)


class GitlabDataSource(DataSource):  # type: ignore[misc] # pyspark is not in every environment
    """One stream of a GitLab as a table.

    Options: `stream`, its name. `groups` and `projects`, paths or ids with commas between, where
    not everything is read that the token is a member of. `api_url`. `config`, further fields of the
    configuration as JSON, without credentials. `token_env`, the environment variable that has an
    access token on the driver and on the executors (GITLAB_TOKEN). `processes`, how many partitions
    are read at the same time, each with one of so many parts of the limits (4). `state`, the JSON
    of the state to go on from, as `taken` and other faces give it.
    """

    @classmethod
    def name(cls) -> str:
        """What the format is called."""
        return "gitlab"

    def schema(self) -> str:
        """The columns of the stream, `_extra`, and `_progress`."""
        return schema_of(table_of(_stream(self.options)))

    def reader(self, schema: Any) -> GitlabReader:  # noqa: ARG002 -- Spark calls it by name
        """What plans and reads."""
        return GitlabReader(dict(self.options))


@dataclass(frozen=True)
class Part(InputPartition):  # type: ignore[misc]
    """What one task does: read slices, as JSON; or, first of all, tell the plan."""

    text: bytes
    is_plan: bool = False


class GitlabReader(DataSourceReader):  # type: ignore[misc]
    """Plans on the driver, and reads on executors. No token is in it."""

    def __init__(self, options: dict[str, str]) -> None:
        """Take the options of the source.

        Raises:
            UsageError, ConfigError, StateError: one of them is wrong.
        """
        self._options = options
        self._processes = _processes(options)
        _stream(options)
        _state(options)
        _config(options)

    def partitions(self) -> Sequence[Part]:
        """The plan, and its slices in as many parts as are read at the same time.

        Raises:
            GitlabError: nothing can be read.
        """
        stream = _stream(self._options)
        with Session(_config(self._options)) as session:
            plan = planned(session, {stream.name: _state(self._options)})
            told = {"plan": _brief(plan), "began": session.started()}
        return [
            Part(orjson.dumps(told), is_plan=True),
            *(Part(orjson.dumps(part)) for part in parts_for(plan.slices, self._processes)),
        ]

    def read(self, partition: Part) -> Iterator[pa.RecordBatch]:
        """The rows of a part, with threads inside, and last how far it came; nothing fails."""
        batches = Batches(table_of(_stream(self._options)))
        told = orjson.loads(partition.text)
        if partition.is_plan:
            yield batches.progress(told)
            return
        with session_for(told[0]["plan"], _config(self._options), self._processes) as session:
            reading = SliceReading(session, told)
            for _, rows in reading:
                yield batches.of(rows)
            yield batches.progress({"result": reading.result()})


def _brief(plan: Plan) -> dict[str, Any]:
    """A plan as JSON, with no more of its slices than where they are."""
    places = [
        {**one, "slice": {name: one["slice"][name] for name in ("stream", "container", "id")}}
        for one in plan.slices
    ]
    return {**plan.to_json(), "slices": places}


def _stream(options: Mapping[str, str]) -> Stream:
    name = options.get("stream", "")
    unknown = sorted(set(options) - _OPTIONS - {"path"})
    if unknown:
        message = f"There is no option {', '.join(unknown)}. There are: {', '.join(_OPTIONS)}."
        raise UsageError(message)
    if name not in streams():
        message = "Set the option stream to the name of a stream, such as issues."
        raise UsageError(message)
    return streams()[name]


def _processes(options: Mapping[str, str]) -> int:
    text = options.get("processes", str(_READERS))
    if not text.isdecimal() or int(text) < 1:
        message = "The option processes is a whole number from 1 on."
        raise UsageError(message)
    return int(text)


def _state(options: Mapping[str, str]) -> StreamState:
    stream = _stream(options)
    try:
        return StreamState.load(orjson.loads(options.get("state") or "{}"), stream)
    except orjson.JSONDecodeError as error:
        message = f"the option state is no JSON ({error})"
        raise StateError(message) from None


def _config(options: Mapping[str, str]) -> Config:
    try:
        raw = orjson.loads(options.get("config") or "{}")
    except orjson.JSONDecodeError as error:
        message = f"The option config is no JSON ({error})."
        raise UsageError(message) from None
    name = options.get("token_env", _TOKEN)
    if not isinstance(raw, dict) or "credentials" in raw:
        message = (
            "The option config is an object without credentials: options are shown in plans and"
            f" logs. Set the environment variable {name} on the driver and on the executors."
        )
        raise UsageError(message)
    token = os.environ.get(name)
    if not token:
        message = (
            f"There is no access token in the environment variable {name}. Set it on the driver,"
            f" and on the executors with spark.executorEnv.{name}."
        )
        raise UsageError(message)
    lists = {
        f"{one}_list": [text.strip() for text in options[one].split(",") if text.strip()]
        for one in ("groups", "projects")
        if options.get(one)
    }
    url = {"api_url": options["api_url"]} if options.get("api_url") else {}
    credentials = {"auth_type": "access_token", "access_token": token}
    return parse({**raw, **lists, **url, "credentials": credentials})
