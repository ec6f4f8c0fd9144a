"""When a read began, by clocks that agree, and which version of GitLab it is of."""

from __future__ import annotations

import logging
import re
import threading
import time
from typing import TYPE_CHECKING

from source_gitlab.gitlab.errors import Skipped
from source_gitlab.timestamps import at, epoch, in_words, seconds_ahead

if TYPE_CHECKING:
    from source_gitlab.gitlab.client import Client

# One answer may be wrong.
_MORE_ANSWERS = 2

LOGGER = logging.getLogger("source_gitlab")


class ReadStart:
    """The start of one read. Thread-safe."""

    def __init__(self, client: Client) -> None:
        """Ask nothing yet."""
        self._client = client
        self._lock = threading.Lock()
        self._began: float | None = None
        self._start: str | None = None
        self._are_compared = False
        self._version: tuple[int, int] | None = None

    def begin(self) -> None:
        """Note that the read begins now; it does with the first plan otherwise."""
        with self._lock:
            if self._began is None:
                self._began = time.time()

    def started(self) -> str:
        """When this read began, by the earliest of GitLab's clocks: one instant for all streams.

        It is put back when an answer tells of an earlier clock. No watermark may stand later.
        """
        with self._lock:
            if self._began is None:
                self._began = time.time()
            reached = at(self._client.clock.reached(self._began))
            if self._client.clock.is_silent:
                return reached
            if self._start is None or seconds_ahead(self._start, reached):
                self._start = reached
            return self._start

    def planned(self, known: str | None = None) -> str:
        """The same, from clocks that agree, which may take another answer or two.

        `known` is the latest instant up to which an earlier read came.
        """
        if known:
            self._client.clock.knew(epoch(known))
        with self._lock:
            if self._began is None:
                self._began = time.time()
            if not self._are_compared:
                self._are_compared = True
                self._compare_clocks()
        return self.started()

    def _compare_clocks(self) -> None:
        for _ in range(_MORE_ANSWERS):
            if not self._client.clock.is_sure:
                self._version = self._ask_version()
        behind = self._client.clock.behind()
        if behind:
            LOGGER.warning(
                "GitLab's clock is %s ahead of this machine's, so one of them is wrong. Until they"
                " are set right, each read goes back so far, in case it is GitLab's.",
                in_words(behind),
            )

    def version(self) -> tuple[int, int]:
        """GitLab's version, major and minor; (0, 0) when it does not tell."""
        with self._lock:
            if self._version is None:
                self._version = self._ask_version()
            return self._version

    def _ask_version(self) -> tuple[int, int]:
        try:
            text = str(self._client.one("version").get("version", ""))
        except Skipped:
            text = ""
        found = re.match(r"(\d+)\.(\d+)", text)
        return (int(found[1]), int(found[2])) if found else (0, 0)
