"""What is asked of GitLab: a value, which says all that a request needs but its token."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from source_gitlab.gitlab.raw_rows import RawColumns


class Request(NamedTuple):
    """One request.

    `url` is the whole address without its query, `query` is encoded already. `family` names the
    endpoints that share its rate limit (`rate_limits.gate.family`). `body` is JSON, and no message
    shows it; `about` says in its place what is read. With `columns`, rows stay text, of which
    these are decoded.
    """

    url: str
    family: str
    query: str = ""
    method: str = "GET"
    body: bytes | None = None
    about: str = ""
    columns: RawColumns | None = None

    @property
    def address(self) -> str:
        """The address with its query."""
        return f"{self.url}?{self.query}" if self.query else self.url

    @property
    def shown(self) -> str:
        """The request for people, without its query, which may hold a secret."""
        if self.method == "GET":
            return self.url
        return f"{self.method} {self.url}" + (f" ({self.about})" if self.about else "")
