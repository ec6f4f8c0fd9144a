"""`source-gitlab state merge`: the states of shards, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from source_gitlab.core.state.merging import MergeError
from source_gitlab.engine.exit_codes import DONE, EPILOG, UsageError
from source_gitlab.interfaces import state_files
from source_gitlab.interfaces.arguments import Parser, file_name
from source_gitlab.terminal import ended, say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_EPILOG: Final = f"""
A file is a state of Airbyte's or what `read` printed, a state of a Singer tap, or an object with
the state of each stream. The result has the same form. A read without --shard goes on from it, and
so do shards, also more or fewer of them.
{EPILOG}"""


def main(arguments: Sequence[str]) -> int:
    """Run `source-gitlab state` with these arguments; the exit code.

    Raises:
        UsageError: a file cannot be used, or the states do not belong together.
    """
    options = command_parser().parsed(arguments)
    files = [_read(path) for path in options.files]
    try:
        text, lacking = state_files.merge(files)
    except MergeError as error:
        message = f"The states cannot be put together. {error}"
        raise UsageError(message) from error
    if lacking:
        shards = ", ".join(map(str, lacking))
        say(
            f"There is no state of {'shard' if len(lacking) == 1 else 'the shards'} {shards} among"
            " them. What it reads counts as not read, and the next read brings it from the start."
        )
    return ended(DONE, text=text.decode())


def command_parser() -> Parser:
    """The flags of the command."""
    parser = Parser(
        prog="source-gitlab state",
        description="Put the states of shards together: merge A.json B.json … > merged.json.",
        epilog=_EPILOG,
    )
    parser.add_argument("what", choices=("merge",), metavar="merge", help="what to do")
    parser.add_argument("files", nargs="+", type=file_name, metavar="FILE", help="the states")
    return parser


def _read(path: Path) -> state_files.StateFile:
    try:
        return state_files.read(path)
    except OSError as error:
        message = f"The state {path} cannot be read: {error.strerror}."
    except ValueError as error:
        message = f"The state {path} cannot be used: {error}."
    raise UsageError(message)
