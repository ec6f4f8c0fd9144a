"""`source-gitlab streams`: what there is to read, for people and programs. No request is made."""

from __future__ import annotations

import json
import sys
import textwrap
from typing import TYPE_CHECKING, Any, Final

from source_gitlab.cli.options import split_names
from source_gitlab.engine.exit_codes import DONE
from source_gitlab.interfaces.arguments import Parser
from source_gitlab.interfaces.choice import chosen
from source_gitlab.streams import streams
from source_gitlab.streams.in_words.costs import cost, needs, needs_in_full
from source_gitlab.streams.in_words.remarks import remarks_of
from source_gitlab.streams.in_words.rows import row_in_words
from source_gitlab.terminal import ended, width_of, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from source_gitlab.streams import Stream

_WIDTH: Final = 80
_INDENT: Final = 10
_LEAST: Final = 20  # columns for words beside a name
# So many are shown one by one.
_FEW: Final = 4
_EPILOG: Final = """
NAME is a stream, a pattern or an area: issues, 'merge_request_*', area:security. Without one, all
are listed. Of up to four, everything is said that is known without a request.
"""


def main(arguments: Sequence[str]) -> int:
    """Run `source-gitlab streams` with these arguments; the exit code.

    Raises:
        UsageError: a name is that of no stream.
    """
    options = command_parser().parsed(arguments)
    found: Mapping[str, Stream] = streams()
    if options.names:
        found = chosen(split_names("NAME", options.names))
    if options.default:
        found = {name: one for name, one in found.items() if one.selected}
    if options.format == "json":
        text = json.dumps([_described(one) for one in found.values()], indent=2) + "\n"
    elif options.names and len(found) <= _FEW:
        text = "\n".join(_in_full(one) for one in found.values())
    else:
        text = "".join(f"{line}\n" for line in _table(found))
    return ended(DONE, text=text)


def command_parser() -> Parser:
    """The flags of the command."""
    parser = Parser(prog="source-gitlab streams", description="List the streams.", epilog=_EPILOG)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which to list")
    parser.add_argument(
        "--default", action="store_true", help="only those that are read unless told otherwise"
    )
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", metavar="text|json", help="how"
    )
    return parser


def _width() -> int:
    return max(min(width_of(sys.stdout) or _WIDTH, _WIDTH), 2 * _LEAST)


def _described(stream: Stream) -> dict[str, Any]:
    return {
        "name": stream.name,
        "area": stream.area,
        "default": stream.selected,
        "row": row_in_words(stream),
        "key": list(stream.key),
        "cursor": stream.cursor,
        "parent": stream.parent,
        "cost": cost(stream),
        "tier": stream.tier,
        "role": stream.role,
        "offering": stream.where,
        "since_version": stream.since_version and list(stream.since_version),
        "columns": list(stream.columns),
        "remarks": remarks_of(stream.name),
    }


def _table(found: Mapping[str, Stream]) -> Iterator[str]:
    """The streams by area, a line each."""
    width = max(map(len, found), default=0)
    area = ""
    for name, stream in found.items():
        if stream.area != area:
            if area:
                yield ""
            area = stream.area
            yield area.replace("_", " ")
        start = f"  {'*' if stream.selected else ' '} {name:{width}}  "
        wanted = needs(stream)
        more = f" ({wanted})" if wanted != "-" else ""
        indent = " " * len(start)
        if _width() - len(start) < _LEAST:
            yield start.rstrip()
            start = indent = " " * 6
        yield from textwrap.wrap(
            row_in_words(stream) + more,
            _width(),
            initial_indent=start,
            subsequent_indent=indent,
        )
    yield ""
    yield from wrapped(
        f"{len(found)} streams. * is read unless --select says otherwise.", width_of(sys.stdout)
    )


def _in_full(stream: Stream) -> str:
    facts = {
        "row": row_in_words(stream),
        "key": ", ".join(stream.key),
        "cursor": stream.cursor or "none: it is read as a whole each time",
        "read": "by default" if stream.selected else f"with --select {stream.name}",
        "needs": needs_in_full(stream),
        "costs": cost(stream),
        "below": stream.parent or "",
        "columns": ", ".join(stream.columns),
        "to know": " ".join(remarks_of(stream.name)),
    }
    lines = [f"{stream.name} ({stream.area.replace('_', ' ')})"]
    for title, fact in facts.items():
        if fact:
            lines += textwrap.wrap(
                fact.replace("`", ""),
                _width(),
                initial_indent=f"  {title:{_INDENT - 2}}",
                subsequent_indent=" " * _INDENT,
                break_on_hyphens=False,
            )
    return "".join(f"{line}\n" for line in lines)
