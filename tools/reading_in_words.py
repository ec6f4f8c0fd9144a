"""How a stream is read, and what a read of it does not see, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_gitlab.streams.in_words.rows import singular, with_article
from source_gitlab.streams.vocabulary import KINDS, REDACTIONS
from source_gitlab.streams.walks import WALKS
from tools.markdown import code_list
from tools.stream_links import parent_link, stream_link

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from source_gitlab.streams import Stream
    from source_gitlab.streams.model import Refresh

_AGAIN = {
    "activity": "where its project was active, and once a day",
    "touch": "where its project was touched, and once a day",
    "daily": "once a day",
    "weekly": "once a week",
}


def cursor_in_words(stream: Stream) -> str:
    """The cursor of a stream, and what later reads ask for."""
    if stream.cursor is None and stream.walk == "derived":
        return f"none: all rows come with those of {parent_link(stream)}."
    if stream.cursor is None:
        return "none: the stream is read in full each time."
    said = (stream.columns[stream.cursor].description or "").rstrip(".")
    meaning = f"`{stream.cursor}`. {said}."
    if stream.walk == "derived":
        return f"{meaning} The rows come with those of {parent_link(stream)}."
    if stream.refresh is None and stream.kind == "child":
        parent = with_article(singular(str(stream.parent)))
        return f"{meaning} All rows of {parent} that changed come again."
    if stream.refresh and not stream.since and stream.walk != "commits":
        return f"{meaning} The whole list comes again."
    return f"{meaning} Later reads ask for what is new since the last one."


def reading(stream: Stream) -> Iterator[str]:
    """How a stream is read, a sentence each."""
    slices = KINDS[stream.kind].replace("`parent`", parent_link(stream) if stream.parent else "")
    if stream.kind == "selection" and stream.containers == ("group",):
        slices = "one slice for each chosen group"
    yield f"{slices[:1].upper()}{slices[1:]}."
    if stream.kind != "inventory":
        yield f"Read {WALKS[stream.walk].meaning.replace('<stream>', stream.name)}."
    if len(stream.queries) > 1:
        yield f"{len(stream.queries)} lists of GitLab's make up the stream."
    if stream.requests:
        yield f"A row takes {len(stream.requests)} requests: it comes of all of them or not at all."
    if stream.refresh and stream.walk != "derived":
        yield f"An incremental read reads the list again {_again(stream.refresh)}."
    yield from _of_parents(stream)
    if stream.gate:
        yield f"Asked only of projects in which rows of {stream_link(stream.gate)} changed."
    if stream.span and stream.recheck:
        yield f"The last {stream.recheck} days are read by each read."


def _again(refresh: Refresh) -> str:
    if refresh.signal == "list":
        return (
            f"where `{refresh.path}` of a chosen group shows a difference, in projects and groups"
            " that were touched, and once a day"
        )
    return _AGAIN[refresh.signal]


def _of_parents(stream: Stream) -> Iterator[str]:
    """Which parents are read, beside those that changed."""
    if stream.parent is None or stream.walk == "derived":
        return
    if stream.moved_by:
        moved = stream_link(stream.moved_by.stream)
        yield f"A changed row of {moved} has its parent read again."
    if stream.sweep:
        yield "All parents are read once a week, for changes that do not move them."
    if stream.recheck:
        days = "day" if stream.recheck == 1 else f"{stream.recheck} days"
        yield f"Parents that moved in the last {days} before a read are read again by the next one."
    if stream.only:
        yield f"Asked only of parents with {_only(stream.only)}."
    if stream.probe:
        yield (
            "GraphQL shows of many parents at once which have no rows, and those are not asked:"
            f" parents with {_only(stream.probe.of)}."
        )


def _only(chosen: Mapping[str, Any]) -> str:
    parts = [
        f"any `{column}`" if values is True else f"`{column}` {' or '.join(map(str, values))}"
        for column, values in chosen.items()
    ]
    return " and ".join(parts)


def unseen(stream: Stream) -> Iterator[str]:
    """What a read does not see, or sees late, a sentence each."""
    if stream.walk == "derived" and stream.cursor:
        yield f"What {parent_link(stream)} does not see."
    elif stream.refresh and not stream.keeps:
        late = "a week" if stream.refresh.signal == "weekly" else "a day"
        yield f"A change may show {late} late, in an incremental read."
    if stream.sweep:
        yield "A change that does not move the parent may show a week late."
    if stream.top_level:
        yield "Groups that are not at the top have none, and one that was chosen is reported."
    if stream.less_below:
        role = _role(stream.less_below)
        yield f"Whoever is no {role} is shown only a part of the rows, and the read says so."
    if stream.key_role:
        role = _role(stream.key_role)
        yield f"Whoever is no {role} is shown rows without a key, and the read says so."
    if stream.empty_when_off:
        yield "Where the feature is off, GitLab shows an empty list."


def _role(role: str) -> str:
    return "administrator" if role == "admin" else role.capitalize()


def hidden(stream: Stream) -> Iterator[str]:
    """What of GitLab's row never leaves, a sentence each."""
    if stream.drop:
        yield f"{code_list(stream.drop)}: secret, or apt to hold a secret."
    for column, how in stream.redact.items():
        yield f"`{column}`: {REDACTIONS[how]}, because the rest may hold a secret."
    if stream.takes:
        yield f"Of GitLab's row, only these columns are taken: {code_list(stream.takes)}."
