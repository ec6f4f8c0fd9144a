"""By which columns the rows of one parent are told from those of all others."""

from __future__ import annotations

import pytest

from source_gitlab.streams import Stream, streams

OWNED = [one for one in streams().values() if one.kind == "child" and one.owner]


@pytest.mark.parametrize("stream", OWNED, ids=lambda one: one.name)
def test_what_the_key_has_of_the_parent_is_among_them(stream: Stream) -> None:
    """Rows that differ in it are of two parents, though the path may name the same thing."""
    given = {column for column, origin in stream.add.items() if origin.startswith("parent.")}
    assert given & set(stream.key) <= set(stream.owner) | {stream.cursor}


def test_a_runner_of_two_groups() -> None:
    """Its machines stand once below each of the groups, and leave one of them alone."""
    assert streams()["runner_managers"].owner == {"group_id": "group_id", "runner_id": "id"}
