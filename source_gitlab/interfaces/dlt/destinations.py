"""What an address names: a destination of dlt, and how rows are given to it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from source_gitlab.distribution import install_command
from source_gitlab.engine.exit_codes import UsageError
from source_gitlab.redaction import keep_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dlt.common.destination import Destination

TABLE_FORMATS: Final = ("parquet", "delta", "iceberg")
DATASET: Final = "gitlab"
"""The schema, dataset or folder that tables go to unless another one is named."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET: Final = re.compile("pass|pwd|secret|token|key", re.IGNORECASE)
_SCHEME: Final = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]+):(.*)", re.DOTALL)


@dataclass(frozen=True)
class Way:
    """How rows are given to a destination.

    `name` is dlt's of the destination and `extra` what of dlt's extras it needs. `file_format` is
    that of the files that are loaded, None for dlt's own choice; `nested` the type of columns of
    objects and lists.
    """

    name: str
    extra: str
    file_format: str | None = None
    nested: str = "json"


_DATABASES: Final[Mapping[str, Way]] = {
    "postgresql": Way("postgres", "postgres", "insert_values"),
    "redshift": Way("redshift", "redshift", "insert_values"),
    "mssql": Way("mssql", "mssql", "insert_values"),
    "clickhouse": Way("clickhouse", "clickhouse", "parquet"),
    "snowflake": Way("snowflake", "snowflake", "parquet"),
    # BigQuery takes no JSON column from Parquet. Its functions for JSON take text as well.
    "bigquery": Way("bigquery", "bigquery", "parquet", nested="text"),
    "motherduck": Way("motherduck", "motherduck", "parquet"),
    "duckdb": Way("duckdb", "duckdb", "parquet"),
}
_ALIASES: Final = {"postgres": "postgresql", "md": "motherduck"}
_BUCKETS: Final[Mapping[str, str]] = {
    "s3": "s3",
    "gs": "gs",
    "gcs": "gs",
    "az": "az",
    "abfss": "az",
    "azure": "az",
    "file": "filesystem",
}
_FORMAT_EXTRAS: Final = {"delta": "deltalake", "iceberg": "pyiceberg"}
_FILES: Final = Way("filesystem", "filesystem", "parquet")


@dataclass(frozen=True)
class Target:
    """A destination: what of its address may be `shown`, and all that dlt needs to know.

    `address` is what stands behind the scheme; an empty one leaves everything to dlt's own
    configuration. `table_format` is that of the tables in a folder, None for a database.
    """

    shown: str
    scheme: str
    way: Way
    address: str
    dataset: str
    table_format: str | None = None

    def __str__(self) -> str:
        """The address as it may be shown, with the dataset."""
        return f"{self.shown} (dataset {self.dataset})"

    def check(self) -> None:
        """Find out what can be known before anything is asked: whether dlt is there, and a folder.

        Raises:
            UsageError: dlt is not installed, or the folder cannot be made or written.
        """
        if self.scheme == "file":
            _check_folder(self.address)
        if find_spec("dlt") is None or find_spec("pyarrow") is None:
            message = f"{self.shown} needs dlt. Install it with: {install_command('dlt')}"
            raise UsageError(message)

    def destination(self) -> Destination[Any, Any]:
        """The destination as dlt has it; nothing is connected."""
        import dlt  # noqa: PLC0415

        hide_configured()
        make = getattr(dlt.destinations, self.way.name)
        made: Destination[Any, Any] = make(**self._arguments())
        return made

    def _arguments(self) -> dict[str, Any]:
        if self.table_format:
            return {"bucket_url": self.address}
        if self.way.name == "bigquery":
            project = self.address.strip("/").partition("/")[0]
            return {"project_id": project} if project else {}
        if not self.address.strip("/"):
            return {}
        prefix = "md:" if self.way.name == "motherduck" else f"{self.scheme}://"
        if self.way.name == "duckdb":
            prefix = "duckdb:///"
        return {"credentials": prefix + self.address}

    def needed(self) -> str:
        """The package, with extras, that this destination needs beside ours."""
        extras = [self.way.extra, _FORMAT_EXTRAS.get(self.table_format or "", "")]
        return f"dlt[{','.join(filter(None, extras))}]"


def target(
    text: str, *, dataset: str | None = None, table_format: str | None = None
) -> Target | None:
    """What `--to` names for dlt; None for a DuckDB file, or for what nobody knows.

    Raises:
        UsageError: the name of the dataset is none, or no table format goes there.
    """
    found = _named(text, table_format)
    if found is None:
        if dataset:
            message = "--dataset goes with a database or a folder, not with a DuckDB file"
            raise UsageError(message)
        return None
    if table_format and not found.table_format:
        message = f"--table-format goes with a folder or a bucket, not with {found.shown}"
        raise UsageError(message)
    name = dataset or found.dataset
    if not _NAME.fullmatch(name):
        message = "the dataset is a name of letters, digits and underscores"
        raise UsageError(message)
    return replace(found, dataset=name)


def _named(text: str, table_format: str | None) -> Target | None:
    match = _SCHEME.fullmatch(text)
    if match is None:
        if table_format or (text.endswith("/") and text.strip("/")):
            return _folder(text, "file", "filesystem", table_format)
        return None
    scheme, rest = match[1].lower(), match[2]
    if scheme in _BUCKETS:
        return _folder(text.strip(), scheme, _BUCKETS[scheme], table_format)
    scheme = _ALIASES.get(scheme, scheme)
    way = _DATABASES.get(scheme)
    if way is None:
        return None
    rest = rest.removeprefix("//").strip()
    dataset = DATASET
    if scheme == "bigquery":
        dataset = rest.strip("/").partition("/")[2] or DATASET
    _hide(f"{scheme}://{rest}")
    return Target(_shown(scheme, rest), scheme, way, rest, dataset)


def _folder(text: str, scheme: str, extra: str, table_format: str | None) -> Target:
    way = replace(_FILES, extra=extra)
    shown = text if scheme == "file" else _shown(scheme, text.partition("://")[2])
    return Target(shown, scheme, way, text, DATASET, table_format or TABLE_FORMATS[0])


def _check_folder(address: str) -> None:
    folder = Path(unquote(address.removeprefix("file://"))).absolute()
    there = next(one for one in (folder, *folder.parents) if one.exists())
    if not there.is_dir():
        message = f"{address} cannot be a folder: {there} is a file"
        raise UsageError(message)
    if not os.access(there, os.W_OK | os.X_OK):
        message = f"{address} cannot be written: permission denied in {there}"
        raise UsageError(message)


def _hide(address: str) -> None:
    """Let no output show the password of an address, nor any setting behind it."""
    try:
        parts = urlsplit(address)
        password = parts.password or ""
    except ValueError:
        password, parts = "", None
    keep_secret(password, unquote(password))
    for setting in (parts.query if parts else "").split("&"):
        name, _, value = setting.partition("=")
        if _SECRET.search(name):
            keep_secret(value, unquote(value))


def hide_configured() -> None:
    """Let no output show what dlt's environment variables have of passwords and keys."""
    for name, value in os.environ.items():
        if "__" not in name or not name.upper().startswith(("DESTINATION__", "CREDENTIALS__")):
            continue
        if "://" in value:
            _hide(value)
        elif _SECRET.search(name):
            keep_secret(value)


def _shown(scheme: str, rest: str) -> str:
    """An address without user, password and settings."""
    place = rest.partition("?")[0].rpartition("@")[2]
    return f"{scheme}:{place}" if scheme == "motherduck" else f"{scheme}://{place}"
