"""Refreshes and attempts of a platform: which states count, and that no row is missed by them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.support.process import Ended, catalog, file, run
from integration_tests.support.reading import config_for

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

Reader = Callable[..., Ended]
NAME = "branches"
BROKEN = {"kind": "status", "status": 500, "path": "/projects/102/repository/branches"}


def numbered(mode: str, **numbers: Any) -> dict[str, Any]:
    """A configured catalog of one stream, with numbers of its sync and generation."""
    chosen = catalog(NAME, mode=mode)
    chosen["streams"][0] |= numbers
    return chosen


def ids(ended: Ended) -> set[tuple[int, str]]:
    """The rows that came."""
    rows = [one["record"]["data"] for one in ended.of("RECORD")]
    return {(row["project_id"], row["name"]) for row in rows}


@pytest.fixture
def read(faulty: Emulator, tmp_path: Path) -> Reader:
    """Reads with a catalog, and goes on from what another read printed, if any."""
    config = file(tmp_path, "config.json", config_for(faulty, groups_list=["acme"]))

    def reading(mode: str, before: Ended | None = None, **numbers: Any) -> Ended:
        chosen = file(tmp_path, "catalog.json", numbered(mode, **numbers))
        state = file(tmp_path, "state.json", before.stdout if before else "[]")
        return run("read", "--config", config, "--catalog", chosen, "--state", state)

    return reading


def mark(ended: Ended) -> Any:
    """What the last state says of its sync."""
    return ended.of("STATE")[-1]["state"]["stream"]["stream_state"].get("airbyte")


def test_a_full_refresh_goes_on_within_its_sync_only(read: Reader) -> None:
    """The next attempt of it does, the next sync reads everything."""
    numbers = {"generation_id": 5, "minimum_generation_id": 5}
    first = read("full_refresh", sync_id=77, **numbers)
    assert (first.code, mark(first)) == (0, {"sync_id": 77, "generation_id": 5})
    attempt = read("full_refresh", first, sync_id=77, **numbers)
    assert len(ids(attempt)) < len(ids(first))
    assert ids(read("full_refresh", first, sync_id=78, **numbers)) == ids(first)
    assert ids(read("full_refresh", first)) == ids(first)


def test_attempts_bring_everything_together(faulty: Emulator, read: Reader) -> None:
    """What failed in the first, the second brings, and not the rest again."""
    numbers = {"generation_id": 5, "minimum_generation_id": 5, "sync_id": 77}
    faulty.faults([BROKEN])
    first = read("full_refresh", **numbers)
    faulty.faults([])
    assert first.code == 1
    attempt = read("full_refresh", first, **numbers)
    whole = read("full_refresh", **numbers)
    assert attempt.code == whole.code == 0
    assert ids(first) | ids(attempt) == ids(whole)
    assert len(ids(attempt)) < len(ids(whole))
    assert ids(first) < ids(whole)


def test_a_state_of_a_generation_that_leaves_counts_for_nothing(read: Reader) -> None:
    """Its rows are taken out of the destination, so they must come again."""
    first = read("incremental", sync_id=1, generation_id=4, minimum_generation_id=0)
    more = {"generation_id": 5, "sync_id": 2}
    goes_on = read("incremental", first, minimum_generation_id=0, **more)
    assert len(ids(goes_on)) < len(ids(first))
    assert mark(goes_on) == {"sync_id": 2, "generation_id": 5}
    assert ids(read("incremental", first, minimum_generation_id=5, **more)) == ids(first)


def test_without_numbers_a_state_is_as_on_every_face(read: Reader) -> None:
    """Platforms before refreshes, and programs, give none."""
    first = read("incremental")
    assert mark(first) is None
    assert len(ids(read("incremental", first))) < len(ids(first))


@pytest.mark.parametrize("wrong", ["5", 5.5, True, []])
def test_a_number_that_is_none(read: Reader, wrong: object) -> None:
    """One sentence that names the place."""
    ended = read("incremental", sync_id=wrong)
    assert ended.code == 1
    (error,) = ended.errors
    assert "streams[0].sync_id is" in error["message"]
    assert "not a whole number" in error["message"]
