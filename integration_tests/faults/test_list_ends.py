"""A page without rows, to which the page before leads, in lists that GitLab does not count."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.clock import SECOND
from integration_tests.gitlab.row_faults import HEADERS
from integration_tests.support.history_world import START, WEB
from integration_tests.support.small_copies import HOUR, copy, create
from source_gitlab.gitlab.errors import Emptied, ReadError

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration_tests.support.copying import Copy
    from integration_tests.support.inprocess import HttpAnswer

    Headers = Callable[[dict[str, str]], dict[str, str]]

PAGE = 5
ROWS = 3 * PAGE
# Which pages of a list are empty, by their queries.
PAGES = {
    "project_labels": ("/labels", r"\bpage=3\b"),
    "project_milestones": ("/milestones", r"\bpage=3\b"),
    "commits": ("/repository/commits", r"\bpage=3\b"),
    "jobs": ("/jobs", "cursor="),
    "branches": ("/repository/branches", "page_token="),
    "tags": ("/repository/tags", "page_token="),
}


def long_lists(rows: int = ROWS) -> Copy:
    """A copy of a project whose lists have several pages, and no totals."""
    it = copy(PAGE, groups_list=[], projects_list=[str(WEB)])
    it.emulator.world.settings.count_limit = 1
    for table in ("labels", "milestones", "issues"):
        for number in range(rows):
            create(it, table, WEB, START + number * SECOND)
    it.change("create_pipeline", project_id=WEB, jobs=rows)
    it.change("push_commits", project_id=WEB, branch="main", count=rows)
    for number in range(rows):
        it.change("create_branch", project_id=WEB, branch=f"branch-{number:02}")
        it.change("create_tag", project_id=WEB, tag=f"v{number:02}")
    return it


def emptied(it: Copy, name: str, headers: Callable[[dict[str, str]], dict[str, str]]) -> None:
    """Let pages of a list come without rows, each time, with these headers."""
    end, pattern = PAGES[name]

    def tamper(path: str, query: str, answer: HttpAnswer) -> HttpAnswer:
        if path.endswith(f"projects/{WEB}{end}") and re.search(pattern, query):
            return answer[0], headers(answer[1]), b"[]"
        return answer

    it.wire.tamper = tamper


def without(headers: dict[str, str]) -> dict[str, str]:
    """None of those that tell of pages."""
    return {name: one for name, one in headers.items() if name not in {*HEADERS, "content-length"}}


def of_the_last(headers: dict[str, str]) -> dict[str, str]:
    """Those of a last page."""
    first = '<http://gitlab.test/x?page=1>; rel="first"'
    return {**without(headers), "x-next-page": "", "link": first}


def as_they_were(headers: dict[str, str]) -> dict[str, str]:
    """Those of the page that had rows."""
    return {name: one for name, one in headers.items() if name != "content-length"}


def of_no_rows(headers: dict[str, str]) -> dict[str, str]:
    """Those of a list without rows."""
    ended = {"x-total": "0", "x-total-pages": "0", "x-next-page": "", "link": ""}
    return {name: ended.get(name, one) for name, one in as_they_were(headers).items()}


@pytest.mark.parametrize("headers", [without, of_the_last, as_they_were])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_something_between_emptied_does_not_end_a_list(
    name: str, headers: Callable[[dict[str, str]], dict[str, str]]
) -> None:
    """Not where the page before still leads to it, or where there are rows in another cut."""
    it = long_lists()
    emptied(it, name, headers)
    with pytest.raises(ReadError, match=r"without rows|an empty page"):
        it.sync(name)
    assert it.lacks(name, groups="", projects=str(WEB)) != []
    it.wire.tamper = lambda _path, _query, answer: answer
    it.sync(name)
    assert it.lacks(name, groups="", projects=str(WEB)) == []


@pytest.mark.parametrize("name", ["project_labels", "jobs"])
def test_a_list_that_became_shorter_ends(name: str) -> None:
    """Its last rows are deleted after the page before them has led to them."""
    it = long_lists()
    table = name.removeprefix("project_")
    world = it.emulator.world.table(table)

    def delete() -> None:
        rows = sorted((row.id for row in world.of_project(WEB)), reverse=name == "jobs")
        for number in rows[2 * PAGE if table == "labels" else PAGE :]:
            it.change("delete", table=table, row_id=number)

    it.before("page=3" if table == "labels" else "cursor=", delete)
    it.sync(name)
    assert it.lacks(name, groups="", projects=str(WEB)) == []


@pytest.mark.parametrize("name", ["commits", "branches", "tags"])
@pytest.mark.parametrize("more", range(PAGE))
def test_a_full_page_that_is_the_last_one_ends_a_list(name: str, more: int) -> None:
    """GitLab leads on behind each full page of these, to an empty one."""
    it = long_lists(ROWS + more)
    it.sync(name)
    assert it.lacks(name, groups="", projects=str(WEB)) == []


def test_a_list_by_value_shows_its_last_row_again() -> None:
    """So a page without rows is none of GitLab's, where it does not count them either."""
    it = long_lists()

    def tamper(path: str, query: str, answer: HttpAnswer) -> HttpAnswer:
        is_behind = "updated_after" in query and "sort=asc" in query
        if not path.endswith(f"projects/{WEB}/issues") or not is_behind:
            return answer
        return answer[0], of_the_last(answer[1]), b"[]"

    it.wire.tamper = tamper
    with pytest.raises(ReadError, match="asked in another order"):
        it.sync("issues")


