"""`source-gitlab verify gitlab.duckdb`: the command line that compares a file with GitLab."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from source_gitlab import report_file
from source_gitlab.cli.notes import notes
from source_gitlab.cli.options import (
    add_flags,
    configured,
    rotation_of,
    streams_of,
)
from source_gitlab.cli.since import since
from source_gitlab.cli.verbose import add_verbose, requests_told
from source_gitlab.core.session import Session
from source_gitlab.core.state import StateError
from source_gitlab.core.verification.verification import Compared, sample
from source_gitlab.engine import process
from source_gitlab.engine.beginning import begin
from source_gitlab.engine.exit_codes import DONE, INCOMPLETE, UsageError
from source_gitlab.gitlab.errors import Stopped
from source_gitlab.interfaces.arguments import Parser, count
from source_gitlab.interfaces.choice import add_choice
from source_gitlab.interfaces.duckdb.target import target
from source_gitlab.interfaces.duckdb.verify_summary import summary, to_json
from source_gitlab.interfaces.duckdb_types import table_of
from source_gitlab.interfaces.rows_file import DEEPEST
from source_gitlab.interfaces.sync_progress import Progress, Standing, progress_on
from source_gitlab.terminal import ended, printable, width_of
from source_gitlab.timestamps import day

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from source_gitlab.core.verification.verification import Window
    from source_gitlab.interfaces.duckdb.verifying import Result
    from source_gitlab.streams import Stream

_TEXT, _JSON = "text", "json"
_EPILOG = """
The token comes from the environment variable GITLAB_TOKEN (or GITLAB_PRIVATE_TOKEN), or from the
file given with --config. Give the same --group and --project as to sync.

