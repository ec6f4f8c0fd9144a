"""Which streams are chosen on the command line: by name, by pattern, by area."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from source_gitlab.engine.exit_codes import UsageError
from source_gitlab.interfaces.arguments import meant
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from source_gitlab.interfaces.arguments import Parser
    from source_gitlab.streams import Stream

_AREA = "area:"
_LISTED = 40


def add_choice(parser: Parser) -> None:
    """Add `--select` and `--exclude`."""
    parser.add_argument(
        "--select",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="streams, if not those that are read by default: issues,merge_request_* or"
        " area:security",
    )
    parser.add_argument(
        "--exclude",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="streams to leave out, named in the same ways",
    )


def chosen(select: Sequence[str], exclude: Sequence[str] = ()) -> dict[str, Stream]:
    """The streams that are named, in declared order; for none, those that are read by default.

    Raises:
        UsageError: a name is that of no stream, or nothing is left.
    """
    wanted = _named(select) if select else {n for n, one in streams().items() if one.selected}
    left = {name: streams()[name] for name in streams() if name in wanted - _named(exclude)}
    if not left:
        message = "No stream is left to read. Leave fewer of them out."
        raise UsageError(message)
    return left


def areas() -> list[str]:
    """The areas that streams are of, in declared order."""
    return list(dict.fromkeys(one.area for one in streams().values()))


def _named(names: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for name in names:
        found |= _matching(name)
    return found


def _matching(name: str) -> set[str]:
    known = streams()
    if name.startswith(_AREA):
        area = name.removeprefix(_AREA)
        if area not in areas():
            message = f"There is no such area. There are: {', '.join(areas())}."
            raise UsageError(message)
        return {one.name for one in known.values() if one.area == area}
    if set(name) & set("*?["):
        matching = {one for one in known if fnmatchcase(one, name)}
        if not matching:
            message = "No stream has a name like one of the patterns."
            raise UsageError(message)
        return matching
    if name not in known:
        # What is close to no stream is not repeated: it may be a token.
        close = meant(name, known)
        more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
        there = f"There are: {', '.join(list(known)[:_LISTED])}{more}."
        raise UsageError(
            f"There is no stream {name}{close}" if close else f"There is no such stream. {there}"
        )
    return {name}
