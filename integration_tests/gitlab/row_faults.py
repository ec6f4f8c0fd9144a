"""Faults of single rows and of pages: what they make of an answer that is there already.

A broken row breaks every page that it is on, whatever the size of the page, as it does in GitLab:
there, too, the rows are fetched first, and one of them fails when it is made into JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import orjson

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Scope

    from integration_tests.gitlab.faults import Fault

KINDS = {
    "broken_row": "answer ``status`` in place of whatever holds a row that has all of ``row``, or"
    " one of several values where ``row`` names a list of them",
    "raw_text": "in such rows, ``column`` holds ``text``, whose characters are bytes (Latin-1)",
    "deep_row": "in such rows, ``column`` holds a list that is ``size`` levels deep",
    "absent": "such rows lack ``column``",
    "null": "in such rows, each of ``columns`` is null",
    "changed_row": "such rows have the columns of ``body``, an object, in place of their own",
    "replaced_row": "in place of such rows stands ``body``",
    "no_headers": "the headers ``headers`` are missing, by default all that tell of pages",
    "empty_page": "a list without rows; the headers are as they were, but ``headers`` are missing",
    "short_page": "a list without its last ``size`` rows; the headers are as they were",
    "capped": "no page has more than ``size`` rows, and ``headers`` are missing",
    "first_page": "the first page of the whole list, whatever was asked, without ``headers``",
}
HEADERS = ("link", "x-next-page", "x-page", "x-per-page", "x-prev-page", "x-next-cursor")
TOTALS = ("x-total", "x-total-pages")
PLACES = ("page", "cursor", "page_token", "id_after", "updated_after", "updated_before")
OK, PER_PAGE = 200, 20
_MARK = "\ue000"


def rewritten(fault: Fault, scope: Scope) -> None:
    """Change the request, where that is what a fault does."""
    if fault.kind == "first_page":
        pairs = parse_qsl(scope["query_string"].decode(), keep_blank_values=True)
        kept = [(name, value) for name, value in pairs if name not in PLACES]
        scope["query_string"] = urlencode(kept).encode()
    if fault.kind == "capped":
        query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        query["per_page"] = str(min(int(query.get("per_page", PER_PAGE)), fault.size))
        scope["query_string"] = urlencode(query).encode()


def altered(fault: Fault, response: Response) -> Response | None:
    """The answer with the fault in it; None where there is to be another one in its place."""
    if response.status_code != OK:
        return response
    if fault.kind in {"no_headers", "first_page", "capped"}:
        every = (*HEADERS, *TOTALS) if fault.kind == "no_headers" else ()
        for name in fault.headers or every:
            del response.headers[name]
        return response
    data = orjson.loads(bytes(response.body))
    rows = data if isinstance(data, list) else [data]
    struck = [row for row in rows if _fits(row, fault.row)]
    if fault.kind == "empty_page":
        for name in fault.headers:
            del response.headers[name]
        return _with_body(response, b"[]")
    if fault.kind == "short_page":
        return _with_body(response, orjson.dumps(rows[: -fault.size]))
    if fault.kind == "broken_row":
        return None if struck else response
    return _with_body(response, _changed(fault, data, struck)) if struck else response


def _fits(row: Any, wanted: dict[str, Any]) -> bool:
    return isinstance(row, dict) and all(
        row.get(name) in (value if isinstance(value, list) else [value])
        for name, value in wanted.items()
    )


def _changed(fault: Fault, data: Any, struck: list[Any]) -> bytes:
    for row in struck:
        if fault.kind in {"raw_text", "deep_row"}:
            row[fault.column] = _MARK
        elif fault.kind == "null":
            row.update(dict.fromkeys(fault.columns))
        elif fault.kind == "changed_row":
            row.update(fault.body)
        elif fault.kind == "absent":
            row.pop(fault.column, None)
        else:
            data[data.index(row)] = fault.body
    body = orjson.dumps(data)
    if fault.kind == "deep_row":
        deep = b"[" * fault.size + b"]" * fault.size
        return body.replace(b'"%s"' % _MARK.encode(), deep)
    return body.replace(_MARK.encode(), fault.text.encode("latin-1"))


def _with_body(response: Response, body: bytes) -> Response:
    response.body = body
    response.headers["content-length"] = str(len(body))
    return response
