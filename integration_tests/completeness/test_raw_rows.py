"""A read whose rows stay GitLab's text brings what one brings that decodes them."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import orjson
import pytest

from integration_tests.gitlab.clock import moment
from integration_tests.gitlab.default_world import READER, default_world
from integration_tests.gitlab.emulator import Emulator
from integration_tests.gitlab.mutations import mutate
from integration_tests.support.inprocess import Wire, session
from source_gitlab.core.raw_columns import leaves_rows, raw_columns
from source_gitlab.core.state import StreamState
from source_gitlab.gitlab.errors import GitlabError
from source_gitlab.gitlab.raw_rows import RawRow, text_of_row
from source_gitlab.streams import root_of, streams

NOW = "2026-10-05T12:30:00.000Z"
TOUCHED = tuple(
    name
    for name, stream in streams().items()
    if raw_columns(name, name) or raw_columns(root_of(stream).name, name)
)


@pytest.fixture
def wire() -> Wire:
    """The default world, as its administrator sees it."""
    emulator = Emulator(default_world)
    mutate(emulator, "make_admin", {"user_id": READER})
    return Wire(emulator)


def brought(
    wire: Wire, *, raw_rows: bool, names: tuple[str, ...] = TOUCHED
) -> tuple[dict[str, Any], Counter[str]]:
    """What a first read and one behind it bring of each stream, and how many rows stayed text."""
    found: dict[str, Any] = {}
    raw: Counter[str] = Counter()
    states = {name: StreamState() for name in names}
    for number in range(2):
        with session(wire, raw_rows=raw_rows, commit_refs="all", num_workers=1, tries=1) as opened:
            for name in names:
                rows: list[Any] = []
                stream = streams()[name]
                try:
                    for slice_ in opened.plan(stream, states[name]):
                        for page in opened.read(stream, slice_, states[name]):
                            raw[name] += sum(isinstance(row, RawRow) for row in page.rows)
                            rows += [orjson.loads(text_of_row(row)) for row in page.rows]
                except GitlabError as error:
                    rows.append(str(error))
                # Since when each project is read moves with the seconds that pass.
                state = states[name].to_json() | {"projects": sorted(states[name].projects)}
                state.pop("earlier", None)
                found[f"{name} {number}"] = _settled([rows, state])
            found[f"report {number}"] = opened.report.lines()
    return found, raw


def _settled(found: Any) -> Any:
    """The same without the instants of this read, which differ by milliseconds."""
    text = orjson.dumps(found).decode()
    return orjson.loads(re.sub(rf'"{NOW[:13]}[^"]*Z"', '"now"', text))


def test_every_stream_is_the_same_both_ways(wire: Wire) -> None:
    """Rows by value and in order, what was missed, and what the second read leaves out."""
    wire.emulator.world.clock.set(moment(NOW), frozen=True)
    whole, none = brought(wire, raw_rows=False)
    text, raw = brought(wire, raw_rows=True)
    assert not none.total()
    for name, found in whole.items():
        assert text[name] == found, name
    kept = [name for name, stream in streams().items() if leaves_rows(stream)]
    assert len(kept) > 100
    # What a second stream is given of a list that is read once is decoded (shared_lists.py).
    assert [name for name in kept if whole[f"{name} 0"][0] and not raw[name]] == ["people"]
    assert [name for name in raw if raw[name] and name not in kept] == []
