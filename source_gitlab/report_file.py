"""Where `--report` writes: to a new file or over an earlier report, and over nothing else."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable

# What every report has, of a read or a sync, and of a check.
_FORMS: Final = (frozenset({"ended", "skipped", "failed"}), frozenset({"steps", "streams"}))
_LARGEST: Final = 256 << 20


class NoPlaceError(Exception):
    """A report cannot be written to the file that was named; the message says why."""


def check_place(path: Path, others: Iterable[Path | None] = ()) -> None:
    """Find out that a report can be written to `path`, before anything is read.

    `others` are files that the same command reads or writes.

    Raises:
        NoPlaceError: it cannot, or would take the place of what is no report.
    """
    try:
        if "\0" in str(path):
            message = "--report: its name cannot be used"
            raise NoPlaceError(message)
        if str(path) == "-":
            message = "--report - names no file: a report is written into one, so name it"
            raise NoPlaceError(message)
        for other in others:
            if other is not None and _is_same(path, other):
                message = f"--report {path} is the file that this command uses; choose another one"
                raise NoPlaceError(message)
        path = path.resolve() if path.is_symlink() else path
        if path.is_dir():
            message = f"--report {path} is a directory; name a file"
            raise NoPlaceError(message)
        if path.is_fifo() or path.is_socket():
            # Opening a pipe waits for a reader, who may never come.
            message = f"--report {path} is a pipe or a socket; name a file"
            raise NoPlaceError(message)
        if path.is_file() and not _is_report(path):
            message = (
                f"--report {path}: there is a file that is no report of source-gitlab; choose "
                "another name, or remove it"
            )
            raise NoPlaceError(message)
        if not path.exists() and not os.access(path.parent, os.W_OK | os.X_OK):
            why = "cannot be written" if path.parent.is_dir() else "is not there"
            message = f"--report {path}: the directory {path.parent} {why}"
            raise NoPlaceError(message)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "its name cannot be used"
        message = f"--report {path}: {why}"
        raise NoPlaceError(message) from error


def encode(content: object) -> bytes:
    """A report as JSON in UTF-8, indented, with a line break at its end."""
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def write(path: Path, content: object) -> None:
    """Write a report as JSON, whole or not at all; a symbolic link stays one.

    Raises:
        OSError: it cannot be written.
    """
    data = encode(content)
    path = path.resolve() if path.is_symlink() else path
    if not path.is_file() and path.exists():
        # A device, which must not be replaced; a pipe without a reader is an error at once.
        opened = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(opened, "wb") as file:
            file.write(data)
        return
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(data)
            file.close()
            os.chmod(temporary, 0o644)  # noqa: PTH101 -- no secret is in a report
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _is_same(one: Path, other: Path) -> bool:
    with suppress(FileNotFoundError):  # one that is not there yet has a name only
        return one.samefile(other)
    return one.resolve() == other.resolve()


def _is_report(path: Path) -> bool:
    if path.stat().st_size > _LARGEST:
        return False
    with path.open("rb") as file:
        data = file.read(1)
        data += file.read() if data == b"{" else b""
    try:
        found = orjson.loads(data) if data else dict.fromkeys(_FORMS[0])
    except orjson.JSONDecodeError:
        return False
    return isinstance(found, dict) and any(form <= found.keys() for form in _FORMS)
