"""Every list, answered with `[]` by something in front of GitLab that sends no header of pages."""

from __future__ import annotations

import re
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import requests

from integration_tests.gitlab.default_world import READER, default_world
from integration_tests.gitlab.emulator import Emulator
from integration_tests.gitlab.mutations import mutate
from integration_tests.gitlab.plain.resource import rest_resources
from integration_tests.gitlab.plain.tables import all_rows
from integration_tests.gitlab.row_faults import HEADERS, TOTALS
from integration_tests.support.copying import Copy
from integration_tests.support.inprocess import session
from source_gitlab.gitlab.errors import GitlabError, Skipped
from source_gitlab.gitlab.next_page import numbered
from source_gitlab.streams import Stream, streams
from source_gitlab.streams.vocabulary import Paging

if TYPE_CHECKING:
    from collections.abc import Mapping

    from integration_tests.support.inprocess import HttpAnswer

WALKS = {"pages", "keyset", "seek", "commits", "jobs", "days", "groups", "projects"}
LISTS = {name: one for name, one in streams().items() if one.walk in WALKS}
UNTOLD = "was answered with an empty list without the headers that GitLab sends"
PLAIN = rest_resources()
OLD = {name for name, one in LISTS.items() if one.paged_since}


def address(stream: Stream) -> re.Pattern[str]:
    """The paths of a stream's lists."""
    kinds = {"selection": stream.containers, "inventory": ("group",), "instance": ()}
    containers = () if stream.parent else kinds.get(stream.kind, (stream.kind,))
    paths = [stream.address(one, 1) for one in containers or ("",)]
    pattern = "|".join(re.sub(r"{\w+}|(?<=s/)1(?=/)", "[^/]+", one) for one in paths)
    return re.compile(f"/api/v4/(?:{pattern})")


ADDRESSES = {name: address(one) for name, one in LISTS.items()}


def above(name: str) -> int:
    """How many streams a stream stands below."""
    parent = streams()[name].parent
    return 0 if parent is None else 1 + above(parent)


def together() -> list[tuple[str, ...]]:
    """The streams whose lists may be empty in one read: none of them needs those of another."""
    found: dict[int, list[str]] = defaultdict(list)
    for name, one in LISTS.items():
        if one.kind != "inventory":
            found[above(name)].append(name)
    return [tuple(one) for one in found.values()]


def administrated(**settings: object) -> Copy:
    """A copy of the default world, as its administrator sees it."""
    emulator = Emulator(default_world)
    mutate(emulator, "make_admin", {"user_id": READER})
    it = Copy(emulator, groups_list=[])
    for name, value in settings.items():
        setattr(emulator.world.settings, name, value)
    return it


def emptied(it: Copy, names: tuple[str, ...]) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """The paths of each stream's lists that were asked for, and what failed of each stream."""
    asked: dict[str, set[str]] = defaultdict(set)

    def tamper(path: str, _query: str, answer: HttpAnswer) -> HttpAnswer:
        fitting = [name for name in names if ADDRESSES[name].fullmatch(path)]
        for name in fitting:
            asked[name].add(path)
        return (200, {"content-type": "application/json"}, b"[]") if fitting else answer

    it.wire.tamper = tamper
    failed: dict[str, set[str]] = defaultdict(set)
    for entry in it.tried(*names).failed:
        failed[entry.stream].add(entry.message)
    return asked, failed


@pytest.mark.parametrize("names", together(), ids=lambda names: f"{len(names)} from {names[0]}")
def test_an_empty_list_without_headers_is_believed_where_gitlab_sends_none(
    names: tuple[str, ...],
) -> None:
    """Of each declared list: an error where it is one of pages, and no row where it comes whole."""
    asked, failed = emptied(administrated(), names)
    for name in names:
        assert asked[name], name
        if streams()[name].paging is Paging.NONE:
            assert not failed[name], name
        else:
            told = [one for one in failed[name] if UNTOLD in one]
            assert any(path in one for one in told for path in asked[name]), (name, failed[name])


@pytest.mark.parametrize("name", [name for name, one in LISTS.items() if one.kind == "inventory"])
def test_a_selection_without_its_lists_is_an_error(name: str) -> None:
    """All that is read stands below these."""
    with pytest.raises(GitlabError, match=UNTOLD):
        emptied(administrated(), (name,))


def test_a_list_that_older_versions_send_whole_is_believed_of_them() -> None:
    """GitLab 15.3 was the first to cut these into pages."""
    names = tuple(name for name in OLD if not streams()[name].parent)
    it = administrated(version="15.2.0")
    asked, failed = emptied(it, names)
    assert names
    assert all(asked[name] for name in names)
    assert not any(failed.values())


@pytest.fixture(scope="module")
def sent() -> Mapping[str, list[set[str]]]:
    """The headers of pages that the emulated GitLab sends with the lists of each stream."""
    it = administrated()
    found: dict[str, list[set[str]]] = defaultdict(list)

    def tamper(path: str, query: str, answer: HttpAnswer) -> HttpAnswer:
        status, headers, _ = answer
        if status == requests.codes.ok and "pagination=keyset" not in query:
            for name, pattern in ADDRESSES.items():
                if pattern.fullmatch(path):
                    found[name].append({*HEADERS, *TOTALS} & headers.keys())
        return answer

    it.wire.tamper = tamper
    it.sync(*LISTS)
    paths = {one.partition("?")[0] for one in it.asked}
    with session(it.wire) as opened:
        for name, stream in LISTS.items():
            if stream.query.get("pagination") == "keyset":
                # The last page of a list that is continued from its last row never has headers.
                for path in paths:
                    if ADDRESSES[name].fullmatch(f"/api/v4/{path}"):
                        with suppress(Skipped):
                            opened.client.get(path, numbered(stream.query))
    return found


@pytest.mark.parametrize("name", LISTS)
def test_a_list_comes_as_it_is_declared(sent: Mapping[str, list[set[str]]], name: str) -> None:
    """With headers on every page by number, or without any, as the emulated GitLab sends it."""
    told = sent[name]
    assert told
    if streams()[name].paging is Paging.NONE:
        assert not any(told)
    else:
        assert all(told)


@pytest.mark.parametrize("name", [name for name in LISTS if name in PLAIN])
def test_a_list_has_the_pages_of_its_entry(name: str) -> None:
    """Whole, in pages that may be short, in pages since a version: as the entry has it."""
    stream, entry = streams()[name], PLAIN[name]
    expected = "none" if entry.paging == "none" else "short" if entry.short else "full"
    assert stream.paging.value == expected
    assert ".".join(map(str, stream.paged_since or ())) == entry.paged_since


@pytest.mark.parametrize("totals", [True, False])
@pytest.mark.parametrize(
    "name", [name for name, one in LISTS.items() if one.paging is Paging.SHORT and name in PLAIN]
)
def test_a_page_of_which_gitlab_shows_no_row_is_no_error(name: str, *, totals: bool) -> None:
    """Its headers count the rows, or tell that there are pages."""
    it = administrated(count_limit=10_000 if totals else 0)
    for row in all_rows(it.emulator.world, name):
        row.readable = False
    assert it.tried(name).failed == []
    assert any(ADDRESSES[name].fullmatch(f"/api/v4/{one.partition('?')[0]}") for one in it.asked)
    assert not it.tables[name]
