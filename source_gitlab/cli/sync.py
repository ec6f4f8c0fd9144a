"""`source-gitlab sync --to gitlab.duckdb`: the command of the faces that keep a destination."""

from __future__ import annotations

import sys
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from source_gitlab import report_file
from source_gitlab.cli.check import check_report
from source_gitlab.cli.cost import forecast, show
from source_gitlab.cli.notes import notes
from source_gitlab.cli.options import (
    add_flags,
    configured,
    rotation_of,
    streams_of,
)
from source_gitlab.cli.since import since
from source_gitlab.cli.verbose import add_verbose, requests_told
from source_gitlab.core.selection import NotFound
from source_gitlab.core.session import Session
from source_gitlab.core.state import StateError
from source_gitlab.engine import process
from source_gitlab.engine.beginning import begin
from source_gitlab.engine.exit_codes import DONE, EPILOG, UsageError, code_of
from source_gitlab.gitlab.errors import Stopped
from source_gitlab.interfaces.arguments import Parser, add_report, add_shard
from source_gitlab.interfaces.choice import add_choice
from source_gitlab.interfaces.dlt.destinations import DATASET, TABLE_FORMATS, Target
from source_gitlab.interfaces.dlt.destinations import target as destination
from source_gitlab.interfaces.duckdb.choices import DELETED
from source_gitlab.interfaces.duckdb.target import target
from source_gitlab.interfaces.duckdb_types import table_of
from source_gitlab.interfaces.rows_file import DEEPEST
from source_gitlab.interfaces.sync_progress import Progress, progress_on
from source_gitlab.interfaces.sync_summary import summary, to_json
from source_gitlab.terminal import ended, width_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from source_gitlab.core.state import StreamState
    from source_gitlab.interfaces.sync_result import Outcome
    from source_gitlab.streams import Stream

_JSON = "json"
_EPILOG = f"""
The token comes from the environment variable GITLAB_TOKEN (or GITLAB_PRIVATE_TOKEN), or from the
file given with --config. Without --group and --project, everything that the token is a member of
is read. Run the same command again to read what changed since.
{EPILOG}"""


def main(arguments: Sequence[str]) -> int:
    """Run `source-gitlab sync` with these arguments; the exit code, of those in `exits`.

    Raises:
        UsageError, ConfigError, GitlabError: nothing could be read, for the reason that they give.
        KeyboardInterrupt: it was interrupted before anything was read.
    """
    parser = command_parser()
    options = parser.parsed(arguments)
    if options.to is None:
        parser.error("--to FILE is missing, the DuckDB file to write")
    found = destination(options.to, dataset=options.dataset, table_format=options.table_format)
    if found is not None and options.deleted is not None:
        parser.error("--deleted is for DuckDB files")
    return _sync(options, found or target(options.to))


def command_parser() -> Parser:
    """The flags of the command."""
    parser = Parser(
        prog="source-gitlab sync",
        description="Copy a GitLab into a DuckDB file, a warehouse or a folder of tables, or bring "
        "it up to date.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--to",
        metavar="FILE",
        help="the DuckDB file, made if missing; or the address of a warehouse or bucket, or a "
        "folder; required",
    )
    add_flags(parser)
    add_choice(parser)
    add_verbose(parser)
    parser.add_argument(
        "--dataset",
        metavar="NAME",
        help=f"the schema or folder that tables go to, of a warehouse or folder ({DATASET})",
    )
    parser.add_argument(
        "--table-format",
        choices=TABLE_FORMATS,
        metavar="|".join(TABLE_FORMATS),
        help="what tables in a folder or bucket are made of (parquet)",
    )
    parser.add_argument(
        "--since", metavar="DATE", help="read only what changed since 2024-01-01, or 7d"
    )
    add_shard(parser)
    parser.add_argument(
        "--deleted",
        choices=DELETED,
        help="in a DuckDB file: move rows that GitLab no longer has to"
        " _source_gitlab.deleted_rows, as without it, or keep them in their tables with a time in"
        " _deleted_at; the file remembers which",
    )
    add_report(parser, "the outcome (what was skipped or failed)")
    parser.add_argument(
        "--full-refresh",
        action="store_true",
        help="read everything again, and replace each table when its stream is complete",
    )
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="say only what is wrong, and no progress"
    )
    parser.add_argument(
        "--format",
        choices=("text", _JSON),
        default="text",
        metavar="text|json",
        help="json is one object with the rows, requests and problems of each stream",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="read nothing; say what would be read, and how many requests that takes",
    )
    return parser