Exit codes: 0 whole, or mended; 1 something differs, or could not be compared and may be when it is
run again; 2 something is wrong with the command, the configuration, the token or the file; 130
interrupted.
"""


def main(arguments: Sequence[str]) -> int:
    """Run `source-gitlab verify` with these arguments; the exit code.

    Raises:
        UsageError, ConfigError, GitlabError: nothing could be compared, for the reason they give.
        KeyboardInterrupt: it was interrupted.
    """
    options = command_parser().parsed(arguments)
    path = target(options.file)
    if not path.exists():
        message = f"There is no file {path}; `source-gitlab sync --to {path}` makes one."
        raise UsageError(message)
    selected = streams_of(options)
    config = configured(options)
    rotation = rotation_of(options, config)
    wanted = _Wanted(
        path,
        selected,
        since(options.since) if options.since else None,
        options.sample,
        repair=options.repair,
        thorough=options.thorough,
    )
    stopped = threading.Event()
    with (
        process.reading(stopped.set),
        closing(progress_on(sys.stderr)) as progress,
        notes(progress),
        requests_told(progress.note, is_wanted=options.verbose),
        Session(config, rotation=rotation, deepest=DEEPEST) as session,
    ):
        result, others = _compared(session, wanted, progress, stopped)
    if options.format == _JSON:
        text = report_file.encode(to_json(result, others)).decode()
    else:
        lines = summary(result, others, path, width_of(sys.stdout))
        text = "".join(f"{printable(line)}\n" for line in lines)
    mended = f"What was mended is in {path} all the same." if options.repair else ""
    return ended(_code(result), text=text, what=mended)


def command_parser() -> Parser:
    """The flags of the command."""
    parser = Parser(
        prog="source-gitlab verify",
        description="Count the rows of a DuckDB file beside GitLab's, and find what differs.",
        epilog=_EPILOG,
    )
    parser.add_argument("file", metavar="FILE", help="the DuckDB file that sync has written")
    add_flags(parser)
    add_choice(parser)
    add_verbose(parser)
    parser.add_argument(
        "--since", metavar="DATE", help="compare only what was created since 2024-01-01, or 7d"
    )
    parser.add_argument(
        "--sample",
        type=count,
        metavar="N",
        help="count only so many windows, others on each day",
    )
    parser.add_argument(
        "--repair",
        action="store_true",
        help="read what is missing, and take out what GitLab no longer has",
    )
    parser.add_argument(
        "--thorough",
        action="store_true",
        help="read the rows in place of counting them: finds also one that is missing and one that"
        " is gone where the numbers are equal, and costs ten times as much",
    )
    parser.add_argument(
        "--format", choices=(_TEXT, _JSON), default=_TEXT, help="text for people, or JSON"
    )
    return parser


@dataclass(frozen=True)
class _Wanted:
    """What to compare, and whether to mend it."""

    path: Path
    streams: Mapping[str, Stream]
    since: str | None
    sample: int | None
    repair: bool
    thorough: bool


def _compared(
    session: Session, wanted: _Wanted, progress: Progress, stopped: threading.Event
) -> tuple[Result, dict[str, str]]:
    """Compare the file with GitLab; what was found, and why other streams are not counted."""
    # Imported here, because help and what is wrong with arguments need not wait for DuckDB.
    from source_gitlab.interfaces.duckdb.read_before import tables_in  # noqa: PLC0415
    from source_gitlab.interfaces.duckdb.store import (  # noqa: PLC0415
        Store,
        StoreError,
    )
    from source_gitlab.interfaces.duckdb.verifying import Verify  # noqa: PLC0415

    try:
        there = tables_in(wanted.path)
        if not there:
            message = f"{wanted.path} holds no table that source-gitlab has written."
            raise UsageError(message)
        present = {name: one for name, one in wanted.streams.items() if name in there}
        tables = {name: table_of(one) for name, one in present.items()}
        instance, former = session.config.base_url, session.config.former_url
        with Store(
            wanted.path, tables, instance=instance, former=former, warn=progress.note
        ) as store:
            try:
                begin(session, stopped)
                store.deletions.at = session.started()
                verify = Verify(
                    session,
                    store,
                    present.values(),
                    repair=wanted.repair,
                    thorough=wanted.thorough,
                )
                windows = verify.windows(wanted.since)
                if wanted.sample is not None:
                    windows = sample(windows, wanted.sample, day(session.started()))
                progress.note(_told(windows, thorough=wanted.thorough))
                every = list(dict.fromkeys(window.one.stream.name for window in windows))
                rows, began = 0, time.monotonic()
                for event in verify.run(windows, stopped):
                    if isinstance(event, Compared):
                        rows += event.window.mine
                        name = event.window.one.stream.name
                        progress.show(
                            Standing(
                                rows=rows,
                                requests=_requests(session),
                                ended=every.index(name),
                                streams=len(every),
                                seconds=time.monotonic() - began,
                                reading={name: rows},
                            )
                        )
            except Stopped:
                raise KeyboardInterrupt from None
            store.checkpoint()
    except StoreError as error:
        raise UsageError(str(error), passes=error.passes) from error
    except StateError as error:
        message = f"The state in {wanted.path} cannot be read ({error})."
        raise UsageError(message) from error
    verify.result.requests = _requests(session)
    return verify.result, {name: _why(one) for name, one in present.items() if not one.counted}


def _told(windows: list[Window], *, thorough: bool) -> str:
    """What it costs."""
    if thorough:
        costs = sum(window.costs_in_full for window in windows)
        return f"Reading all rows takes some {costs:,} requests."
    costs = sum(window.costs for window in windows)
    return f"Counting takes some {costs:,} requests, and each difference some five more."


def _requests(session: Session) -> int:
    return sum(session.client.requests.values())


def _why(stream: Stream) -> str:
    if stream.snapshot or stream.cursor is None:
        return "Syncs read them as a whole, which compares them."
    if stream.parent is not None or stream.gate is not None:
        return "They stand below rows of other streams, and are compared when those are read."
    if stream.keeps or stream.span:
        return "They hold figures of days, of which GitLab forgets the older ones."
    return "GitLab does not tell how many rows such a list has."


def _code(result: Result) -> int:
    if result.failed or (result.differs and not result.is_mended):
        return INCOMPLETE
    return DONE
