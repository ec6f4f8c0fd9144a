"""What `--to` names, when it is nothing of dlt's: a DuckDB file."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from source_gitlab.engine.exit_codes import UsageError
from source_gitlab.files import foreign

_SUFFIXES: Final = frozenset({"", ".duckdb", ".ddb", ".db"})
# md:database, s3:bucket; not the hour in gitlab-2026-01-31T10:30. A drive has one letter.
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+:)(?!\d)")
_MAGIC: Final = (
    (b"SQLite format 3\0", "a SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"PK\3\4", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip file"),
)
_LONGEST: Final = 100
_HEAD: Final = 16  # bytes
_ADVICE: Final = "name a DuckDB file, like --to gitlab.duckdb"


def target(text: str) -> Path:
    """The DuckDB file that `--to` names, which may be there or not.

    Raises:
        UsageError: it is something else. An address is not repeated: there may be a password in it.
    """
    if text.startswith(":memory:"):
        message = f"--to :memory: would keep nothing of what is read; {_ADVICE}"
        raise UsageError(message)
    scheme = _SCHEME.match(text)
    kind = f"{scheme[1]}…" if scheme else foreign(text)
    if kind:
        message = (
            f"--to: {kind} is not supported yet: sync writes DuckDB files, and the warehouses, "
            f"buckets and folders of docs/destinations.md; {_ADVICE}"
        )
        raise UsageError(message)
    if text == "-":
        message = f"--to - is no file: a DuckDB file cannot go to the standard output; {_ADVICE}"
        raise UsageError(message)
    if not text.strip() or "\0" in text:
        message = f"--to is empty; {_ADVICE}"
        raise UsageError(message)
    path = Path(text)
    try:
        is_there = path.exists()
        if path.is_symlink() and not is_there:
            _check_link(path)
    except (OSError, RuntimeError) as error:
        name = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
        message = f"{name} cannot be used: {_why(error)}; choose another file"
        raise UsageError(message) from error
    if is_there:
        _check_file(path)
    else:
        _check_place(path)
    return path


def _check_file(path: Path) -> None:
    if path.is_dir():
        message = f"{path} is a directory; name a file"
        raise UsageError(message)
    if not path.is_file():
        message = f"{path} is a device or a pipe; {_ADVICE}"
        raise UsageError(message)
    if not path.stat().st_size:
        _check_suffix(path)
    else:
        _check_content(path)
    _check_beside(path)


def _check_content(path: Path) -> None:
    """Refuse a file that is of another program: DuckDB would load an extension to read it."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        message = f"{path} cannot be read: {_why(error)}; choose another file"
        raise UsageError(message) from error
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            message = f"{path} is {kind}, not a DuckDB database; choose another file"
            raise UsageError(message)


def _check_beside(path: Path) -> None:
    """Find out that DuckDB can write its log beside the file, before GitLab is asked."""
    # Of a link, DuckDB puts it beside the link.
    log = path.with_name(f"{path.name}.wal")
    if log.is_dir():
        message = f"{log} is a directory, and DuckDB needs a file of this name; rename it"
        raise UsageError(message)
    if not log.exists() and not os.access(path.parent, os.W_OK | os.X_OK):
        message = (
            f"{path} cannot be written: DuckDB writes a file {log.name} beside it, and the "
            f"directory {path.parent} cannot be written"
        )
        raise UsageError(message)


def _check_link(path: Path) -> None:
    """Refuse a symbolic link to a file that is not there and cannot be made."""
    end = path.resolve()
    if not end.parent.is_dir():
        message = f"{path} is a link to {end}, and there is no directory {end.parent}"
        raise UsageError(message)
    if not os.access(end.parent, os.W_OK | os.X_OK):
        message = f"{path} is a link to {end}, and the directory {end.parent} cannot be written"
        raise UsageError(message)


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or "it is a link to itself"


def _check_place(path: Path) -> None:
    """Find out what would keep a new file from being made, before GitLab is asked."""
    _check_suffix(path)
    folder = path.parent
    if not folder.is_dir():
        message = f"{path} cannot be created: there is no directory {folder}"
        raise UsageError(message)
    if not os.access(folder, os.W_OK | os.X_OK):
        message = f"{path} cannot be created: the directory {folder} cannot be written"
        raise UsageError(message)
    _check_beside(path)


def _check_suffix(path: Path) -> None:
    # A suffix with more than letters is no format: gitlab.2026-01-31.
    suffix = path.suffix.casefold()
    if (suffix not in _SUFFIXES and suffix[1:].isalpha()) or suffix == ".sqlite3":
        message = (
            f"--to {path.name}: sync writes DuckDB files, not {suffix} files; name it "
            f"{path.with_suffix('.duckdb').name}, or without a suffix"
        )
        raise UsageError(message)