def _sync(options: argparse.Namespace, place: Path | Target) -> int:
    selected = streams_of(options)
    config = configured(options, _more(options))
    rotation = rotation_of(options, config)
    if options.dry_run:
        return _dry_run(Session(config, rotation=rotation), place, selected, options)
    if options.report:
        check_report(options.report, *_files(place), options.config)
    stopped = threading.Event()
    with (
        process.reading(stopped.set),
        closing(progress_on(sys.stderr, is_quiet=options.quiet)) as progress,
        notes(progress) as told,
        requests_told(progress.note, is_wanted=options.verbose),
    ):
        with (
            Session(config, rotation=rotation, deepest=DEEPEST) as session,
            _reported(session, options.report),
        ):
            wanted = _Wanted(selected, options.deleted, full_refresh=options.full_refresh)
            try:
                if isinstance(place, Target):
                    outcome = _load(session, place, wanted, progress, stopped)
                else:
                    outcome = _run(session, place, wanted, progress, stopped)
            except NotFound as error:
                named = {entry.message for entry in session.report.selection}
                if named and named <= told:
                    return code_of(error)
                raise
            except StateError as error:
                raise _unreadable(place, error) from error
        text = _told(outcome, str(place), told, options)
    return ended(outcome.code, text=text, what=f"What the sync did is in {place} all the same.")


def _told(outcome: Outcome, place: str, told: set[str], options: argparse.Namespace) -> str:
    """What the standard output gets: nothing when it is quiet and all went well."""
    if options.format == _JSON:
        return report_file.encode(to_json(outcome, place)).decode()
    if options.quiet and outcome.code == DONE:
        return ""
    return "".join(f"{line}\n" for line in summary(outcome, place, told, width_of(sys.stdout)))


def _files(place: Path | Target) -> tuple[Path, ...]:
    """The files that no report may be written over."""
    return () if isinstance(place, Target) else (place, place.with_name(f"{place.name}.wal"))


def _dry_run(
    session: Session,
    place: Path | Target,
    selected: Mapping[str, Stream],
    options: argparse.Namespace,
) -> int:
    """Say what a sync would read. The file is neither made nor changed, a destination not asked."""
    whole: Collection[str] = ()
    states: Mapping[str, StreamState] | None = {}
    with session:
        session.begin()
        if isinstance(place, Target):
            states = None
        elif not options.full_refresh:
            states, whole = _read_before(place, selected, session)
        found = forecast(session, selected.values(), states)
        show(found, sys.stdout, done=states, whole=whole)
        if session.config.shard is not None:
            shard = session.config.shard
            sys.stdout.write(f"All {shard.of} shards together make them; this is {shard}.\n")
    return DONE


def _read_before(
    path: Path, selected: Mapping[str, Stream], session: Session
) -> tuple[Mapping[str, StreamState], Collection[str]]:
    """The states that a sync would read from, and what it would read as a whole."""
    from source_gitlab.interfaces.duckdb.read_before import states_in  # noqa: PLC0415
    from source_gitlab.interfaces.duckdb.store import StoreError  # noqa: PLC0415
    from source_gitlab.interfaces.syncing import has_left  # noqa: PLC0415

    try:
        states, whole = states_in(path, selected.values(), session.started())
        return {
            name: state for name, state in states.items() if not has_left(state, session)
        }, whole
    except StoreError as error:
        raise UsageError(str(error), passes=error.passes) from error
    except StateError as error:
        raise _unreadable(path, error) from error


