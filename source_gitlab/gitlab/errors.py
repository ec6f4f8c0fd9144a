"""What can go wrong with a request, sorted by what has to be done about it.

GitlabError
├── Skipped           this list cannot be read by this token, or is gone: report it and go on
│   └── NoSuchList    this version of GitLab does not have it
├── ReadError         it failed after its retries: the stream is incomplete, its state stays
│   ├── ServerError   GitLab failed, or the way to it: asking for less may do
│   │   └── TooComplex a query of GraphQL asks for more than GitLab allows at once
│   ├── Intercepted   something else refused in GitLab's place: no verdict on anything
│   └── Malformed     the answer is not what GitLab documents
│       └── Garbled   a list that cannot be decoded: parts of it may be
└── FatalError        nothing else will work either: stop the sync
    ├── Unauthorized  the token was refused
    ├── UserRefused   the token's user was refused, whatever is asked
    ├── Unavailable   no request is answered any more
    └── Stopped       the sync was ended from outside
        ├── Cancelled         the caller gave this one call up
        ├── DeadlineExceeded  it was not answered before the deadline of this one call
        └── RequestsSpent     it was not answered with the requests that this one call may make
"""

from __future__ import annotations

from source_gitlab.redaction import redact
from source_gitlab.terminal import printable


class GitlabError(Exception):
    """A request that did not give what was asked; `str(error)` is a sentence for people.

    It is one printable line, and no secret is in it, whatever GitLab or a proxy says.
    """

    def __init__(self, message: str, *, url: str = "", status: int | None = None) -> None:
        """Keep the URL (without query) and the HTTP status beside the sentence."""
        super().__init__(redact(printable(message)))
        self.url = url
        self.status = status


class Skipped(GitlabError):
    """GitLab refuses or no longer has this list (403, 404): skipped, reported, state unmoved.

    `reason` is one of "permission", "scope", "tier", "feature", "gone".
    """

    def __init__(self, message: str, *, reason: str, url: str = "", status: int = 404) -> None:
        """Keep the machine-readable reason beside the sentence."""
        super().__init__(message, url=url, status=status)
        self.reason = reason


class NoSuchList(Skipped):
    """404 for an address that this version of GitLab does not have."""


class ReadError(GitlabError):
    """The request failed for good: server errors, time-outs, a body that is not the JSON asked."""


class ServerError(ReadError):
    """GitLab failed for good, did not answer in time, or sent too much: less may be possible."""


class TooComplex(ServerError):
    """A query of GraphQL costs more points than GitLab allows: a smaller page costs less."""


class Intercepted(ReadError):
    """A refusal that GitLab did not write: a firewall, a proxy, a page that asks to sign in."""


class Malformed(ReadError):
    """The answer is no JSON, or not the JSON that GitLab documents."""


class Garbled(Malformed):
    """A list that begins as one and cannot be decoded: one row of it may be to blame."""


class Emptied(Malformed):
    """A list came without rows, and something else says that it has some.

    Something between GitLab and us may have made the answer.
    """


# What may be one row's doing: asking for less may bring all the others.
LESS_MAY_DO = (ServerError, Garbled)


class OffsetLimit(ReadError):
    """405: the list may not be paged this deep by page number (gitlab.com stops at 50,000 rows).

    https://docs.gitlab.com/api/rest/#offset-based-pagination
    """


class BadRequest(ReadError):
    """GitLab understood the address but not the query (400, 422)."""


class FatalError(GitlabError):
    """No other request can succeed either."""


class Unauthorized(FatalError):
    """401: the token is unknown, expired or revoked."""


class UserRefused(FatalError):
    """403: GitLab refuses the token's user (blocked, terms not accepted), whatever is asked."""


class Unavailable(FatalError):
    """GitLab cannot be reached, or answers no request: not this one, and not a simple one either.

    `reached` tells whether anything answered at its address in the same run; `problem` is what went
    wrong with the request that found it out, without what follows from it for all others, and
    `status` its HTTP status, if it had one.
    """

    def __init__(
        self,
        message: str,
        *,
        reached: bool,
        url: str = "",
        status: int | None = None,
        problem: str = "",
    ) -> None:
        """Keep whether the address has worked at all."""
        super().__init__(message, url=url, status=status)
        self.reached = reached
        self.problem = redact(printable(problem or message))


class Stopped(FatalError):
    """The sync was ended from outside while this request waited."""

    def __init__(self, message: str = "The sync was stopped.", *, url: str = "") -> None:
        """Say what was stopped."""
        super().__init__(message, url=url)


class Cancelled(Stopped):
    """The caller gave the call up; others go on."""

    def __init__(self) -> None:
        """There is only one thing to say."""
        super().__init__("The request was given up.")


class DeadlineExceeded(Stopped):
    """The deadline of this call is over; others go on."""

    def __init__(self, message: str = "GitLab did not answer in time.", *, url: str = "") -> None:
        """Name what was asked, where that is known."""
        super().__init__(message, url=url)


class RequestsSpent(Stopped):
    """The requests that this call may make are used up; others go on."""

    def __init__(self) -> None:
        """There is only one thing to say."""
        super().__init__("GitLab did not answer with the requests that were left.")
