"""What `--to` names: a DuckDB file, and nothing else yet."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from source_gitlab.exits import UsageError

_SUFFIXES: Final = frozenset({"", ".duckdb", ".ddb", ".db"})
# A drive of Windows has one letter.
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_LONGEST: Final = 100
_ADVICE: Final = "name a DuckDB file, like --to gitlab.duckdb"


def target(text: str) -> Path:
    """The DuckDB file that `--to` names, which may be there or not.

    Raises:
        UsageError: it is something else. An address is not repeated: there may be a password in it.
    """
    scheme = _SCHEME.match(text)
    if text.startswith(":memory:"):
        message = f"--to :memory: would keep nothing of what is read; {_ADVICE}"
        raise UsageError(message)
    if scheme:
        message = f"--to {scheme[1]}:… is not supported yet: sync writes DuckDB files; {_ADVICE}"
        raise UsageError(message)
    if not text.strip() or "\0" in text:
        message = f"--to is empty; {_ADVICE}"
        raise UsageError(message)
    path = Path(text)
    try:
        is_there = path.exists()
    except OSError as error:
        name = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
        message = f"{name} cannot be used: {error.strerror}; choose another file with --to"
        raise UsageError(message) from error
    if is_there:
        _check_file(path)
    else:
        _check_place(path)
    return path


def _check_file(path: Path) -> None:
    if path.is_dir():
        message = f"{path} is a directory; name a file with --to"
        raise UsageError(message)
    if not path.is_file():
        message = f"{path} is a device or a pipe; {_ADVICE}"
        raise UsageError(message)
    if not path.stat().st_size:
        _check_suffix(path)


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


def _check_suffix(path: Path) -> None:
    # A suffix with more than letters is no format: gitlab.2026-01-31.
    suffix = path.suffix.casefold()
    if (suffix not in _SUFFIXES and suffix[1:].isalpha()) or suffix == ".sqlite3":
        message = (
            f"--to {path.name}: sync writes DuckDB files, not {suffix} files; name it "
            f"{path.with_suffix('.duckdb').name}, or without a suffix"
        )
        raise UsageError(message)
