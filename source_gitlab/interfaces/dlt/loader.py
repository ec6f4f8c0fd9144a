"""Load packages, one after the other: rows and the states that cover them go in one."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import duckdb

from source_gitlab.interfaces.dlt import held, parquet_folder
from source_gitlab.interfaces.dlt.collected import SOURCE, Collected, UnfitError, check
from source_gitlab.interfaces.dlt.resource import resource
from source_gitlab.interfaces.dlt.spool import Spool
from source_gitlab.redaction import redact
from source_gitlab.temporary_files import TemporaryFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa
    from dlt import Pipeline
    from dlt.extract import DltResource
    from typing_extensions import Self

    from source_gitlab.config import Shard
    from source_gitlab.interfaces.dlt.destinations import Target
    from source_gitlab.tables.table import StreamTable

PIPELINE: Final = "source_gitlab"
_LONGEST: Final = 300
# What a refusal says that is the same the next time, whoever gives it.
_LASTING: Final = re.compile(
    "authentication|password|permission denied|does not exist|no such file|not authorized"
    "|access denied|forbidden|unauthorized|not a directory",
    re.IGNORECASE,
)


class DestinationError(Exception):
    """A destination cannot be used; the message says why. `passes` tells that waiting may help."""

    def __init__(self, message: str, *, passes: bool = False) -> None:
        """Keep whether it passes beside the sentence."""
        super().__init__(message)
        self.passes = passes


class Loader(Collected):
    """A store that loads what was collected into `target` whenever a sync commits.

    What dlt keeps on disk is made for one sync: where each stream stands is in the destination.
    Raises `DestinationError` from every method that asks or writes the destination.
    """

    def __init__(  # noqa: PLR0913 -- where rows go, whose they are, and what they look like
        self,
        target: Target,
        tables: Mapping[str, StreamTable],
        *,
        instance: str,
        former: str | None,
        warn: Callable[[str], None],
        shard: Shard | None = None,
    ) -> None:
        """Connect, and find out where each stream stands; `instance` is the address of GitLab.

        Each `shard` keeps a state of its own, for several write one destination at once.
        """
        self._target = target
        self._name = f"{PIPELINE}_{shard.part}_of_{shard.of}" if shard else PIPELINE
        self._instance = instance
        self._folder = TemporaryFolder()
        # dlt takes Ctrl-C for itself in the main thread.
        self._thread = ThreadPoolExecutor(1, "dlt")
        spool = Spool(self._folder.path, tables.values(), warn)
        try:
            self._pipeline = self._in_dlt(self._connected)
            sources: Mapping[str, Any] = self._pipeline.state.get("sources", {})
            kept = sources.get(SOURCE, {})
            check(kept, tables, instance, former)
            filled = {name for name in tables if held.seen(self._pipeline, name)}
            super().__init__(tables, spool, kept.get("resources", {}), self._held_rows, filled)
        except UnfitError as error:
            self._let_go(spool)
            message = f"{target} cannot be used: {error}. Name another dataset with --dataset"
            raise DestinationError(message) from error
        except BaseException:
            self._let_go(spool)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._let_go(self.spool)

    def _let_go(self, spool: Spool) -> None:
        spool.close()
        self._thread.shutdown()
        self._folder.close()

    def commit(self, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Load what was collected, and with it these states."""
        super().commit(states)
        self._in_dlt(self._load)

    def checkpoint(self) -> None:
        """Bring the files of each table of Parquet together."""
        if self._target.table_format == "parquet":
            self._in_dlt(lambda: parquet_folder.tidy(self._pipeline, self.tables))

    def _connected(self) -> Pipeline:
        # Whoever runs a sync has not agreed to tell anyone of it.
        os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
        os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")
        import dlt  # noqa: PLC0415

        pipeline = dlt.pipeline(
            self._name,
            pipelines_dir=str(self._folder.path / "dlt"),
            destination=self._target.destination(),
            dataset_name=self._target.dataset,
        )
        pipeline.sync_destination()
        if self._target.table_format == "parquet":
            parquet_folder.sweep(pipeline, self._known(pipeline))
        return pipeline

    def _known(self, pipeline: Pipeline) -> list[str]:
        if not pipeline.schema_names:
            return []
        return [str(table["name"]) for table in pipeline.default_schema.data_tables()]

    def _load(self) -> None:
        import dlt  # noqa: PLC0415

        names = self.settled()
        if not names:
            return
        package = [self._resource(name) for name in names]

        @dlt.source(name=SOURCE, max_table_nesting=0)
        def gitlab() -> list[DltResource]:
            return package

        info = self._pipeline.run(gitlab(), loader_file_format=self._target.way.file_format)
        info.raise_on_failed_jobs()
        for name in names:
            self.taken(name)

    def _resource(self, name: str) -> DltResource:
        return resource(
            self.tables[name],
            partial(self.rows, name),
            partial(self._to_keep, name),
            nested=self._target.way.nested,
            table_format=self._target.table_format,
        )

    def _to_keep(self, name: str) -> dict[str, Any]:
        import dlt  # noqa: PLC0415

        # Of a source, dlt keeps only what its resources tell while they are read.
        dlt.current.source_state()["instance"] = self._instance
        return dict(self.to_keep(name))

    def _held_rows(self, stream: str, columns: Any, wanted: Any) -> Iterator[pa.Table]:
        if self._target.table_format == "parquet":
            return parquet_folder.rows(self._pipeline, self.tables[stream], columns)
        return held.rows(self._pipeline, stream, columns, wanted)

    def _in_dlt(self, work: Callable[[], Any]) -> Any:
        """Let dlt do something, in its thread; its errors become a sentence."""
        with self._errors():
            return self._thread.submit(work).result()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        from dlt.common.configuration.exceptions import ConfigurationException  # noqa: PLC0415
        from dlt.common.exceptions import DltException, MissingDependencyException  # noqa: PLC0415

        try:
            yield
        except (duckdb.Error, OSError) as error:
            raise self._unwritable(error) from error
        except DltException as error:
            causes = list(_causes(error))
            shown = self._target.shown
            if any(isinstance(one, MissingDependencyException) for one in causes):
                message = f"{shown} needs the package {self._target.needed()}; install it beside"
                raise DestinationError(message) from error
            if any(isinstance(one, ConfigurationException) for one in causes):
                message = (
                    f"{shown} cannot be used: its address or dlt's configuration lacks something, "
                    f"or has it wrong. {_first_line(causes[-1])}"
                )
                raise DestinationError(message) from error
            raise self._unwritable(causes[-1]) from error

    def _unwritable(self, error: BaseException) -> DestinationError:
        reason = _first_line(error)
        message = f"{self._target.shown} cannot be written: {reason}"
        return DestinationError(message, passes=_LASTING.search(reason) is None)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it came of, the first cause at the end."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = redact(lines[0] if lines else type(error).__name__)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
