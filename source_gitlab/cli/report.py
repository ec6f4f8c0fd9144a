"""`source-gitlab report gitlab.duckdb -o report.html`: the command line of the report face."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from source_gitlab.engine.exit_codes import UsageError
from source_gitlab.interfaces.arguments import Parser, file_name
from source_gitlab.terminal import ended

if TYPE_CHECKING:
    from collections.abc import Sequence

_EPILOG = """
The page has everything in it and loads nothing from elsewhere. It holds names of projects, groups,
accounts, jobs and labels: whoever gets it can read them.
"""


def main(arguments: Sequence[str]) -> int:
    """Run `source-gitlab report` with these arguments; the exit code.

    Raises:
        UsageError: the file or the place of the page cannot be used.
    """
    parser = command_parser()
    options = parser.parsed(arguments)
    if options.file is None:
        parser.error("the DuckDB file is missing that source-gitlab sync has written")
    source, output = options.file, options.output
    if output.exists() and source.exists() and output.samefile(source):
        parser.error("-o names the DuckDB file itself; choose another name for the page")
    # Imported here, because help and what is wrong with arguments need not wait for DuckDB.
    from source_gitlab.interfaces.report.copied import opened  # noqa: PLC0415
    from source_gitlab.interfaces.report.page import page  # noqa: PLC0415

    with opened(source) as copied:
        text = page(copied, source)
    _write(output, text)
    return ended(0, text=f"{output}: {len(text.encode()) / 1e6:.1f} MB, data of {copied.at}.\n")


def command_parser() -> Parser:
    """The flags of the command."""
    parser = Parser(
        prog="source-gitlab report",
        description="Put what a DuckDB file of source-gitlab sync holds into one page.",
        epilog=_EPILOG,
    )
    parser.add_argument("file", nargs="?", type=file_name, metavar="FILE", help="the DuckDB file")
    parser.add_argument(
        *("-o", "--output"),
        type=file_name,
        metavar="FILE",
        default=Path("report.html"),
        help="the page to write; report.html unless given",
    )
    return parser


def _write(path: Path, text: str) -> None:
    """Write the page beside its place and put it there, so that no half of one is ever seen."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", newline="\n", dir=path.parent, prefix=".report-", delete=False
        ) as beside:
            beside.write(text)
        # As any other new file: not for its owner alone.
        mask = os.umask(0)
        os.umask(mask)
        Path(beside.name).chmod(0o666 & ~mask)
        Path(beside.name).replace(path)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}"
        raise UsageError(message) from error
