"""One page that comes without its rows, or a few of them, while its headers stay as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airbyte_cdk.models import AirbyteStreamStatus

from integration_tests.gitlab.launch import Emulator
from integration_tests.support.reading import config_for, read
from source_gitlab.gitlab.client import Retries
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration_tests.support.reading import Reading

COMPLETE = AirbyteStreamStatus.COMPLETE
QUICK = Retries(tries=2, first=0.0)


@pytest.fixture(scope="module")
def long_lists() -> Iterator[Emulator]:
    """A GitLab whose lists have several pages."""
    sizes = ("--projects", 1, "--issues", 130, "--branches", 130, "--commits", 130)
    with Emulator("--world", "scaled", *sizes, "--pipelines-per-project", 130) as emulator:
        yield emulator


@pytest.fixture
def emptied(long_lists: Emulator) -> Iterator[Emulator]:
    """The same, without the faults of the test before."""
    long_lists.faults([])
    yield long_lists
    long_lists.faults([])


LISTS = {
    "issues": "/groups/[0-9]+/issues$",
    "pipelines": "/pipelines$",
    "jobs": "/jobs$",
    "branches": "/repository/branches$",
    "commits": "/repository/commits$",
    "project_labels": "/projects/[0-9]+/labels$",
    "project_members": "/projects/[0-9]+/members$",
    "projects": "/groups/[0-9]+/projects$",
}
# GitLab does not count lists of more than 10,000 rows, and nothing of a list but its next page.
UNCOUNTED = dict.fromkeys(("x-total", "x-total-pages"), "")
# Branches and jobs are continued from their last row, and no header counts them.
COUNTED = [name for name in LISTS if name not in {"branches", "jobs"}]


@pytest.mark.parametrize("name", LISTS)
def test_its_rows_come_all_the_same(emptied: Emulator, name: str) -> None:
    """It is asked for once more."""
    assert_all_come(emptied, name, {"kind": "empty_page"})


@pytest.mark.parametrize("name", ["issues", "pipelines", "commits"])
def test_a_page_in_front_of_others_is_not_empty(emptied: Emulator, name: str) -> None:
    """Though no header counts what there is."""
    assert_all_come(emptied, name, {"kind": "empty_page", "headers": UNCOUNTED})


@pytest.mark.parametrize("name", COUNTED)
def test_rows_that_a_page_lacks_come_all_the_same(emptied: Emulator, name: str) -> None:
    """GitLab fills the pages of these lists, and counts what is on the last one."""
    assert_all_come(emptied, name, {"kind": "short_page", "size": 1})


def assert_all_come(emptied: Emulator, name: str, fault: dict[str, object]) -> None:
    """Read what a fault strikes once, and find all rows."""
    config = config_for(emptied, num_workers=1)
    whole = read(config, [name], retries=QUICK)
    # Not the request for one row that tells where the default branch is.
    rule = {"path": LISTS[name], "query": {"per_page": "100"}, "times": 1, **fault}
    emptied.faults([rule])
    reading = read(config, [name], retries=QUICK)
    assert keys(reading, name) == keys(whole, name)
    assert reading.statuses == {name: COMPLETE}


@pytest.mark.parametrize(
    ("name", "path", "told"),
    [
        ("issues", "/groups/[0-9]+/issues$", "130 rows by its header"),
        ("project_labels", "/projects/[0-9]+/labels$", "rows by its header"),
        ("pipelines", "/pipelines$", "130 rows by its header"),
        ("projects", "/groups/[0-9]+/projects$", "rows by its header"),
    ],
)
def test_one_that_stays_empty_is_no_empty_list(
    emptied: Emulator, name: str, path: str, told: str
) -> None:
    """Its headers count rows, and GitLab leaves none out of these lists."""
    emptied.faults([{"kind": "empty_page", "path": path}])
    reading = read(config_for(emptied, num_workers=1), [name], retries=QUICK)
    assert reading.statuses != {name: COMPLETE}
    assert told in str(reading)


@pytest.mark.parametrize("query", [{"pagination": "keyset"}, {}])
@pytest.mark.parametrize(
    ("name", "path"), [("branches", "/repository/branches$"), ("jobs", "/jobs$")]
)
def test_a_list_continued_from_its_last_row_that_comes_empty(
    emptied: Emulator, name: str, path: str, query: dict[str, str]
) -> None:
    """No header comes with its end, so it is asked for by number."""
    emptied.faults([{"kind": "status", "status": 200, "body": "[]", "path": path, "query": query}])
    reading = read(config_for(emptied, num_workers=1), [name], retries=QUICK)
    assert reading.statuses != {name: COMPLETE}
    assert "was answered with an empty list" in str(reading)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("users", "/projects/[0-9]+/users$"),
        ("project_hooks", "/projects/[0-9]+/hooks$"),
        ("protected_branches", "/protected_branches$"),
        ("group_variables", "/groups/[0-9]+/variables$"),
        ("issue_notes", "/issues/[0-9]+/notes$"),
        ("merge_request_label_events", "/resource_label_events$"),
    ],
)
def test_an_empty_list_without_headers_is_none_of_gitlab(
    faulty: Emulator, name: str, path: str
) -> None:
    """Where other lists have theirs, something on the way has answered."""
    faulty.faults([{"kind": "status", "status": 200, "body": "[]", "path": path}])
    reading = read(config_for(faulty), [name], retries=QUICK)
    assert reading.statuses != {name: COMPLETE}
    assert "without the headers that GitLab sends" in str(reading)
    assert f"{faulty.url}/api/v4/" in str(reading)


def keys(reading: Reading, name: str) -> list[tuple[object, ...]]:
    """The keys of what was read, in order."""
    return sorted(tuple(row[c] for c in streams()[name].key) for row in reading.rows[name])
