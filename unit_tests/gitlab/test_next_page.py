"""How the next page is found: by links, by numbers, and where headers are missing."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from requests.structures import CaseInsensitiveDict

from source_gitlab.gitlab.errors import Malformed
from source_gitlab.gitlab.next_page import next_of

ROWS = [{"id": number} for number in range(1, 101)]
SHORT = ROWS[:40]
ASKED: dict[str, Any] = {"per_page": 100}
LINK = '<https://gitlab.example.com/api/v4/x?{}>; rel="{}"'


@pytest.mark.parametrize(
    ("headers", "rows", "page"),
    [
        ({"X-Next-Page": "2"}, ROWS, "2"),
        ({"x-next-page": "2"}, SHORT, "2"),
        ({"LINK": LINK.format("page=2", "next")}, ROWS, "2"),
        ({"Link": LINK.format("page=1", "first"), "X-Next-Page": "2"}, ROWS, "2"),
        ({"Link": '<http://[::1>; rel="next"', "X-Next-Page": "2"}, ROWS, "2"),
        *[
            ({"Link": LINK.format("page=2", "next"), "X-Next-Page": number}, ROWS, "2")
            for number in ("2, 2", "3", "-1", "1", "²", "2.0", "9" * 5_000)
        ],
        ({"Link": LINK.format("page=1", "first")}, ROWS, None),
        ({"X-Next-Page": ""}, ROWS, None),
        ({"X-Next-Page": "", "X-Total": "100"}, ROWS, None),
        ({"X-Next-Page": "", "X-Total": "250"}, ROWS, 2),
        ({"X-Next-Page": "", "X-Total": "60"}, SHORT, None),
        ({}, ROWS, 2),
        ({}, SHORT, None),
        ({}, [], None),
        ({"X-Total": "250"}, ROWS, 2),
        ({"X-Total": "60"}, SHORT, 2),
        ({"X-Total": "40"}, SHORT, None),
        ({"X-Total": "100"}, ROWS, None),
        ({"Link": "</style.css>; rel=preload"}, ROWS, 2),
    ],
)
def test_the_next_page(headers: dict[str, str], rows: list[Any], page: object) -> None:
    """GitLab's word counts; where there is none, a full page or a total does."""
    found = next_of(rows, CaseInsensitiveDict(headers), ASKED)
    assert (found or {}).get("page") == page


@pytest.mark.parametrize(("came", "size"), [("40", 40), ("100", 100), ("500", 100), ("0", 100)])
def test_a_number_counts_pages_of_the_size_that_came(came: str, size: int) -> None:
    """As where something between gives fewer rows than were asked for, and never more."""
    headers = CaseInsensitiveDict({"X-Next-Page": "2", "X-Per-Page": came})
    assert next_of(SHORT, headers, ASKED) == {"page": "2", "per_page": size}


@pytest.mark.parametrize("number", ["3", "1", "x", "2, 2"])
def test_a_number_that_is_not_the_next_one(number: str) -> None:
    """Pages would be left out, or read again and again."""
    with pytest.raises(Malformed, match="the number of the page behind page 1"):
        next_of(ROWS, CaseInsensitiveDict({"X-Next-Page": number}), ASKED)


@pytest.mark.parametrize(
    ("query", "last", "wanted"),
    [
        ({"pagination": "keyset"}, {"name": "main"}, {"page_token": "main"}),
        ({"pagination": "keyset", "page_token": "a"}, {"name": "b"}, {"page_token": "b"}),
        ({"pagination": "keyset", "order_by": "id", "sort": "asc"}, {"id": 7}, {"id_after": 7}),
        ({"pagination": "keyset", "order_by": "id", "sort": "desc"}, {"id": 7}, {"page": 2}),
    ],
)
def test_lists_that_are_continued_from_their_last_row(
    query: dict[str, Any], last: dict[str, Any], wanted: dict[str, Any]
) -> None:
    """From it, where the list can; else by number."""
    found = next_of([*ROWS[1:], last], {}, {**ASKED, **query})
    assert found is not None
    assert {name: found.get(name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("headers", "rows", "page"),
    [
        ({}, SHORT, 2),
        ({}, [], None),
        ({"X-Next-Page": ""}, SHORT, None),
        ({"Link": LINK.format("page=1", "first")}, SHORT, None),
        ({"X-Total": "40"}, SHORT, None),
        ({"X-Total": "41"}, SHORT, 2),
    ],
)
def test_a_short_page_where_headers_get_lost(
    headers: dict[str, str], rows: list[Any], page: object
) -> None:
    """It is the last one only where something says so, or where it is empty."""
    found = next_of(rows, CaseInsensitiveDict(headers), ASKED, lambda: True)
    assert (found or {}).get("page") == page


def test_a_row_without_an_id_does_not_lead_the_list_back_to_its_start() -> None:
    """The list goes on behind the last row that has one."""
    query = {**ASKED, "pagination": "keyset", "order_by": "id", "sort": "asc"}
    odd = [*ROWS[:98], {"id": None, "name": "odd"}, {"name": "odd"}]
    assert next_of(odd, {}, query) == {**query, "id_after": 98}


def test_who_was_told_of_a_cursor_is_told_of_the_next_one() -> None:
    """The last page of such a list may be full, and has no header at all."""
    query = {**ASKED, "pagination": "keyset", "cursor": "abc"}
    assert next_of(ROWS, {}, query) is None


@pytest.mark.parametrize("raw", [b"caf\xe9", b"\xff\xfe", "größe".encode()])
@pytest.mark.parametrize("escaped", [True, False])
def test_names_that_are_not_utf_8_come_through(raw: bytes, *, escaped: bool) -> None:
    """Branches may be called by any bytes, and GitLab takes them back as it sent them."""
    text = urlencode({"page_token": raw}) if escaped else f"page_token={raw.decode('latin-1')}"
    found = next_of(ROWS, {"Link": LINK.format(text, "next")}, ASKED)
    assert found is not None
    assert urlencode(found, errors="surrogateescape") == urlencode({"page_token": raw})
