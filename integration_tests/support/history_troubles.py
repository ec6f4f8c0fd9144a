"""What stands between the connector and a GitLab, and what is broken inside one, for a whole sync.

A trouble begins with an event of a history and ends with the sync. It changes answers on their way,
so it needs nothing of the emulator.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING

import orjson

from integration_tests.support.history_world import PROJECTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration_tests.support.inprocess import HttpAnswer

_PAGING = ("link", "x-next-page", "x-prev-page", "x-page", "x-per-page", "x-total-pages")
_AHEAD = (timedelta(minutes=15), timedelta(hours=1), timedelta(days=1))
_NOT_FOUND = 404, {"content-type": "application/json"}, b'{"message":"404 Not found"}'
_BROKEN = 500, {"content-type": "application/json"}, b'{"message":"500 Internal Server Error"}'


@dataclass
class Trouble:
    """One kind of trouble; two numbers say what it is about. `seen` counts answers."""

    kind: Callable[[Trouble, str, HttpAnswer], HttpAnswer]
    a: int
    b: int
    seen: int = 0

    def __call__(self, path: str, _query: str, answer: HttpAnswer) -> HttpAnswer:
        """The answer as it arrives."""
        self.seen += 1
        return self.kind(self, path, answer)


def headers_stripped(it: Trouble, _path: str, answer: HttpAnswer) -> HttpAnswer:
    """A proxy lets no paging header through, but for the total now and then."""
    status, headers, body = answer
    gone = (*_PAGING, "x-total") if it.b % 2 else _PAGING
    return status, {name: value for name, value in headers.items() if name not in gone}, body


def date_ahead(it: Trouble, _path: str, answer: HttpAnswer) -> HttpAnswer:
    """One node's clock, or a proxy's, is ahead: in one answer of the sync, or in one of five."""
    status, headers, body = answer
    every = 5 if it.a % 2 else 10_000
    if it.seen % every != 1 + it.a % 4 or "date" not in headers:
        return answer
    moment = parsedate_to_datetime(headers["date"]) + _AHEAD[it.b % len(_AHEAD)]
    return status, {**headers, "date": format_datetime(moment, usegmt=True)}, body


def no_date(_it: Trouble, _path: str, answer: HttpAnswer) -> HttpAnswer:
    """No answer says what time it is."""
    status, headers, body = answer
    return status, {name: value for name, value in headers.items() if name != "date"}, body


def row_fails(it: Trouble, _path: str, answer: HttpAnswer) -> HttpAnswer:
    """Every page that holds one certain row is an error."""
    needle = rf'"iid": ?{1 + it.a % 6}, ?"project_id": ?{PROJECTS[it.b % len(PROJECTS)]},'
    found = answer[0] == 200 and re.search(needle.encode(), answer[2])
    return _BROKEN if found else answer


def parent_fails(it: Trouble, path: str, answer: HttpAnswer) -> HttpAnswer:
    """What lies below one parent is an error, whatever is asked of it."""
    below = rf"/(merge_requests|pipelines|epics|issues)/\d*{it.a % 10}/\w+$"
    return _BROKEN if re.search(below, path) else answer


def children_hidden(it: Trouble, path: str, answer: HttpAnswer) -> HttpAnswer:
    """What lies below some parents is not there, says a replica that is behind; they are."""
    ends = ("[02468]", "[13579]")[it.a % 2]
    below = rf"/(merge_requests|pipelines|epics)/\d*{ends}/(commits|jobs|bridges|issues)$"
    return _NOT_FOUND if re.search(below, path) else answer


def project_fails(it: Trouble, path: str, answer: HttpAnswer) -> HttpAnswer:
    """One project answers nothing but errors."""
    own = f"/projects/{PROJECTS[it.b % len(PROJECTS)]}/"
    return _BROKEN if own in f"{path}/" else answer


def listed_project_fails(it: Trouble, path: str, answer: HttpAnswer) -> HttpAnswer:
    """Every list of projects that holds one certain project is an error."""
    own = rf'/api/v4/projects/{PROJECTS[it.b % len(PROJECTS)]}"'
    found = path.endswith("/projects") and re.search(own.encode(), answer[2])
    return _BROKEN if found else answer


def row_unreadable(it: Trouble, _path: str, answer: HttpAnswer) -> HttpAnswer:
    """One certain row makes its page no JSON, or is nested too deeply."""
    status, headers, body = answer
    needle = rf'("iid": ?{1 + it.a % 6}), ?("project_id": ?{PROJECTS[it.b % len(PROJECTS)]},)'
    value = b'"\x01"' if it.b % 2 else b"[" * 300 + b"]" * 300
    whole = re.sub(
        needle.encode(), lambda found: found[1] + b',"odd":' + value + b"," + found[2], body
    )
    return status, headers, whole


def row_lacks(it: Trouble, _path: str, answer: HttpAnswer) -> HttpAnswer:
    """One certain row comes without its id.

    One without the time of its last change would stay so in a copy until it changes.
    """
    status, headers, body = answer
    rows = orjson.loads(body) if status == 200 and body.startswith(b"[") else []
    wanted = {"iid": 1 + it.a % 6, "project_id": PROJECTS[it.b % len(PROJECTS)]}
    struck = [row for row in rows if isinstance(row, dict) and wanted.items() <= row.items()]
    for row in struck:
        row.pop("id", None)
    return (status, headers, orjson.dumps(rows)) if struck else answer


def ingress(it: Trouble, path: str, answer: HttpAnswer) -> HttpAnswer:
    """What stands before GitLab refuses some requests in its own words."""
    if it.seen % 7 != it.a % 7 or "/projects" not in path:
        return answer
    status, text = ((404, b"default backend - 404"), (403, b"Forbidden by policy"))[it.b % 2]
    return status, {"content-type": "text/plain"}, text


def graphql_fails(it: Trouble, path: str, answer: HttpAnswer) -> HttpAnswer:
    """What is asked in GraphQL fails, or brings nothing."""
    if not path.endswith("/api/graphql"):
        return answer
    nothing = (b'{"data":{}}', b'{"data":null}')[it.b % 2]
    return _BROKEN if it.a % 2 else (200, {"content-type": "application/json"}, nothing)


TROUBLES: tuple[Callable[[Trouble, str, HttpAnswer], HttpAnswer], ...] = (
    ingress,
    row_fails,
    row_unreadable,
    row_lacks,
    listed_project_fails,
    parent_fails,
    children_hidden,
    project_fails,
    headers_stripped,
    date_ahead,
    no_date,
    graphql_fails,
)
