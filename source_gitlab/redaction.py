"""Secrets, kept out of everything that people read.

Two nets: the texts that are known to be secret in this process, and the forms of GitLab's tokens,
which also catch the ones that nobody told us of
(https://docs.gitlab.com/security/tokens/#token-prefixes).
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any, Final

from source_gitlab.terminal import printable, printable_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

MASK: Final = "[secret]"
_OURS: Final = "source_gitlab"
# Shorter texts than this are no secrets worth hiding; blotting them out would garble words.
_TELLING_LENGTH: Final = 6
_TOKEN: Final = re.compile(
    r"\bgl(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|ffct|wt)-[\w.-]{6,}"
    r"|(?<=\bBearer )[!-~]{6,}"
)


class _Known:
    """The secret texts of this process. They are only ever added."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None

    def add(self, texts: Iterable[str]) -> None:
        new = {text for text in texts if len(text) >= _TELLING_LENGTH} - self._texts
        if not new:
            return
        with self._lock:
            self._texts |= new
            # The longest first, so that a secret inside another one leaves no remainder.
            ordered = sorted(self._texts, key=lambda text: (-len(text), text))
            self._pattern = re.compile("|".join(map(re.escape, ordered)))

    def hide(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._pattern else text


_known = _Known()


def keep_secret(*texts: str) -> None:
    """Let `redact` hide these texts from now on; short and empty ones are left out."""
    _known.add(texts)


def redact(text: str) -> str:
    """The text without any secret that is known or looks like one of GitLab's tokens."""
    return _TOKEN.sub(MASK, _known.hide(text))


def install() -> None:
    """Redact every log record and every traceback of this process.

    For programs, not for libraries: it changes logging for everybody in the process. The record
    factory is the one place that each record passes, whatever logger and handler it goes through.
    """
    make = logging.getLogRecordFactory()
    if isinstance(make, _Redacting):
        return
    logging.setLogRecordFactory(_Redacting(make))
    sys.excepthook = _excepthook
    threading.excepthook = _thread_excepthook


class _Redacting:
    """Makes log records that hold no secret, and nothing that a terminal would obey."""

    def __init__(self, make: Callable[..., logging.LogRecord]) -> None:
        self._make = make

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._make(*args, **kwargs)
        # Others' messages may have several lines; ours quote what GitLab's users type.
        clean = printable if record.name == _OURS else printable_lines
        record.msg, record.args = redact(clean(record.getMessage())), ()
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = redact("".join(traceback.format_exception(*record.exc_info)).rstrip())
        return record


def _thread_excepthook(given: threading.ExceptHookArgs) -> None:
    _excepthook(given.exc_type, given.exc_value, given.exc_traceback)


def _excepthook(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace))))
