"""A proxy that drops the headers of pages and lets no large page through: all rows arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airbyte_cdk.models import AirbyteStreamStatus

from integration_tests.gitlab.launch import Emulator
from integration_tests.gitlab.row_faults import HEADERS, TOTALS
from integration_tests.support.reading import config_for, missing, read
from source_gitlab.gitlab.client import Retries

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPLETE = AirbyteStreamStatus.COMPLETE
QUICK = Retries(tries=2, first=0.0)
KEYSET = ("branches", "tags", "jobs")
SOUGHT = ("issues", "merge_requests", "pipelines", "commits")
NUMBERED = ("project_labels", "project_milestones", "projects", "groups")
NAMES = (*KEYSET, *SOUGHT, *NUMBERED)
COUNT = 90
EVERY = dict.fromkeys((*HEADERS, *TOTALS), "")


@pytest.fixture(scope="module")
def many() -> Iterator[Emulator]:
    """A GitLab whose lists are longer than what the proxy lets through, and shorter than a page."""
    sizes = ("--groups", 30, "--projects", 2, "--issues", 60, "--branches", 50, "--commits", 70)
    more = ("--tags", 45, "--pipelines-per-project", 12, "--jobs-per-pipeline", 4)
    with Emulator("--world", "scaled", *sizes, *more) as emulator:
        project = emulator.get("projects").json()[0]["id"]
        for table in ("labels", "milestones"):
            emulator.mutate("create", table=table, project_id=project, count=COUNT)
        yield emulator


@pytest.fixture
def proxied(many: Emulator) -> Iterator[Emulator]:
    """The same, without the faults of the test before."""
    many.faults([])
    many.reset_requests()
    yield many
    many.faults([])


def paths_of(gitlab: Emulator) -> list[str]:
    """The paths of all projects."""
    rows: list[dict[str, Any]] = []
    for number in (1, 2, 3):
        rows += gitlab.get("projects", per_page=100, page=number).json()
    return sorted(row["path_with_namespace"] for row in rows)


@pytest.mark.parametrize("size", [7, 20, 50])
@pytest.mark.parametrize(
    "dropped", [EVERY, dict.fromkeys(HEADERS, ""), {"link": "", "x-next-cursor": ""}]
)
def test_every_page_is_shorter_than_asked(
    proxied: Emulator, size: int, dropped: dict[str, str]
) -> None:
    """All headers are dropped, all but the totals, or those of keyset lists alone."""
    proxied.faults([{"kind": "capped", "size": size, "headers": dropped}])
    reading = read(config_for(proxied), NAMES, retries=QUICK)
    assert reading.failure is None
    assert set(reading.statuses.values()) == {COMPLETE}
    assert not missing(proxied, reading, *NAMES)


@pytest.mark.parametrize("name", KEYSET)
def test_the_first_list_is_one_that_may_have_no_headers(proxied: Emulator, name: str) -> None:
    """Nothing was listed before, so one other list is asked whether its headers arrive."""
    path = paths_of(proxied)[0]
    proxied.faults([{"kind": "capped", "size": 20, "headers": EVERY}])
    whole = read(config_for(proxied, projects_list=[path]), [name], retries=QUICK)
    proxied.faults([])
    proxied.reset_requests()
    plain = read(config_for(proxied, projects_list=[path]), [name], retries=QUICK)
    assert len(plain.rows[name]) > 20
    column = "id" if name == "jobs" else "name"
    assert [row[column] for row in whole.rows[name]] == [row[column] for row in plain.rows[name]]
    assert proxied.requests()["counts"].get("GET /projects", {}).get("200", 0) <= 1


def test_later_reads_bring_what_is_new_and_nothing_twice(proxied: Emulator) -> None:
    """A state that was written behind the proxy holds."""
    proxied.faults([{"kind": "capped", "size": 20, "headers": EVERY}])
    first = read(config_for(proxied), ["issues", "jobs"], retries=QUICK)
    again = read(config_for(proxied), ["issues", "jobs"], first.states.values(), retries=QUICK)
    assert again.failure is None
    assert not again.rows["jobs"]
    assert not again.rows["issues"]


def test_a_list_that_comes_whole_for_every_page(proxied: Emulator) -> None:
    """Some lists of GitLab are not cut into pages; without headers they look like capped ones."""
    proxied.faults(
        [
            {"kind": "first_page", "path": "/labels$", "headers": EVERY},
            {"kind": "no_headers"},
        ]
    )
    reading = read(config_for(proxied), ["project_labels"], retries=QUICK)
    assert reading.failure is None
    assert not missing(proxied, reading, "project_labels")


@pytest.mark.parametrize("name", ["branches", "tags"])
def test_a_list_that_does_not_know_the_last_name(proxied: Emulator, name: str) -> None:
    """Before GitLab continued lists of branches from a name, it numbered them."""
    proxied.faults(
        [
            {"kind": "first_page", "path": f"/{name}$", "without": ["page"], "headers": EVERY},
            {"kind": "no_headers"},
        ]
    )
    reading = read(config_for(proxied), [name], retries=QUICK)
    assert reading.failure is None
    assert not missing(proxied, reading, name)
