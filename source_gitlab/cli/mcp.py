"""`source-gitlab mcp`: the command line of the MCP server."""

from __future__ import annotations

import argparse
import logging
import sys
from typing import TYPE_CHECKING, Final

from source_gitlab.cli.options import (
    TOKEN_VARIABLES,
    add_flags,
    configured,
    flags_of,
    rotation_of,
)
from source_gitlab.config import ConfigError
from source_gitlab.engine.exit_codes import DONE, EPILOG, UsageError
from source_gitlab.interfaces.arguments import Parser, file_name
from source_gitlab.terminal import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from source_gitlab.config import Config

_MOST_PORTS: Final = 65_535
_EPILOG: Final = f"""
Without --http, an agent starts this command and talks to it over standard input and output; the
log goes to standard error. The token comes from {TOKEN_VARIABLES[0]}, --config or a sign-in, as for
sync; with --file, it works without one, and then reads the file alone.
{EPILOG}"""


def main(arguments: Sequence[str]) -> int:
    """Run `source-gitlab mcp` with these arguments, until its client leaves; the exit code.

    Raises:
        UsageError, ConfigError: it cannot be started as it was asked to.
    """
    options = command_parser().parsed(arguments)
    config = _config(options)
    rotation = None if config is None else rotation_of(options, config)
    # Before the SDK sets up logging of its own.
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
    try:
        from source_gitlab.interfaces.mcp import server  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"mcp", "mcp_types"}:
            raise
        message = "source-gitlab mcp needs the package mcp: pip install 'gitlab-warehouse[mcp]'."
        raise UsageError(message) from None
    from source_gitlab.interfaces.agent.connector import GitlabConnector  # noqa: PLC0415

    connector = GitlabConnector(config=config, file=options.file, rotation=rotation)
    made = server.server(connector, has_gitlab=config is not None)
    if options.http is None:
        made.run("stdio")
        return DONE
    from source_gitlab.interfaces.mcp import http  # noqa: PLC0415

    try:
        http.serve(made, options.http, lambda url: say(f"Listening on {url}"))
    except OSError as error:
        message = f"Port {options.http} of this machine cannot be used: {error.strerror}."
        raise UsageError(message, passes=True) from error
    return DONE


def command_parser() -> Parser:
    """The flags of the command."""
    parser = Parser(
        prog="source-gitlab mcp",
        description="Let an AI agent read GitLab and a DuckDB file of sync, and change nothing.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--file", type=file_name, metavar="FILE", help="the DuckDB file that sync writes"
    )
    parser.add_argument(
        "--http", type=_port, metavar="PORT", help="listen on 127.0.0.1; 0 takes a free port"
    )
    add_flags(parser)
    return parser


def _config(options: argparse.Namespace) -> Config | None:
    """The configuration; None where there is a file, and no token anywhere."""
    try:
        return configured(options)
    except ConfigError as error:
        is_asked_for = options.config or options.profile or flags_of(options)
        if options.file is None or is_asked_for or error.field:
            raise
        return None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) <= _MOST_PORTS):
        message = f"a port is a number up to {_MOST_PORTS}"
        raise argparse.ArgumentTypeError(message)
    return int(text)
