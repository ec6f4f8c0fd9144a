"""What one row of a stream is, in words: as a comment says it, else as name and kind say it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from source_gitlab.streams.in_words.remarks import row_in_remarks

if TYPE_CHECKING:
    from source_gitlab.streams import Stream

# Words of names that are other words in a sentence.
_WORDS = {
    "award emoji": "emoji reaction",
    "discussion": "thread",
    "hook": "webhook",
    "issue board": "board",
}
_PLACES = ("group", "project", "instance")
_WHOLE = "the instance"


def row_in_words(stream: Stream) -> str:
    """`a note of an issue`: what one row is, to follow `A row is`."""
    said = row_in_remarks(stream.name)
    if said:
        return said
    if stream.kind == "inventory":
        return f"{with_article(singular(stream.name))} of the selection"
    owner = _owner(stream)
    name = stream.name
    for prefix in (owner, *_PLACES):
        name = name.removeprefix(f"{prefix}_".replace(" ", "_"))
    place = _WHOLE if owner == "instance" else with_article(owner)
    return f"{with_article(singular(name))} of {place}"


def singular(name: str) -> str:
    """`merge request` for `merge_requests`."""
    words = name.replace("_", " ")
    for ending, one in (("ies", "y"), ("ches", "ch"), ("s", "")):
        if words.endswith(ending) and not words.endswith("ss"):
            words = words.removesuffix(ending) + one
            break
    for word, meant in _WORDS.items():
        words = re.sub(rf"\b{word}\b", meant, words)
    return words


def with_article(words: str) -> str:
    """`an issue` for `issue`."""
    is_vowel = words[:1].lower() in "aeiou" and not words.startswith("us")
    return f"{'an' if is_vowel else 'a'} {words}"


def _owner(stream: Stream) -> str:
    """What a row belongs to: its parent, or a group, a project or the instance."""
    if stream.parent:
        return singular(stream.parent)
    if stream.kind in _PLACES:
        return stream.kind
    return "project" if "project_id" in stream.columns else "group"
