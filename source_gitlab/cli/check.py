"""`source-gitlab check` for people and programs: its arguments, and its report."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from source_gitlab import report_file
from source_gitlab.cli.check_format import JSON, add_format
from source_gitlab.cli.cost import forecast
from source_gitlab.cli.cost import show as show_cost
from source_gitlab.cli.options import (
    TOKEN_VARIABLES,
    add_flags,
    configured,
    rotation_of,
    streams_of,
)
from source_gitlab.cli.verbose import add_verbose, requests_told
from source_gitlab.config import ConfigError
from source_gitlab.engine.exit_codes import DONE, EPILOG, INCOMPLETE, USAGE, UsageError
from source_gitlab.interfaces.arguments import Parser, add_report
from source_gitlab.interfaces.choice import add_choice
from source_gitlab.setup_check.display import show
from source_gitlab.setup_check.result import Result
from source_gitlab.setup_check.run import check, session_for, with_parents
from source_gitlab.terminal import say

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from source_gitlab.cli.cost import Forecast

_EPILOG = f"""
The token comes from the environment variable {TOKEN_VARIABLES[0]} (or {TOKEN_VARIABLES[1]}), or
from the file given with --config. With --config and no --format, the answer is Airbyte's: one
message in JSON, and a check that fails is an answer too, with exit code 0. --report writes what
--format json prints.
{EPILOG}"""


def main(arguments: Sequence[str]) -> int:
    """Run `source-gitlab check` with these arguments; the exit code.

    0: a read can work. 1: something failed. 2: the arguments or the configuration have a mistake.
    """
    options = command_parser().parsed(arguments)
    # The report says it in its own words.
    logging.getLogger("source_gitlab").addHandler(logging.NullHandler())
    if options.report:
        check_report(options.report, options.config)
    result, cost = _checked(options)
    found = result.to_json() | ({"cost": cost.to_json()} if cost else {})
    if options.format == JSON:
        sys.stdout.buffer.write(report_file.encode(found))
    else:
        show(result, sys.stdout)
        if cost:
            sys.stdout.write("\n")
            show_cost(cost, sys.stdout)
    if options.report:
        report_file.write(options.report, found)
    if result.is_mistake:
        return USAGE
    return DONE if result.ok else INCOMPLETE


def command_parser() -> Parser:
    """The flags of the command."""
    parser = Parser(
        prog="source-gitlab check",
        description="Test an address, a token, groups and projects, and what can be read of them.",
        epilog=_EPILOG,
    )
    add_flags(parser)
    add_choice(parser)
    add_verbose(parser)
    add_format(parser)
    parser.add_argument(
        "--cost",
        action="store_true",
        help="estimate how many requests a first read and a daily read will take",
    )
    add_report(parser, "what the setup check found")
    return parser


def check_report(path: Path, *others: Path | None) -> None:
    """Find out that a report can be written, before anything is asked.

    Raises:
        UsageError: it cannot, or would take the place of something else.
    """
    try:
        report_file.check_place(path, others)
    except report_file.NoPlaceError as error:
        raise UsageError(str(error)) from error


def _checked(options: argparse.Namespace) -> tuple[Result, Forecast | None]:
    selected = streams_of(options)
    try:
        config = configured(options)
        rotation = rotation_of(options, config)
    except ConfigError as error:
        return Result.of_mistake(str(error)), None
    with (
        requests_told(say, is_wanted=options.verbose),
        session_for(config, rotation=rotation) as session,
    ):
        result = check(session, declared=with_parents(selected))
        is_asked = options.cost and result.ok
        return result, forecast(session, selected.values()) if is_asked else None
