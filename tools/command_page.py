"""docs/command-line.md: every command with its flags, as the parsers have them."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from source_gitlab.cli.commands import COMMANDS
from source_gitlab.engine.exit_codes import EPILOG
from tools.markdown import GENERATED, markdown_table, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_gitlab.cli.commands import Command
    from source_gitlab.interfaces.arguments import Parser

_HEAD = """\
# Command line

One command, `source-gitlab`, with these below it. `source-gitlab COMMAND --help` says the same.

The token is taken from `GITLAB_TOKEN` or `GITLAB_PRIVATE_TOKEN`, from the file of `--config`, or
from a sign-in: [in which order](credentials.md). A flag counts more than the same field of a file.
Names may stand behind one flag, separated by spaces or commas, or behind several: `--group a b
--group c`.

## Exit codes

| code | means | run it again? |
| --- | --- | --- |
| 0 | done | |
| 1 | incomplete | it helps |
| 2 | something is wrong with the command, the configuration, the token or the file | when it is mended |
| 130 | interrupted by Ctrl-C, SIGTERM or SIGHUP | it goes on |

Those of `verify` are [somewhat finer](verify.md), and those of the Airbyte protocol
[are the platform's](airbyte.md)."""  # noqa: E501 -- a table
# Commands whose parser is the CDK's, or that have none.
_WITHOUT_PARSER = {"spec", "check --config", "discover", "read"}
_PROTOCOL = """\
These commands are described with [the Airbyte source](airbyte.md). `--report FILE` writes what was
found, skipped or failed, as JSON."""


def command_page() -> Iterator[str]:
    """docs/command-line.md."""
    yield GENERATED.format(source="cli/")
    yield ""
    yield from _HEAD.splitlines()
    heading = ""
    for name, command in COMMANDS.items():
        if not command.help:
            continue
        if command.under != heading:
            heading = command.under
            yield ""
            yield f"## {heading}"
            if name in _WITHOUT_PARSER:
                yield ""
                yield from _PROTOCOL.splitlines()
        yield ""
        yield from _section(name, command)


def _section(name: str, command: Command) -> Iterator[str]:
    what, *usage = command.help.splitlines()
    yield f"{'###' if command.under else '##'} {name}"
    yield ""
    parser = None if name in _WITHOUT_PARSER else command.parser()
    shown = (parser and parser.description) or what.rstrip(":").capitalize()
    yield plain(f"{shown.rstrip('.')}.")
    yield ""
    yield "```text"
    yield f"source-gitlab {' '.join(usage) or name}"
    yield "```"
    if parser is not None:
        yield from _flags(parser)
        more = (parser.epilog or "").replace(EPILOG.strip(), "").strip("\n")
        for paragraph in filter(None, re.split(r"\n\s*\n", more)):
            yield ""
            yield from _paragraph(paragraph)


def _paragraph(text: str) -> Iterator[str]:
    """Running text, or what is indented as a block of commands."""
    if text.startswith(" "):
        yield from ("```sh", *(line.strip() for line in text.splitlines()), "```")
    else:
        yield plain(" ".join(text.split()))


def _flags(parser: Parser) -> Iterator[str]:
    formatter = argparse.HelpFormatter(parser.prog)
    rows = [
        (_named(action), plain(str(formatter._expand_help(action))))  # noqa: SLF001 -- fills in defaults
        for action in parser._actions  # noqa: SLF001 -- argparse lists them nowhere else
        if action.dest != "help" and action.help not in (None, argparse.SUPPRESS)
    ]
    if rows:
        yield ""
        yield from markdown_table(("Flag", "What it does"), rows)


def _named(action: argparse.Action) -> str:
    one_of = "|".join(map(str, action.choices or ()))
    value = action.metavar or one_of or action.dest.upper()
    if isinstance(value, tuple):
        value = " ".join(value)
    several = f"{value} ..." if action.nargs in ("+", "*") else value
    if not action.option_strings:
        return f"`{several}`"
    flags = ", ".join(f"`{one}`" for one in action.option_strings)
    return f"{flags} `{several}`" if several and action.nargs != 0 else flags
