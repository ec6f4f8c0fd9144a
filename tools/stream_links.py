"""Links to streams, and their keys, in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_gitlab.streams import streams
from tools.markdown import code_list

if TYPE_CHECKING:
    from source_gitlab.streams import Stream


def key_of(stream: Stream) -> str:
    """The columns of the key, and other columns that identify a row."""
    others = "".join(f"; also {code_list(one)}" for one in stream.unique)
    return code_list(stream.key) + others


def parent_link(stream: Stream) -> str:
    """The parent as a link from a page of an area."""
    return stream_link(str(stream.parent))


def stream_link(name: str, text: str | None = None) -> str:
    """A link to the section of a stream from a page of an area."""
    return f"[{text or f'`{name}`'}]({streams()[name].area}.md#{name})"
