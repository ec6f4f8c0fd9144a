"""Groups with more projects than GitLab counts."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest

from integration_tests.gitlab.launch import Emulator
from integration_tests.support.reading import config_for, read

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECTS = 1_050


@pytest.fixture(scope="module")
def gitlab() -> Iterator[Emulator]:
    """A GitLab that counts up to 250 projects, and pages up to 300."""
    sizes = ("--groups", "2", "--projects", str(PROJECTS), "--issues", "1")
    with Emulator("--world", "scaled", *sizes) as found:
        found.settings(count_limit=250, offset_limit=300)
        yield found


@pytest.mark.parametrize("workers", [1, 10])
def test_each_page_is_listed_once(gitlab: Emulator, workers: int) -> None:
    """By ranges of ids, behind the first page, though no group may be paged so far."""
    gitlab.reset_requests()
    config = config_for(gitlab, groups_list=["scaled"], num_workers=workers)
    reading = read(config, ["projects", "issues", "project_labels"])
    assert reading.failure is None
    wanted = gitlab.world(streams="projects")["projects"]
    ids = [row["id"] for row in reading.rows["projects"]]
    assert sorted(ids) == sorted(entry["row"]["id"] for entry in wanted)
    asked = [
        dict(parse_qsl(entry["query"]))
        for entry in gitlab.requests(limit=10_000)["recent"]
        if entry["path"].endswith("/projects") and "order_by=id" in entry["query"]
    ]
    # At the end of a read, the page is looked at on which the list of so many projects ends.
    assert [one["page"] for one in asked if "page" in one] in (["11"], [])
    assert len(asked) <= 2 * (2 + 2 * PROJECTS // 100)