def _unreadable(place: Path | Target, error: StateError) -> UsageError:
    message = f"The state in {place} cannot be read ({error}). Use --full-refresh."
    return UsageError(message)


@dataclass(frozen=True)
class _Wanted:
    """What to bring up to date, where deleted rows go, and whether to read all of it again."""

    streams: Mapping[str, Stream]
    deleted: str | None
    full_refresh: bool


def _load(
    session: Session,
    place: Target,
    wanted: _Wanted,
    progress: Progress,
    stopped: threading.Event,
) -> Outcome:
    """Bring a destination of dlt up to date; nothing is made in it before there is something."""
    # Imported here, because whoever does not use it need not have dlt.
    place.check()
    from source_gitlab.interfaces.dlt.loader import DestinationError, Loader  # noqa: PLC0415
    from source_gitlab.interfaces.dlt.sync import sync_of, tables_of  # noqa: PLC0415

    instance, former = session.config.base_url, session.config.former_url
    try:
        with Loader(
            place,
            tables_of(wanted.streams),
            instance=instance,
            former=former,
            warn=progress.note,
            shard=session.config.shard,
        ) as store:
            _begin(session, stopped)
            sync = sync_of(
                session, store, wanted.streams, progress, full_refresh=wanted.full_refresh
            )
            return sync.run(stopped)
    except DestinationError as error:
        raise UsageError(str(error), passes=error.passes) from error


def _run(
    session: Session, path: Path, wanted: _Wanted, progress: Progress, stopped: threading.Event
) -> Outcome:
    """Open or make the file, and bring it up to date.

    A file that is there is opened first; a new one is made when it is known that there is something
    to read, so that no file is left by a wrong token.
    """
    # Imported here, because help and what is wrong with arguments need not wait for DuckDB.
    from source_gitlab.interfaces.duckdb.daily_look import DailyLook  # noqa: PLC0415
    from source_gitlab.interfaces.duckdb.store import Store, StoreError  # noqa: PLC0415
    from source_gitlab.interfaces.syncing import Sync  # noqa: PLC0415

    tables = {name: table_of(stream) for name, stream in wanted.streams.items()}

    def opened() -> Store:
        instance, former = session.config.base_url, session.config.former_url
        return Store(
            path,
            tables,
            instance=instance,
            former=former,
            deleted=wanted.deleted,
            warn=progress.note,
        )

    try:
        if not path.exists():
            _begin(session, stopped, wanted.streams.values())
        with opened() as store, store.runs.under_way(session.config, wanted.streams):
            _begin(session, stopped)
            store.deletions.at = session.started()
            sync = Sync(
                session,
                store,
                wanted.streams.values(),
                progress=progress,
                full_refresh=wanted.full_refresh,
                also_removed=lambda name: store.deletions.below[name],
                behind=DailyLook(session, store, progress, stopped),
            )
            outcome = sync.run(stopped)
            store.runs.end(outcome)
            store.checkpoint()
            return outcome
    except StoreError as error:
        raise UsageError(str(error), passes=error.passes) from error


def _begin(session: Session, stopped: threading.Event, fresh: Collection[Stream] = ()) -> None:
    """Find out what there is to read; `fresh` is as in `Session.begin`.

    Raises:
        GitlabError: there is nothing, or GitLab could not be asked.
        KeyboardInterrupt: it was interrupted meanwhile.
    """
    try:
        begin(session, stopped, fresh)
    except Stopped:
        raise KeyboardInterrupt from None


def _more(options: argparse.Namespace) -> dict[str, Any]:
    """The fields that `--since` and `--shard` set."""
    start = {"start_date": since(options.since)} if options.since else {}
    return {**start, "shard": options.shard} if options.shard else start


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
                raise UsageError(message, passes=True) from error
