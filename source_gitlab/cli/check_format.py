"""In which format `check` answers."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from source_gitlab.interfaces.arguments import Parser

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXT: Final = "text"
JSON: Final = "json"
AIRBYTE: Final = "airbyte"
FORMATS: Final = (TEXT, JSON, AIRBYTE)


def add_format(parser: argparse.ArgumentParser) -> None:
    """Let a command take `--format`."""
    parser.add_argument(
        "--format",
        type=_format,
        metavar="|".join(FORMATS),
        default=TEXT,
        help="text for people, the report as JSON, or a message of the Airbyte protocol, which"
        " takes --config FILE and no other flag but --report; default: airbyte with --config,"
        " else text",
    )


def format_of(given: Sequence[str]) -> tuple[str, list[str]]:
    """The format of a `check` with these arguments, and the arguments without `--format`.

    A platform names a configuration and no format, and gets Airbyte's.
    """
    parser = Parser(prog="source-gitlab check", add_help=False, allow_abbrev=False)
    parser.add_argument("--format", type=_format)
    options, rest = parser.parse_known_args(given)
    named = any(part.partition("=")[0] == "--config" for part in rest)
    if options.format == AIRBYTE and not named:
        parser.error("--format airbyte needs --config FILE")
    return options.format or (AIRBYTE if named else TEXT), rest


def _format(text: str) -> str:
    if text in FORMATS:
        return text
    message = f"it is one of {', '.join(FORMATS)}"
    raise argparse.ArgumentTypeError(message)