def test_rows_that_move_on_while_they_are_read_by_value_end_no_list() -> None:
    """All that was behind the page changes, and comes behind it."""
    it = long_lists()
    issues = [row.id for row in it.emulator.world.issues.of_project(WEB)]
    touch = [partial(it.change, "touch", table="issues", id=one) for one in issues]

    def later() -> None:
        it.later(HOUR)
        for one in touch:
            one()

    it.before("updated_after", later)
    it.sync("issues")
    assert it.lacks("issues", groups="", projects=str(WEB)) == []


def test_the_error_names_the_list() -> None:
    """For who looks for the proxy."""
    it = long_lists()
    emptied(it, "commits", without)
    with pytest.raises(Emptied) as caught:
        it.sync("commits")
    told = f"/projects/{WEB}/repository/commits was answered with an empty page"
    assert told in str(caught.value)
    assert caught.value.url.endswith("/repository/commits")


# The numbers of pages that come empty, of four, of which the last one has three rows.
NUMBERS = [r"\bpage=4\b", r"\bpage=2\b"]


def counted_lists() -> Copy:
    """A copy of a project whose lists GitLab counts."""
    it = copy(PAGE, groups_list=[], projects_list=[str(WEB)])
    for table in ("labels", "milestones"):
        for row in list(it.emulator.world.table(table).of_project(WEB)):
            it.change("delete", table=table, row_id=row.id)
        create(it, table, WEB, START, ROWS + 3)
    return it


def emptied_pages(
    it: Copy, name: str, pattern: str, times: int | None = None, headers: Headers = as_they_were
) -> None:
    """Let such pages of a list come without rows, so often, with these headers."""
    path, _ = PAGES[name]
    left = [times]

    def tamper(asked: str, query: str, answer: HttpAnswer) -> HttpAnswer:
        if not asked.endswith(f"projects/{WEB}{path}") or not re.search(pattern, query):
            return answer
        if left[0] is not None:
            if not left[0]:
                return answer
            left[0] -= 1
        return answer[0], headers(answer[1]), b"[]"

    it.wire.tamper = tamper


@pytest.mark.parametrize("headers", [as_they_were, of_no_rows])
@pytest.mark.parametrize("pattern", NUMBERS)
@pytest.mark.parametrize("name", ["project_labels", "project_milestones"])
def test_no_row_is_taken_for_hidden_of_a_list_that_hides_none(
    name: str, pattern: str, headers: Headers
) -> None:
    """However few they are, at the end of the list and in the middle of it."""
    it = counted_lists()
    emptied_pages(it, name, pattern, headers=headers)
    with pytest.raises(ReadError, match=r"says that it has 18 rows, and sends empty pages behind"):
        it.sync(name)
    it.wire.tamper = lambda _path, _query, answer: answer
    it.sync(name)
    assert it.lacks(name, groups="", projects=str(WEB)) == []


@pytest.mark.parametrize("pattern", NUMBERS)
@pytest.mark.parametrize("name", ["project_labels", "project_milestones"])
def test_a_page_that_was_empty_for_a_moment_is_asked_for_again(name: str, pattern: str) -> None:
    """Its rows may have gone between GitLab's count and its look at them."""
    it = counted_lists()
    emptied_pages(it, name, pattern, times=2)
    it.sync(name)
    assert it.lacks(name, groups="", projects=str(WEB)) == []
