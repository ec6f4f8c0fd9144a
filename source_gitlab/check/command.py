"""`source-gitlab check` for people: its arguments, and its report on the terminal."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from source_gitlab.check.display import show
from source_gitlab.check.result import Result
from source_gitlab.check.run import check, session_for
from source_gitlab.command_line import (
    TOKEN_VARIABLES,
    add_flags,
    assemble,
    flags_of,
    keeper_of,
    read_file,
)
from source_gitlab.config import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

_EPILOG = f"""
The token comes from the environment variable {TOKEN_VARIABLES[0]} (or {TOKEN_VARIABLES[1]}), or
from the file given with --config. With --config and output that goes into a file or a pipe, the
answer is Airbyte's: one message in JSON.
"""


def main(arguments: Sequence[str]) -> int:
    """Run `source-gitlab check` with these arguments; the exit code.

    0: a read can work. 1: something failed, or the configuration has a mistake. 2: wrong arguments.
    """
    parser = argparse.ArgumentParser(
        prog="source-gitlab check",
        description="Test an address, a token, groups and projects, and what can be read of them.",
        epilog=_EPILOG,
    )
    add_flags(parser)
    add_report(parser)
    options = parser.parse_args(arguments)
    # The report says it in its own words.
    logging.getLogger("airbyte.source-gitlab").addHandler(logging.NullHandler())
    result = _checked(options)
    show(result, sys.stdout)
    if options.report:
        try:
            write_report(result, options.report)
        except OSError as error:
            sys.stderr.write(f"{options.report} cannot be written: {error.strerror}.\n")
            return 1
    return 0 if result.ok else 1


def add_report(parser: argparse.ArgumentParser) -> None:
    """Let a command take `--report`."""
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="write the whole report there, as JSON"
    )


def write_report(result: Result, path: Path) -> None:
    """Write the whole report as JSON.

    Raises:
        OSError: the file cannot be written.
    """
    path.write_bytes(orjson.dumps(result.to_json(), option=orjson.OPT_INDENT_2) + b"\n")


def _checked(options: argparse.Namespace) -> Result:
    try:
        file = read_file(options.config) if options.config else {}
        config = assemble(flags_of(options), os.environ, file, options.profile)
        keeper = keeper_of(options, config)
    except ConfigError as error:
        return Result.of_mistake(str(error))
    with session_for(config, keeper=keeper) as session:
        return check(session)
