"""The server: tokens, pages and their headers, and what tests let happen before a request.

Pages are those of lib/gitlab/pagination: by number with totals up to a count, by number without
them above it, and by the last row for projects.
"""

from __future__ import annotations

import json
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from integration_tests.second_gitlab.lists import Listed, Lists, Refused
from integration_tests.second_gitlab.rows import Rows
from integration_tests.second_gitlab.world import SECOND, World

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

TOKEN = "glpat-second-implementation-1"
MOST_PER_PAGE = 100
PREFIX = "/api/v4/"

Answer = tuple[int, dict[str, str], Any]


class SecondGitlab:
    """One instance on the loopback address, for the length of a `with` block.

    `count_limit` is how many rows a list may have and still be told with totals, 10,000 on GitLab.
    """

    def __init__(self, *, count_limit: int = 10_000) -> None:
        """Make an empty world, with one user, whose token is TOKEN."""
        self.world = World()
        self.world.user(1, "reader")
        self.tokens = {TOKEN: 1}
        self.count_limit = count_limit
        self.asked: list[str] = []
        self.unknown: list[str] = []
        self._ahead_of: list[tuple[str, Callable[[], object]]] = []
        self._lock = threading.RLock()
        gitlab = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                gitlab.handle(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.rows = Rows(self.world, self.url)
        # Looked for often, so that a test ends at once.
        serve = {"poll_interval": 0.01}
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs=serve)

    def __enter__(self) -> Self:
        """Answer from now on."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.world.close()

    def before(self, part: str, happen: Callable[[], object]) -> None:
        """Let something happen, once, ahead of the next request whose address has `part` in it.

        What is set for the same requests happens one after the other, one before each.
        """
        self._ahead_of.append((part, happen))

    def catch_up(self) -> None:
        """Let everything happen that waits for a request."""
        with self._lock:
            while self._ahead_of:
                self._ahead_of.pop(0)[1]()

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        address = handler.path.removeprefix(PREFIX)
        with self._lock:
            self.asked.append(address)
            due = next((one for one in self._ahead_of if one[0] in address), None)
            if due is not None:
                self._ahead_of.remove(due)
                due[1]()
            status, headers, body = self._answer(address, handler.headers.get("Authorization", ""))
            date = formatdate(self.world.now // SECOND, usegmt=True)
        data = json.dumps(body).encode()
        handler.send_response_only(status)
        sent = {
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
            "Date": date,
            "X-Request-Id": f"{len(self.asked):08x}",
            **headers,
        }
        for name, value in sent.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)

    def _answer(self, address: str, authorization: str) -> Answer:
        path, _, text = address.partition("?")
        query = dict(parse_qsl(text, keep_blank_values=True))
        token = authorization.removeprefix("Bearer ")
        if token and token not in self.tokens:
            return 401, {}, {"message": "401 Unauthorized"}
        lists = Lists(self.world, self.rows, self.tokens.get(token), query)
        try:
            found = lists.answer(path)
        except Refused as refused:
            if refused.message == "404 Not Found":
                self.unknown.append(address)
                return 404, {}, {"error": refused.message}
            return refused.status, {}, {"message": refused.message}
        if not isinstance(found, Listed):
            return 200, {}, found
        given = path.split("/")[1] if "/" in path else None
        here = {**query, "id": given} if given else query
        size = min(max(int(query.get("per_page") or 20), 1), MOST_PER_PAGE)
        link = f"{self.url}{PREFIX}{path}"
        if found.keyset and query.get("pagination") == "keyset":
            return self._by_key(lists, found, size, here, link)
        return self._by_number(lists, found, size, here, link)

    def _by_number(
        self, lists: Lists, found: Listed, size: int, query: dict[str, str], link: str
    ) -> Answer:
        number = max(int(query.get("page") or 1), 1)
        count = lists.find(f"select count(*) as count from ({found.select})", found.values)
        total = int(count[0]["count"])
        # One row more tells whether there is another page.
        rows = lists.find(
            found.select,
            found.values,
            f"order by {found.order} limit {size + 1} offset {(number - 1) * size}",
        )
        following = number + 1 if len(rows) > size else None
        previous = number - 1 if number > 1 else None
        counted = total <= self.count_limit
        last = max(-(-total // size), 1)
        pages: list[tuple[str, int | None]] = [("prev", previous), ("next", following)]
        pages += [("first", 1), ("last", last if counted else None)]
        headers = {
            "X-Per-Page": str(size),
            "X-Page": str(number),
            "X-Next-Page": str(following or ""),
            "X-Prev-Page": str(previous or ""),
            "Link": ", ".join(
                f'<{link}?{_sorted(query, page=page, per_page=size)}>; rel="{name}"'
                for name, page in pages
                if page
            ),
        }
        if counted:
            headers |= {"X-Total": str(total), "X-Total-Pages": str(last)}
        return 200, headers, [found.show(row) for row in rows[:size]]

    def _by_key(
        self, lists: Lists, found: Listed, size: int, query: dict[str, str], link: str
    ) -> Answer:
        if query.get("order_by", "id") != "id":
            return (
                405,
                {},
                {"error": "Keyset pagination is not yet available for this type of request"},
            )
        way = "asc" if query.get("sort") == "asc" else "desc"
        order = f"order by projects.id {way} limit {size}"
        rows = lists.find(found.select, found.values, order)
        headers = {}
        # Each page that has rows names a next one, the last one too (keyset/pager.rb).
        if rows:
            bound = "id_after" if way == "asc" else "id_before"
            following = _sorted(query, **{bound: rows[-1]["id"]})
            headers["Link"] = f'<{link}?{following}>; rel="next"'
        return 200, headers, [found.show(row) for row in rows]


def _sorted(query: dict[str, str], **more: object) -> str:
    """A query as Rails writes it: by name, with the `:id` of the address among its parameters."""
    return urlencode(
        sorted({**query, **{name: str(value) for name, value in more.items()}}.items())
    )
