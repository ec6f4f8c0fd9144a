"""Every request of the process as a line of the log, for whoever asks for it; never a secret.

A line has the address, the status and how long it took: `GET https://…/issues?page=2 200 134 ms`.
What a request waited for our limits or GitLab's before it was sent stands behind that.
"""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from source_gitlab.redaction import MASK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOGGER: Final = logging.getLogger("source_gitlab")
_SECRET: Final = re.compile(
    r"(?<![^&])([^=&]*(?:token|secret|password|signature|key)[^=&]*)=[^&]*", re.IGNORECASE
)
_SHORTEST_WAIT: Final = 0.001  # seconds


class Timed:
    """One try of a request; `status` is that of the answer, 0 while there is none."""

    def __init__(self) -> None:
        """Not answered yet."""
        self.status = 0


@contextmanager
def timed(shown: str, query: str, now: Callable[[], float], waited: float = 0.0) -> Iterator[Timed]:
    """Write the line of one try, which is made in the block.

    `shown` is the request without its `query`, `now` a clock and `waited` how long it was held
    back, both in seconds.
    """
    tried = Timed()
    if not LOGGER.isEnabledFor(logging.DEBUG):
        yield tried
        return
    began, ended = now(), "no answer"
    try:
        yield tried
        ended = str(tried.status)
    except BaseException as error:
        ended = type(error).__name__
        raise
    finally:
        held = f", waited {_milliseconds(waited)}" if waited >= _SHORTEST_WAIT else ""
        took = _milliseconds(now() - began)
        LOGGER.debug("%s %s %s%s", address(shown, query), ended, took, held)


def again(shown: str, seconds: float) -> None:
    """Write that a request failed and is tried again in so many seconds."""
    LOGGER.debug("%s is tried again in %s", shown, _milliseconds(seconds))


def address(shown: str, query: str) -> str:
    """A request with its query, in which no value of a parameter stands that may be secret."""
    method = "" if shown.startswith("POST ") else "GET "
    masked = _SECRET.sub(rf"\1={MASK}", query)
    return f"{method}{shown}" + (f"?{masked}" if masked else "")


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"
