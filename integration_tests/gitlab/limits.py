"""Rate limits: the instance's per-token throttle, and the application's limits by endpoint.

The throttle answers 429 in plain text with headers; the application's limiter answers JSON with no
header of its own while the throttle's headers still show quota.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import Response

from integration_tests.gitlab.clock import MINUTE, SECOND, http_date
from integration_tests.gitlab.errors import json_response

if TYPE_CHECKING:
    from integration_tests.gitlab.clock import Clock
    from integration_tests.gitlab.settings import Settings

TOO_MANY = "This endpoint has been requested too many times. Try again later."
THROTTLE = "throttle_authenticated_api"


@dataclass
class Quota:
    """Where a token stands in the present minute."""

    limit: int
    observed: int
    reset: int
    """Microseconds since 1970 at which the count starts again."""

    @property
    def exceeded(self) -> bool:
        """Whether this request is one too many."""
        return self.observed > self.limit

    def headers(self) -> dict[str, str]:
        """The headers that gitlab.com puts on every answer."""
        return {
            "ratelimit-limit": str(self.limit),
            "ratelimit-name": THROTTLE,
            "ratelimit-observed": str(self.observed),
            "ratelimit-remaining": str(max(self.limit - self.observed, 0)),
            "ratelimit-reset": str(self.reset // SECOND),
            "ratelimit-resettime": http_date(self.reset),
        }


class Limiter:
    """Counts requests in windows of fixed length, by the server's clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._windows: dict[tuple[str, str], tuple[int, int]] = {}

    def reset(self) -> None:
        """Start every count again."""
        self._windows.clear()

    def _count(self, what: str, who: str, length: int) -> tuple[int, int]:
        """How many there were in this window, this one included, and the window's end."""
        now = self._clock.now()
        end, seen = self._windows.get((what, who), (0, 0))
        if now >= end or end - now > length:
            end, seen = now - now % length + length, 0
        self._windows[what, who] = (end, seen + 1)
        return seen + 1, end

    def throttle(self, settings: Settings, who: str) -> Quota | None:
        """Count a request against the token's limit; None when there is no limit."""
        if not settings.rate_limit:
            return None
        window = settings.rate_window * SECOND
        observed, end = self._count(THROTTLE, who, window)
        return Quota(settings.rate_limit * window // MINUTE, observed, end)

    def family_exceeded(self, settings: Settings, endpoint: str, who: str) -> bool:
        """Count a request against the limit of its endpoint; true when it is one too many."""
        found = settings.family_limits.get(endpoint)
        if found is None:
            return False
        limit, seconds = found
        return self._count(endpoint, who, seconds * SECOND)[0] > limit


def throttled(headers: dict[str, str], retry_after: int | None) -> Response:
    """429 of the throttle: plain text, and Retry-After unless it is withheld."""
    if retry_after is not None:
        headers = {**headers, "retry-after": str(retry_after)}
    return Response("Retry later\n", 429, headers, media_type="text/plain")


def too_many(headers: dict[str, str]) -> Response:
    """429 of the application's limiter: JSON, no Retry-After."""
    return json_response({"message": {"error": TOO_MANY}}, 429, headers)
