"""`source-gitlab sync --to gitlab.duckdb`: the command line of the DuckDB face."""

from __future__ import annotations

import argparse
import difflib
import gc
import importlib.util
import logging
import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from source_gitlab.command_line import (
    add_flags,
    assemble,
    flags_of,
    keeper_of,
    read_file,
    split_names,
)
from source_gitlab.config import ConfigError
from source_gitlab.declarations import Stream, streams
from source_gitlab.distribution import install_command
from source_gitlab.duckdb.progress import Progress, progress_on
from source_gitlab.duckdb.summary import summary
from source_gitlab.reading.state import StateError
from source_gitlab.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_EPILOG = """
The token comes from the environment variable GITLAB_TOKEN (or GITLAB_PRIVATE_TOKEN), or from the
file given with --config. Without --group and --project, everything that the token is a member of
is read. Run the same command again to read what changed since.
"""


class UsageError(Exception):
    """The command cannot be carried out as it was given; the message says why."""


def main(arguments: Sequence[str]) -> int:
    """Run `source-gitlab sync` with these arguments; the exit code.

    0: everything was read, apart from what the summary says was skipped. 1: something is wrong
    with the configuration or the file, or a stream is incomplete. 2: wrong arguments.
    """
    options = _parser().parse_args(arguments)
    try:
        return _sync(options)
    except (ConfigError, UsageError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="source-gitlab sync",
        description="Copy a GitLab into a DuckDB file, or bring such a file up to date.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--to", required=True, type=Path, metavar="FILE", help="the DuckDB file, made if missing"
    )
    add_flags(parser)
    parser.add_argument(
        "--select",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="streams to read, if not all: issues,merge_requests",
    )
    parser.add_argument("--since", metavar="DATE", help="read only what changed since 2024-01-01")
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="write what was skipped or failed, as JSON"
    )
    parser.add_argument(
        "--full-refresh",
        action="store_true",
        help="read everything again, and replace each table when its stream is complete",
    )
    return parser


def _sync(options: argparse.Namespace) -> int:
    if importlib.util.find_spec("duckdb") is None:
        message = f"This needs DuckDB. Install it with: {install_command('duckdb')}"
        raise UsageError(message)
    # Imported here, because everything else must work without DuckDB.
    from source_gitlab.duckdb.store import Store, StoreError  # noqa: PLC0415
    from source_gitlab.duckdb.sync import Sync  # noqa: PLC0415
    from source_gitlab.duckdb.types import StreamTable  # noqa: PLC0415

    selected = _selected(split_names(options.select))
    file = read_file(options.config) if options.config else {}
    config = assemble(_flags(options), os.environ, file, options.profile)
    keeper = keeper_of(options, config)
    tables = {
        name: StreamTable.from_schema(name, stream.schema, stream.key, cursor=stream.cursor)
        for name, stream in selected.items()
    }
    progress = progress_on(sys.stderr)
    try:
        with (
            _notes(progress),
            Store(
                options.to,
                tables,
                instance=config.base_url,
                former=config.former_url,
                warn=progress.note,
            ) as store,
            Session(config, keeper=keeper) as session,
        ):
            sync = Sync(
                session,
                store,
                selected.values(),
                progress=progress,
                full_refresh=options.full_refresh,
            )
            with (
                _reported(session, options.report),
                _signals(sync.stop),
                _few_collections(),
            ):
                outcome = sync.run()
    except StoreError as error:
        raise UsageError(str(error)) from error
    except StateError as error:
        message = f"The state in {options.to} cannot be read ({error}). Use --full-refresh."
        raise UsageError(message) from error
    finally:
        progress.close()
    for line in summary(outcome, options.to):
        sys.stdout.write(f"{line}\n")
    return 0 if outcome.complete else 1


def _flags(options: argparse.Namespace) -> dict[str, Any]:
    since = {"start_date": options.since} if options.since else {}
    return {**flags_of(options), **since}


def _selected(names: Sequence[str]) -> dict[str, Stream]:
    """The streams of these names, in declared order; all of them for none."""
    known = streams()
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"There are: {', '.join(known)}."
            message = f"There is no stream {name}. {hint}"
            raise UsageError(message)
    return {name: stream for name, stream in known.items() if not names or name in names}


class _Notes(logging.Handler):
    """Warnings of the core, shown above the progress line."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(logging.WARNING)
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        self._progress.note(record.getMessage())


@contextmanager
def _notes(progress: Progress) -> Iterator[None]:
    logger = logging.getLogger("airbyte")
    handler = _Notes(progress)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


@contextmanager
def _reported(session: Session, path: Path | None) -> Iterator[None]:
    """Write the report when the sync is over, however it ended."""
    try:
        yield
    finally:
        if path is not None:
            try:
                session.report.write(path)
            except OSError as error:
                message = f"The report cannot be written to {path}: {error.strerror}."
                raise UsageError(message) from error


@contextmanager
def _few_collections() -> Iterator[None]:
    """Rows are many small objects without cycles, for which Python would look far too often."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C (or SIGTERM) ends the sync cleanly, the second one at once."""
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]

    def restore() -> None:
        for number, handler in before:
            signal.signal(number, handler)

    def handle(_number: int, _frame: object) -> None:
        restore()
        stop()

    for number, _ in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        restore()
