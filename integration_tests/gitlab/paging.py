"""The ways in which GitLab cuts a list into pages, with their headers and limits."""

from __future__ import annotations

import base64
import binascii
from random import Random
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import urlencode, urlsplit, urlunsplit

import orjson
from starlette.responses import Response

from integration_tests.gitlab.errors import ApiError, invalid, method_not_allowed
from integration_tests.gitlab.rows import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from integration_tests.gitlab.call import Call

PER_PAGE = 20
PER_PAGE_NAME, CURSOR_NAME = "per_page", "cursor"

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Defaults = dict[str, str]


class Sliceable(Protocol[T_co]):
    """A list that pages can be cut from."""

    def __len__(self) -> int:
        """How many rows there are."""
        ...

    def __getitem__(self, part: slice, /) -> Sequence[T_co]:
        """A page."""
        ...


def page_size(call: Call) -> int:
    """``per_page``: 20 unless said, silently cut at the most; 400 below 1."""
    size = call.query.number("per_page", PER_PAGE)
    if size < 1:
        raise invalid(PER_PAGE_NAME, "has a value not allowed")
    return min(size, call.settings.most_per_page)


def link_base(call: Call) -> str:
    """The address that links start with: the request's own, or the configured host's."""
    url = urlsplit(str(call.request.url))
    scheme, host = url.scheme, url.netloc
    if call.settings.link_url:
        other = urlsplit(call.settings.link_url)
        scheme, host = other.scheme, other.netloc
    path = str(call.request.scope["emulator.path"])
    return urlunsplit((scheme, host, path, "", ""))


def link(call: Call, changes: dict[str, str], rel: str, defaults: Defaults) -> str:
    """One entry of the Link header. Links repeat the defaults of the endpoint, sorted by name."""
    names = {name: value for name, value in call.request.path_params.items() if name == "id"}
    single = {**names, **defaults, **call.query.single, **changes}
    several = [(name, value) for name, value in call.query.pairs if name.endswith("[]")]
    secret = {"private_token", "access_token", "job_token"}
    pairs = [
        (name, value)
        for name, value in single.items()
        if not name.endswith("[]") and name not in secret
    ]
    return f'<{link_base(call)}?{urlencode(sorted(pairs + several))}>; rel="{rel}"'


def join(bodies: list[bytes]) -> bytes:
    """A JSON list of rows that are serialised already."""
    return b"[" + b",".join(bodies) + b"]"


def respond(bodies: list[bytes], headers: dict[str, str]) -> Response:
    """A page."""
    return Response(join(bodies), 200, headers, media_type="application/json")


def respond_one(body: bytes) -> Response:
    """A single object."""
    return Response(body, media_type="application/json")


def readable(rows: Sequence[T]) -> list[T]:
    """The rows of a page without those that GitLab drops after cutting it: a short page."""
    return [row for row in rows if not isinstance(row, Row) or row.readable]


