"""`source-gitlab query gitlab.duckdb`: questions to the file, in one SELECT or by a view's name."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from typing import TYPE_CHECKING, Any, Final

from source_gitlab.engine.exit_codes import DONE, UsageError
from source_gitlab.gitlab.cancellation import Deadline
from source_gitlab.interfaces.arguments import Parser, count, file_name, meant
from source_gitlab.interfaces.file_reader import FileError, FileReader, Found
from source_gitlab.interfaces.sql_text import quoted
from source_gitlab.terminal import ended, printable
from source_gitlab.views.catalog import SCHEMA, views

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MOST: Final = 50
_NAME: Final = re.compile(r"\w+")
_GAP: Final = 2
_WIDEST: Final = 40  # columns of a cell before rows are written one below the other
_EPILOG: Final = f"""
QUESTION is one SELECT, or the name of a view or table. Without one, they are listed. The file is
read and never changed, and nothing else is read. Views are in the schema {SCHEMA}:

  source-gitlab query gitlab.duckdb
  source-gitlab query gitlab.duckdb merge_request_cycle_time
  source-gitlab query gitlab.duckdb "select state, count(*) from issues group by 1"
"""  # noqa: S608 -- an example


def main(arguments: Sequence[str]) -> int:
    """Run `source-gitlab query` with these arguments; the exit code.

    Raises:
        UsageError: the file cannot be read, or the question is none.
    """
    options = command_parser().parsed(arguments)
    reader = FileReader(options.file)
    try:
        if options.question is None:
            return ended(DONE, text="".join(f"{line}\n" for line in _listed(reader)))
        most = options.limit or (_MOST if options.format == "text" else 1 << 31)
        sql = _select(reader, options.question)
        found = reader.select(sql, most=most, deadline=Deadline())
    except FileError as error:
        raise UsageError(str(error)) from error
    return ended(DONE, text=_WRITERS[options.format](found))


def command_parser() -> Parser:
    """The flags of the command."""
    parser = Parser(
        prog="source-gitlab query", description="Ask a DuckDB file of sync.", epilog=_EPILOG
    )
    parser.add_argument("file", type=file_name, metavar="FILE", help="that sync has written")
    parser.add_argument("question", nargs="?", metavar="QUESTION", help="a SELECT, or a name")
    parser.add_argument(
        "--format",
        choices=("text", "csv", "json"),
        default="text",
        metavar="text|csv|json",
        help="json is one object a line",
    )
    parser.add_argument(
        "--limit", type=count, default=None, metavar="N", help=f"rows at most; {_MOST} in text"
    )
    return parser


def _listed(reader: FileReader) -> Iterator[str]:
    """The views, each with what it is about, and the tables with their rows."""
    there = _names(reader)
    tables = reader.tables(Deadline())
    yield f"Views, in the schema {SCHEMA}:"
    known = [name for name in views() if name in there]
    width = max(map(len, known), default=0)
    room = shutil.get_terminal_size().columns
    for name in known:
        first = views()[name].description.partition(". ")[0].rstrip(".")
        yield _cut(f"  {name:{width}}  {first}", room)
    yield ""
    yield "Tables:"
    counts = reader.counts(list(tables), Deadline())
    width = max(map(len, counts), default=0)
    figures = max((len(f"{rows:,}") for rows in counts.values()), default=0)
    for name, rows in counts.items():
        line = f"  {name:{width}}  {rows:>{figures},} rows"
        yield line if len(line) <= room else f"  {name} {rows:,}"


def _names(reader: FileReader) -> frozenset[str]:
    """The views of ours that the file has."""
    sql = "SELECT view_name FROM system.main.duckdb_views() WHERE schema_name = ?"
    found = reader.query(sql, [SCHEMA], most=-1, deadline=Deadline())
    return frozenset(name for (name,) in found.rows)


def _select(reader: FileReader, question: str) -> str:
    """The SELECT that a question means.

    Raises:
        UsageError: it is a name, of nothing in the file.
    """
    name = question.strip()
    if not _NAME.fullmatch(name):
        return question
    there = _names(reader)
    if name in there:
        return f"SELECT * FROM {SCHEMA}.{quoted(name)}"  # noqa: S608 -- it is quoted
    tables = reader.tables(Deadline())
    if name in tables:
        return f"SELECT * FROM {quoted(name)}"  # noqa: S608 -- it is quoted
    if name in views():
        lacks = ", ".join(views()[name].lacks(tables))
        message = f"The file has no view {name}: it lacks {lacks}. Read it with sync --select."
        raise UsageError(message)
    message = f"The file has no view or table of that name{meant(name, [*there, *tables])}"
    raise UsageError(message if message.endswith("?") else f"{message}.")


def _text(found: Found) -> str:
    """Columns side by side where they fit into the terminal, else one below the other."""
    rows = [[_cell(value) for value in row] for row in found.rows]
    widths = [
        max(map(len, [name, *(row[place] for row in rows)]))
        for place, name in enumerate(found.columns)
    ]
    room = shutil.get_terminal_size().columns
    if sum(widths) + _GAP * (len(widths) - 1) <= room:
        lines = list(_side_by_side(found, rows, widths))
    else:
        lines = list(_one_below_the_other(found, rows, room))
    if found.more:
        lines.append(f"({len(rows):,} rows; there are more: --limit)")
    return "".join(f"{line}\n" for line in lines)


def _side_by_side(
    found: Found, rows: Sequence[Sequence[str]], widths: Sequence[int]
) -> Iterator[str]:
    is_number = [
        all(isinstance(row[place], (int, float)) or row[place] is None for row in found.rows)
        for place in range(len(found.columns))
    ]
    for row in (found.columns, *rows):
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, is_number, strict=True)
        ]
        yield (" " * _GAP).join(cells).rstrip()


def _one_below_the_other(found: Found, rows: Sequence[Sequence[str]], room: int) -> Iterator[str]:
    width = min(max(map(len, found.columns)), _WIDEST)
    for number, row in enumerate(rows):
        if number:
            yield ""
        for name, cell in zip(found.columns, row, strict=True):
            yield _cut(f"{name[:width]:{width}}  {cell}", room)


def _cut(line: str, room: int) -> str:
    return line if len(line) <= room else f"{line[: room - 1]}…"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _csv(found: Found) -> str:
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(found.columns)
    for row in found.rows:
        writer.writerow(
            [one if not isinstance(one, (dict, list)) else json.dumps(one) for one in row]
        )
    return output.getvalue()


def _json(found: Found) -> str:
    return "".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in found.objects())


_WRITERS: Final = {"text": _text, "csv": _csv, "json": _json}
