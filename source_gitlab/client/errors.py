"""What can go wrong with a request, sorted by what has to be done about it.

GitlabError
├── Skipped          this list cannot be read by this token, or is gone: report it and go on
├── ReadError        it failed after its retries: the stream is incomplete, its state stays
└── FatalError       nothing else will work either: stop the sync
    └── Unauthorized the token was refused
"""

from __future__ import annotations


class GitlabError(Exception):
    """A request that did not give what was asked; `str(error)` is a sentence for people."""

    def __init__(self, message: str, *, url: str = "", status: int | None = None) -> None:
        """Keep the URL (without query) and the HTTP status beside the sentence."""
        super().__init__(message)
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


class ReadError(GitlabError):
    """The request failed for good: server errors, time-outs, a body that is not the JSON asked."""


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