def offset(  # noqa: PLR0913 - each says how one list differs from the others
    call: Call,
    rows: Sliceable[T],
    show: Callable[[T], bytes],
    *,
    defaults: Defaults | None = None,
    totals: bool = True,
    limited: str | None = None,
    by_fullness: bool = False,
    first_claims_more: bool = False,
    most: int = 0,
) -> Response:
    """Answer with one page by number.

    Args:
        call: The request.
        rows: The whole list.
        show: How to serialise one row.
        defaults: Parameters that links repeat though nobody sent them.
        totals: Whether this list ever has x-total.
        limited: The type that a 405 names when the page lies beyond the offset limit.
        by_fullness: Whether a next page is claimed because this one is full.
        first_claims_more: Whether the first page claims a next one in any case.
        most: Rows that are counted; nothing leads to the pages behind them.
    """
    size = page_size(call)
    number = max(call.query.number("page", 1), 1)
    limit = call.settings.offset_limit
    if limited in call.settings.offset_limited and limit and number * size > limit:
        error = (
            f"Offset pagination has a maximum allowed offset of {limit} for requests that return "
            f"objects of type {limited}. Remaining records can be retrieved using keyset "
            f"pagination."
        )
        raise method_not_allowed(error)
    start = (number - 1) * size
    count = min(len(rows), most or len(rows))
    page = rows[start : min(start + size, count) if call.settings.counted_only else start + size]
    more = len(page) == size if by_fullness else start + size < count
    more = more or (first_claims_more and number == 1)
    headers = {
        "x-next-page": str(number + 1) if more else "",
        "x-page": str(number),
        "x-per-page": str(size),
        "x-prev-page": str(number - 1) if number > 1 else "",
    }
    told = {"per_page": str(size), **(defaults or {})}
    links = []
    if number > 1:
        links.append(link(call, {"page": str(number - 1), "per_page": str(size)}, "prev", told))
    if more:
        links.append(link(call, {"page": str(number + 1), "per_page": str(size)}, "next", told))
    links.append(link(call, {"page": "1", "per_page": str(size)}, "first", told))
    if totals and count <= call.settings.count_limit:
        pages = -(-count // size)
        headers |= {"x-total": str(count), "x-total-pages": str(pages)}
        last = str(max(pages, 1))
        links.append(link(call, {"page": last, "per_page": str(size)}, "last", told))
    headers["link"] = ", ".join(links)
    return respond([show(row) for row in readable(page)], headers)


def keyset_unavailable() -> ApiError:
    """405 for a list, or an order, that keyset paging does not know."""
    return method_not_allowed("Keyset pagination is not yet available for this type of request")


def keyset_by_id(
    call: Call,
    rows: Sequence[Row],
    show: Callable[[Row], bytes],
    *,
    descending: bool,
    defaults: Defaults,
) -> Response:
    """A page by ``id_after`` or ``id_before``; the last link leads to an empty page.

    ``rows`` must be in order and start behind the bound that the request gave.
    """
    page = rows[: page_size(call)]
    headers = {}
    if page:
        bound = "id_before" if descending else "id_after"
        headers["link"] = link(call, {bound: str(page[-1].id)}, "next", defaults)
    return respond([show(row) for row in readable(page)], headers)


def encode_cursor(row: Row) -> str:
    """A cursor as GitLab writes it: the order columns of the last row, in URL-safe base64."""
    return base64.urlsafe_b64encode(orjson.dumps({"id": str(row.id), "_kd": "n"})).decode()


def decode_cursor(text: str) -> int:
    """The id in a cursor; raises 400 for what is none."""
    try:
        return int(orjson.loads(base64.urlsafe_b64decode(text))["id"])
    except (binascii.Error, KeyError, TypeError, ValueError) as error:
        raise invalid(CURSOR_NAME) from error


def keyset_by_cursor(
    call: Call,
    rows: Sequence[Row],
    show: Callable[[Row], bytes],
    *,
    defaults: Defaults,
) -> Response:
    """A page by ``cursor``; ``rows`` start behind it. No page numbers, no totals."""
    size = page_size(call)
    page = rows[:size]
    headers = {}
    if len(rows) > size:
        cursor = encode_cursor(page[-1])
        headers = {
            "link": link(call, {"cursor": cursor}, "next", defaults),
            "x-next-cursor": cursor,
        }
    return respond([show(row) for row in readable(page)], headers)


def keyset_by_name(
    call: Call,
    names: list[str],
    show: Callable[[str], bytes],
    *,
    defaults: Defaults,
) -> Response:
    """A page of refs by ``page_token``, the last name of the page before.

    The link is there exactly when the page is full, so the last page may be empty. A token that
    names no ref is 422.
    """
    size = page_size(call)
    token = call.query.text("page_token")
    start = 0
    if token:
        if token not in names:
            raise ApiError(422, {"message": "422 Unprocessable Entity - Invalid page token"})
        start = names.index(token) + 1
    page = names[start : start + size]
    headers = {}
    if len(page) == size:
        headers["link"] = link(call, {"page_token": page[-1]}, "next", defaults)
    return respond([show(name) for name in page], headers)


class TiesAtRandom:
    """A list by updated_at without a tie-breaker.

    Rows with the same time come in another order for each page that is cut, as they may from
    Postgres: whoever walks over them by page number meets some twice and others never.
    """

    def __init__(self, rows: Sliceable[Row]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, part: slice) -> list[Row]:
        start, stop, _step = part.indices(len(self))
        if start >= stop:
            return []
        low, high = self._run(start, -1), self._run(stop - 1, 1) + 1
        shuffled: list[Row] = []
        ties: list[Row] = []
        for row in self._rows[low:high]:
            if ties and ties[-1].updated != row.updated:
                shuffled += self._shuffle(ties, start)
                ties = []
            ties.append(row)
        shuffled += self._shuffle(ties, start)
        return shuffled[start - low : stop - low]

    def _run(self, index: int, step: int) -> int:
        """The end of the run of equal times around an index, in the direction of ``step``."""
        while 0 <= index + step < len(self):
            beyond = index + step
            here, there = self._rows[index : index + 1], self._rows[beyond : beyond + 1]
            if here[0].updated != there[0].updated:
                break
            index += step
        return index

    @staticmethod
    def _shuffle(ties: list[Row], start: int) -> list[Row]:
        if len(ties) > 1:
            Random(f"{ties[0].id}:{start}").shuffle(ties)
        return ties
