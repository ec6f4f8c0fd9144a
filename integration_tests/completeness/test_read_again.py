"""What is read again though nothing moved: parents that are young, and figures of each day."""

from __future__ import annotations

from random import Random

import pytest

from integration_tests.support.copying import Copy
from integration_tests.support.history_world import small_world

LINKS = "deployment_merge_requests"
HOUR, DAY = 3_600, 86_400


def copy() -> Copy:
    """A copy of a small world."""
    return Copy(small_world(Random(11), 100))


def asked(it: Copy) -> int:
    """How many deployments the last read asked for their merge requests."""
    return sum("/merge_requests" in one and "/deployments/" in one for one in it.asked)


def test_links_of_a_deployment_that_come_later_are_found() -> None:
    """For three days after it moved last, and no longer."""
    it = copy()
    it.sync("deployments")
    deployments = [row for row in it.tables["deployments"].values() if row["status"] == "success"]
    assert deployments
    project = deployments[0]["project_id"]
    for row in deployments:
        it.change("touch", table="deployments", id=row["id"])
    it.sync(LINKS)
    for hours in (2, 30, 30):
        it.later(hours * HOUR)
        for row in deployments:
            if row["project_id"] == project:
                it.change("create", table=LINKS, owner_id=row["id"])
        it.sync(LINKS)
        assert asked(it) >= len(deployments)
        assert it.lacks(LINKS) == []
    for _ in range(2):
        it.later(2 * DAY)
        it.sync(LINKS)
    assert asked(it) == 0


@pytest.mark.parametrize("name", ["project_fetch_statistics", "project_storage_statistics"])
def test_figures_of_a_day_are_read_on_each_day(name: str) -> None:
    """However few hours lie between two reads, and earlier days stay."""
    it = copy()
    passed = it.emulator.world.clock.now() // 1_000_000 % DAY
    it.later(22 * HOUR - passed % DAY + DAY)
    before: set[str] = set()
    for hours in (3, 24, 23.5, 24):
        rows = it.sync(name)[name]
        days = {row["date"] for row in it.tables[name].values()}
        assert rows
        assert before <= days
        before = days
        assert it.sync(name)[name] == []
        it.later(hours * HOUR)
    assert len(before) >= 4
