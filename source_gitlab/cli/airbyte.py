"""The commands of an Airbyte source: `check`, `discover` and `read`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from source_gitlab.cli.check_format import format_of
from source_gitlab.engine.exit_codes import UsageError
from source_gitlab.interfaces.arguments import Parser, add_shard, file_name, meant

if TYPE_CHECKING:
    from collections.abc import Sequence

_FLAGS: Final = ("--config", "--catalog", "--state", "--report", "--shard", "--debug", "--help")
_CHECK_FLAGS: Final = (
    "--url",
    "--profile",
    "--group",
    "--project",
    "--cost",
)  # not in Airbyte's format


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
    """The flags of one of the commands, of which the CDK has a parser of its own."""
    parser = Parser(prog=f"source-gitlab {command}")
    is_read = command == "read"
    for flag in ("--config", "--catalog", "--state", "--report") if is_read else ("--config",):
        parser.add_argument(flag, type=file_name, metavar="FILE")
    if is_read:
        add_shard(parser)
    return parser


def _run(command: str, arguments: Sequence[str]) -> int:
    for flag in (part.partition("=")[0] for part in arguments if part.startswith("--")):
        # As the CDK's parser does, which takes the beginning of a flag for the flag.
        if not any(known.startswith(flag) for known in _FLAGS):
            parser = Parser(prog=f"source-gitlab {command}")
            if command == "check" and flag in _CHECK_FLAGS:
                parser.error(f"{flag} goes with --format text or --format json")
            close = meant(flag, _FLAGS)
            parser.error(f"there is no flag {flag}{close}")
    from source_gitlab.engine import process  # noqa: PLC0415

    process.importing()
    try:
        from source_gitlab.interfaces.airbyte.entrypoint import run  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "airbyte_cdk":
            raise
        message = f"{error}"
        if command == "check":
            message += ". Without it, --format text or --format json does."
        raise UsageError(message) from None
    return run([command, *arguments])


def _is_readable(given: Sequence[str]) -> bool:
    """Whether these are `--config FILE` alone, with a configuration in it.

    The CDK's way knows further flags, and says what is wrong with the file if anything is.
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
