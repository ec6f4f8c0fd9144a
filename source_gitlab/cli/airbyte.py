"""The commands of an Airbyte source: `check`, `discover` and `read`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from source_gitlab.cli.check_format import format_of
from source_gitlab.interfaces.arguments import Parser, add_report, add_shard, file_name

if TYPE_CHECKING:
    from collections.abc import Sequence

# Not in Airbyte's format.
_CHECK_FLAGS: Final = ("--url", "--profile", "--group", "--project", "--cost")
_REPORTS: Final = {"check": "what the setup check found", "read": "the outcome of the read"}


def check(arguments: Sequence[str]) -> int:
    """Run `check` with these arguments; the exit code."""
    _, plain = format_of(["check", *arguments])
    return _run("check", plain[1:])


def discover(arguments: Sequence[str]) -> int:
    """Run `discover` with these arguments; the exit code."""
    if _is_readable(arguments):
        return _discover()
    return _run("discover", arguments)


def read(arguments: Sequence[str]) -> int:
    """Run `read` with these arguments; the exit code."""
    return _run("read", arguments)


def command_parser(command: str) -> Parser:
    """The flags of one of the commands."""
    parser = Parser(prog=f"source-gitlab {command}")
    parser.add_argument("--config", type=file_name, metavar="FILE", required=True)
    if command == "read":
        parser.add_argument("--catalog", type=file_name, metavar="FILE", required=True)
        parser.add_argument("--state", type=file_name, metavar="FILE")
        add_shard(parser)
    if command in _REPORTS:
        add_report(parser, _REPORTS[command])
    parser.add_argument("--debug", action="store_true", help="write a more detailed log")
    return parser


def _run(command: str, arguments: Sequence[str]) -> int:
    parser = command_parser(command)
    for flag in (part.partition("=")[0] for part in arguments):
        if command == "check" and flag in _CHECK_FLAGS:
            parser.error(f"{flag} goes with --format text or --format json")
    options = parser.parsed(arguments)
    from source_gitlab.interfaces.airbyte.entrypoint import run  # noqa: PLC0415

    return run(command, options)


def _is_readable(given: Sequence[str]) -> bool:
    """Whether these are `--config FILE` alone, with a configuration in it.

    Whatever else is given, or wrong with the file, the other way has words for.
    """
    match list(given):
        case ["--config", name]:
            pass
        case [word] if word.startswith("--config="):
            name = word.removeprefix("--config=")
        case _:
            return False
    try:
        return isinstance(json.loads(Path(name).read_text(encoding="utf-8")), dict)
    except (OSError, ValueError, RecursionError):
        return False


def _discover() -> int:
    from source_gitlab.interfaces.airbyte_catalog import catalog  # noqa: PLC0415

    sys.stdout.write(json.dumps({"type": "CATALOG", "catalog": catalog()}) + "\n")
    return 0
