"""Headers that a proxy drops, and pages that are none: all rows arrive, or an error says why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airbyte_cdk.models import AirbyteStreamStatus

from integration_tests.gitlab.launch import Emulator
from integration_tests.gitlab.row_faults import HEADERS, TOTALS
from integration_tests.support.reading import (
    Destination,
    config_for,
    differences,
    expected,
    missing,
    read,
)
from source_gitlab.gitlab.client import Retries

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPLETE, INCOMPLETE = AirbyteStreamStatus.COMPLETE, AirbyteStreamStatus.INCOMPLETE
QUICK = Retries(tries=2, first=0.0)
NAMES = ("issues", "merge_requests", "pipelines", "jobs", "commits", "branches", "tags")
NUMBERED = ("project_labels", "project_milestones")
COUNT = 230


@pytest.fixture(scope="module")
def large() -> Iterator[Emulator]:
    """A GitLab whose lists have several pages, some of them full to the last."""
    sizes = ("--projects", 2, "--issues", 300, "--branches", 200, "--commits", 130, "--tags", 130)
    more = ("--pipelines-per-project", 40, "--jobs-per-pipeline", 5)
    with Emulator("--world", "scaled", *sizes, *more) as emulator:
        project = emulator.get("projects").json()[0]["id"]
        for table in ("labels", "milestones"):
            emulator.mutate("create", table=table, project_id=project, count=COUNT)
        yield emulator


@pytest.fixture
def proxied(large: Emulator) -> Iterator[Emulator]:
    """The same, without the faults of the test before."""
    large.faults([])
    large.reset_requests()
    yield large
    large.faults([])


@pytest.mark.parametrize(
    "dropped", [{}, dict.fromkeys(HEADERS, ""), {"link": ""}, dict.fromkeys(HEADERS[1:], "")]
)
def test_headers_that_a_proxy_drops(proxied: Emulator, dropped: dict[str, str]) -> None:
    """All of them, all but the total, only the link, all but the link."""
    proxied.faults([{"kind": "no_headers", "headers": dropped}])
    names = (*NAMES, *NUMBERED)
    reading = read(config_for(proxied), names, retries=QUICK)
    assert reading.failure is None
    assert set(reading.statuses.values()) == {COMPLETE}
    assert not missing(proxied, reading, *names)


def test_headers_that_are_there_cost_no_request_more(proxied: Emulator) -> None:
    """Lists whose last page is full end where GitLab says so."""
    read(config_for(proxied), ["project_labels"], retries=QUICK)
    asked = [one for one in proxied.requests()["recent"] if one["path"].endswith("/labels")]
    # Each page twice: numbered lists are read until they stand still.
    of_large = [one for one in asked if "/projects/" in one["path"]]
    assert len(of_large) == 2 * 3 + 1


@pytest.mark.parametrize("dropped", [{}, dict.fromkeys((*HEADERS, *TOTALS), "")])
@pytest.mark.parametrize("name", ["issues", "jobs", "commits", "branches", "tags", *NUMBERED])
def test_a_cache_that_ignores_the_query(
    proxied: Emulator, name: str, dropped: dict[str, str]
) -> None:
    """The first page again and again is no list: an error, and soon."""
    end = name.removeprefix("project_")
    proxied.faults([{"kind": "first_page", "path": f"/{end}$", "headers": dropped}])
    reading = read(config_for(proxied), [name], retries=QUICK)
    assert missing(proxied, reading, name)
    assert reading.statuses[name] is INCOMPLETE
    assert reading.failure is not None
    assert f"/{end}" in reading.failure
    assert proxied.requests()["total"] < 100


@pytest.mark.parametrize("name", NUMBERED)
def test_pages_that_are_empty_although_there_are_more_rows(proxied: Emulator, name: str) -> None:
    """The headers say how many there are, so an empty page is not the end."""
    end = name.removeprefix("project_")
    proxied.faults(
        [
            {"kind": "empty_page", "path": f"/{end}$", "query": {"page": str(number)}}
            for number in range(2, 30)
        ]
    )
    reading = read(config_for(proxied), [name], retries=QUICK)
    assert reading.statuses[name] is INCOMPLETE
    assert reading.failure is not None
    assert "sends empty pages behind 100" in reading.failure


@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("name", NUMBERED)
def test_a_page_without_rows_and_headers_among_others(
    proxied: Emulator, name: str, number: int
) -> None:
    """The others tell how many rows there are, so GitLab did not send it."""
    end = name.removeprefix("project_")
    query = {"page": str(number), "per_page": "100"}
    rule = {"kind": "status", "status": 200, "body": [], "path": f"/{end}$", "query": query}
    proxied.faults([{**rule, "times": 1}])
    reading = read(config_for(proxied), [name], retries=QUICK)
    assert not missing(proxied, reading, name)
    assert reading.statuses[name] is COMPLETE
    proxied.faults([rule])
    reading = read(config_for(proxied), [name], retries=QUICK)
    assert missing(proxied, reading, name)
    assert reading.statuses[name] is INCOMPLETE
    assert reading.failure is not None
    assert "sends a page without rows and without headers" in reading.failure
    proxied.faults([])
    rest = read(config_for(proxied), [name], reading.states.values(), retries=QUICK)
    destination = Destination()
    for one in (reading, rest):
        destination.write(one)
    assert not differences(destination.tables[name], expected(proxied, name)[name])
