"""What is said of many places at once: a thousand projects that are refused alike are one line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from source_gitlab.core.skip_log import Entry

_NAMED: Final = 3  # places that a line names


def form(entry: Entry) -> str:
    """The message without what differs from place to place, and from stream to stream."""
    text = entry.message.replace(entry.path, "*") if entry.path else entry.message
    return re.sub(r"\d+", "#", re.sub(rf"\bReading {entry.stream} takes\b", "It takes", text))


def groups(entries: Iterable[Entry]) -> Iterator[tuple[list[str], list[Entry]]]:
    """Streams of which the same was not read for the same reason, with the entries of the first."""
    of_a_stream: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in entries:
        of_a_stream.setdefault((entry.stream, entry.reason, form(entry)), []).append(entry)
    alike: dict[tuple[str, str, frozenset[str]], tuple[list[str], list[Entry]]] = {}
    for (stream, reason, said), found in of_a_stream.items():
        places = frozenset(entry.where for entry in found)
        streams, _ = alike.setdefault((reason, said, places), ([], found))
        streams.append(stream)
    yield from alike.values()


def sentence(entries: Sequence[Entry]) -> str:
    """What happened at places of one form: how many there are, the first of them, and why."""
    first = entries[0]
    if len(entries) == 1:
        return shown(first)
    places = places_of(entries)
    end = f" in {first.path}."
    if first.path and first.message.endswith(end):
        return f"{first.message.removesuffix(end)} in {places}."
    return f"{places}. {shown(first)}"


def places_of(entries: Sequence[Entry]) -> str:
    """Places for people, as in "12 projects: acme/a, acme/b, acme/c and 9 more"."""
    first = entries[0]
    different = {entry.where: entry for entry in entries}
    if len(different) == 1:
        return f"{first.where}, {len(entries):,} times" if len(entries) > 1 else first.where
    kinds = {entry.kind for entry in different.values()}
    what = f"{first.kind}s" if len(kinds) == 1 and first.kind else "places"
    names = [entry.path or entry.where for entry in different.values()]
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{len(names):,} {what}: {', '.join(names[:_NAMED])}{more}"


def shown(entry: Entry) -> str:
    """The message with the path of its project or group where an address has the number.

    What failed keeps the address that was asked, for whoever looks it up in GitLab's logs.
    """
    if entry.path is None or entry.reason == "failed":
        return entry.message
    numbered = rf"(/{entry.kind}s)/{entry.id}(?![\w%])"
    named = quote(entry.path, safe="")
    return re.sub(numbered, lambda match: f"{match[1]}/{named}", entry.message)
