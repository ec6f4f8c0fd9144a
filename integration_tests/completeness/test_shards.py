"""Shards bring what one read brings, each row from one of them, and their states become one."""

from __future__ import annotations

from random import Random
from typing import Any

import orjson
import pytest

from integration_tests.gitlab.mutations import mutate
from integration_tests.support.history_world import API, OUTSIDE, SUB, WEB, small_world
from integration_tests.support.inprocess import Wire, session
from integration_tests.support.sharded import Reader, Tables, plain, together
from source_gitlab.core.state import StreamState
from source_gitlab.streams import streams

HOUR = 3_600
SHARDS = ("1/3", "2/3", "3/3")


def later(wire: Wire, seconds: float) -> None:
    """Let time pass in the emulated GitLab."""
    wire.emulator.world.clock.advance(int(seconds * 1_000_000))


def change(wire: Wire) -> None:
    """Let a day and a bit pass, in which a project comes in, and rows come and change."""
    later(wire, 26 * HOUR)

    def happen(op: str, **args: Any) -> None:
        mutate(wire.emulator, op, args)

    happen("move_project", id=OUTSIDE, group_id=SUB)
    for project_id in (WEB, API, OUTSIDE):
        happen("create", table="issues", project_id=project_id)
        happen("create_pipeline", project_id=project_id)
        happen("push_commits", project_id=project_id, count=3)


def union(readers: list[Reader]) -> Tables:
    """All that readers hold."""
    found: Tables = {}
    for one in readers:
        for name, table in one.tables.items():
            found.setdefault(name, {}).update(table)
    return found


@pytest.mark.parametrize("seed", [7, 8])
def test_shards_their_states_and_a_further_read_equal_one_read(seed: int) -> None:
    """Three shards, each killed several times, then one read from their states together."""
    wire = Wire(small_world(Random(seed), 3))
    one, choices = Reader(wire), Random(seed)
    one.read()
    readers = [Reader(wire, shard=shard) for shard in SHARDS]
    for reader in readers:
        for most in choices.sample(range(5, 400), 4):
            reader.read(most=most)
        reader.read()
    assert plain(union(readers)) == plain(one.tables)
    further = Reader(wire)
    further.tables = union(readers)
    further.states = together({r.settings["shard"]: r.states for r in readers})
    change(wire)
    for reader in (further, one):
        reader.read()
    assert plain(further.tables) == plain(one.tables)
    # Nothing that was read comes again that does not come again to one read.
    assert further.brought == one.brought


def test_a_shard_goes_on_by_itself_and_from_the_state_of_one_read() -> None:
    """Shards that start from one state bring together what one read brings that goes on from it."""
    wire = Wire(small_world(Random(7), 3))
    one = Reader(wire)
    one.read()
    readers = [Reader(wire, shard=shard) for shard in SHARDS]
    for reader in readers:
        reader.states = orjson.loads(orjson.dumps(one.states))
    for _ in range(2):
        change(wire) if _ == 0 else later(wire, HOUR)
        one.read()
        for reader in readers:
            reader.read()
        for name, rows in one.brought.items():
            found = [reader.brought.get(name, set()) for reader in readers]
            assert set().union(*found) == rows, name
            is_own = streams()[name].distinct
            assert is_own or sum(map(len, found)) == len(rows), name
    further = Reader(wire)
    further.states = together({r.settings["shard"]: r.states for r in readers})
    later(wire, HOUR)
    for reader in (further, one):
        reader.read()
    assert further.brought == one.brought


@pytest.mark.parametrize("name", sorted(streams()))
def test_each_slice_belongs_to_one_shard(name: str) -> None:
    """The slices of shards are those of one read; a project that is chosen later moves none."""
    wire = Wire(small_world(Random(7), 100))
    stream = streams()[name]

    def planned(**settings: Any) -> list[tuple[Any, ...]]:
        with session(wire, **{"groups_list": ["top", "open"], **settings}) as opened:
            found = opened.plan(stream, StreamState())
            return [(one["container"], one["id"], one.get("group")) for one in found]

    every = planned()
    of_shards = {shard: planned(shard=shard) for shard in SHARDS}
    found = [one for slices in of_shards.values() for one in slices]
    assert sorted(map(repr, every)) == sorted(map(repr, found))
    more = {shard: planned(shard=shard, groups_list=["top", "open", "else"]) for shard in SHARDS}
    for shard, slices in of_shards.items():
        assert set(slices) <= set(more[shard])


def test_projects_are_spread_by_their_ids() -> None:
    """The lists of each project go to one shard, and all shards have some."""
    wire = Wire(small_world(Random(7), 100))
    found: dict[str, set[int]] = {}
    for shard in SHARDS:
        with session(wire, groups_list=["top", "open", "else"], shard=shard) as opened:
            for name in ("branches", "commits", "protected_branches"):
                slices = opened.plan(streams()[name], StreamState())
                found.setdefault(shard, set()).update(one["id"] for one in slices)
    assert all(found.values())
    for shard, numbers in found.items():
        part = int(shard[0])
        assert {number % 3 + 1 for number in numbers} == {part}
