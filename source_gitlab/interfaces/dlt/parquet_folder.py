"""Tables of plain Parquet files in a folder or bucket, which nobody else keeps in order.

dlt only adds files, named by the load that they came with. While a sync goes on, a table is what
its files say one after the other: of each key the row of the last load, unless that says that it is
gone. Behind the sync, the files of a table become one, which then says it alone.

A process that is killed in between leaves more files than one, never fewer rows; the next sync
takes out those of loads that never ended, and makes one of the others.
"""

# Identifiers cannot be parameters of a statement; every name below goes through `quoted`.
# ruff: noqa: S608

from __future__ import annotations

import posixpath
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb

from source_gitlab.interfaces.dlt.columns import DELETED
from source_gitlab.interfaces.dlt.spool import batches_of
from source_gitlab.interfaces.sql_text import literal, quoted
from source_gitlab.temporary_files import TemporaryFolder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa
    from dlt import Pipeline

    from source_gitlab.tables.table import StreamTable

_WHOLE: Final = ".whole.parquet"
_PARQUET: Final = ".parquet"
_SEPARATOR: Final = "__"
_CHUNK: Final = 50_000  # rows
# Columns of GitLab's have the names that DuckDB gives these otherwise.
_FILE: Final = "_source_gitlab_file"
_ROW: Final = "file_row_number"


class Folder:
    """The files of one pipeline's dataset, in a folder or bucket."""

    def __init__(self, client: Any) -> None:
        """Take dlt's client of the destination."""
        self._client = client
        self.files = client.fs_client

    def table(self, name: str) -> list[str]:
        """The paths of a table's files, those of later loads behind those of earlier ones."""
        found = self._listed(self._client.get_table_dir(name))
        return sorted((one for one in found if one.endswith(_PARQUET)), key=_order)

    def ended(self) -> set[str]:
        """The ids of the loads that ended."""
        found = self._listed(self._client.get_table_dir(self._client.schema.loads_table_name))
        names = [posixpath.basename(one).removesuffix(".jsonl") for one in found]
        return {name.rpartition(_SEPARATOR)[2] for name in names}

    def _listed(self, folder: str) -> list[str]:
        self.files.invalidate_cache()
        if not self.files.isdir(folder):
            return []
        return [str(one).replace("\\", "/") for one in self.files.ls(folder, detail=False)]

    @contextmanager
    def copied(self, paths: Sequence[str]) -> Iterator[tuple[Path, list[str]]]:
        """A folder of this machine, and paths on this machine that have what these have."""
        with TemporaryFolder() as made:
            folder = made.path
            if self._client.is_local_filesystem:
                yield folder, list(paths)
                return
            copies = [str(folder / posixpath.basename(path)) for path in paths]
            for path, copy in zip(paths, copies, strict=True):
                self.files.get_file(path, copy)
            yield folder, copies

    def put(self, made: Path, path: str) -> None:
        """Give a new file its place, at once."""
        if self._client.is_local_filesystem:
            beside = f"{path}.part"
            self.files.put_file(str(made), beside)
            Path(beside).replace(path)
        else:
            self.files.put_file(str(made), path)


@contextmanager
def _folder(pipeline: Pipeline) -> Iterator[Folder]:
    with pipeline.destination_client() as client:
        yield Folder(client)


def sweep(pipeline: Pipeline, tables: Iterable[str]) -> None:
    """Remove files of loads that never ended: no state covers them, and they may be torn."""
    with _folder(pipeline) as folder:
        ended = folder.ended()
        for table in tables:
            for path in folder.table(table):
                if _load_of(path) not in ended:
                    folder.files.rm_file(path)


def rows(pipeline: Pipeline, table: StreamTable, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Columns of the rows of a table; some that are gone are among them until it is tidied."""
    with _folder(pipeline) as folder:
        paths = folder.table(_called(pipeline, table.name))
        if not paths:
            return
        with folder.copied(paths) as (_, copies), duckdb.connect() as connection:
            names = ", ".join(
                f"{quoted(_column(pipeline, one))} AS {quoted(one)}" for one in columns
            )
            import pyarrow as pa  # noqa: PLC0415

            for batch in batches_of(connection, f"SELECT {names} FROM {_read(copies)}", _CHUNK):
                yield pa.Table.from_batches([batch])


def tidy(pipeline: Pipeline, tables: Mapping[str, StreamTable]) -> None:
    """Make one file of the files of each table."""
    with _folder(pipeline) as folder:
        for table in tables.values():
            paths = folder.table(_called(pipeline, table.name))
            if paths and not (len(paths) == 1 and paths[0].endswith(_WHOLE)):
                key = [_column(pipeline, name) for name in table.key]
                _make_whole(folder, paths, key)


def _make_whole(folder: Folder, paths: Sequence[str], key: Sequence[str]) -> None:
    whole = posixpath.join(posixpath.dirname(paths[-1]), _load_of(paths[-1]) + _WHOLE)
    with folder.copied(paths) as (place, copies), duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        made = place / "whole"
        parts = _read(copies, f"filename = {literal(_FILE)}, {_ROW} = true")
        described = connection.execute(f"DESCRIBE SELECT * FROM {parts}").fetchall()
        deleted = [DELETED] if DELETED in {row[0] for row in described} else []
        newest = f"list_position([{', '.join(map(literal, copies))}], {_FILE}) DESC"
        keys = ", ".join(map(quoted, key))
        connection.execute(
            f"COPY (SELECT * EXCLUDE ({', '.join((_FILE, _ROW, *deleted))}) FROM {parts} "
            f"SEMI JOIN (SELECT {_FILE}, {_ROW} FROM (SELECT {_FILE}, {_ROW}, "
            f"{deleted[0] if deleted else 'NULL'} AS is_gone, row_number() OVER "
            f"(PARTITION BY {keys} ORDER BY {newest}) AS n FROM {parts}) "
            f"WHERE n = 1 AND is_gone IS NOT TRUE) USING ({_FILE}, {_ROW})) "
            f"TO {literal(str(made))} (FORMAT parquet, COMPRESSION zstd)"
        )
        folder.put(made, whole)
    # What says that rows are gone stands behind them, and so it goes last.
    for path in paths:
        if path != whole:
            folder.files.rm_file(path)


def _read(paths: Sequence[str], options: str = "") -> str:
    listed = ", ".join(map(literal, paths))
    more = f", {options}" if options else ""
    return f"read_parquet([{listed}], union_by_name = true{more})"


def _load_of(path: str) -> str:
    """The id of the load that brought a file, which has a dot in it: 1764130000.123456."""
    return ".".join(posixpath.basename(path).split(".")[:2])


def _order(path: str) -> tuple[str, bool, str]:
    return _load_of(path), path.endswith(_WHOLE), path


def _called(pipeline: Pipeline, stream: str) -> str:
    if not pipeline.schema_names:
        return stream
    return str(pipeline.default_schema.naming.normalize_table_identifier(stream))


def _column(pipeline: Pipeline, name: str) -> str:
    return str(pipeline.default_schema.naming.normalize_identifier(name))
