"""Which lists that take no time filter have to be read again, because something in them may differ.

What tells is a signal that costs little: the project's own `last_activity_at`, or one list that a
chosen group has of the same things in all its projects. No signal of GitLab's is complete (the
protection of a branch is no activity), so everything is read again after a day at the latest.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from source_gitlab.client.errors import FatalError, GitlabError
from source_gitlab.reading.instants import plus
from source_gitlab.reading.pages import read_pages
from source_gitlab.reading.state import Held

if TYPE_CHECKING:
    from source_gitlab.client.http import Client
    from source_gitlab.declarations import Again, Stream
    from source_gitlab.reading.ahead import Ahead
    from source_gitlab.reading.state import StreamState
    from source_gitlab.scopes import Group, Project

# GitLab writes last_activity_at once an hour at most (RESET_PROJECT_ACTIVITY_INTERVAL).
_ACTIVITY_LAG_HOURS = 1
_LONGEST_HOURS = 24
# What tells a row of any of these lists from the others: labels have an id, releases a tag.
_KEY = ("id", "tag_name", "tag_path")


class Signals:
    """Asks for signals, each at most once a read. Thread-safe."""

    def __init__(self, client: Client, ahead: Ahead, lookback_minutes: int) -> None:
        """Ask nothing yet."""
        self._client = client
        self._ahead = ahead
        self._lookback_minutes = lookback_minutes
        self._lock = threading.Lock()
        self._digests: dict[tuple[int, str], str | None] = {}

    def watch(
        self, stream: Stream, roots: tuple[Group, ...], state: StreamState, start: str
    ) -> None:
        """Note in `state` which chosen groups hold another list than at the last read."""
        if stream.again is None or stream.again.signal != "list":
            return
        for root in roots:
            held = self._digest(root, stream.again)
            if held is None:
                state.held.pop(root.id, None)
            elif root.id not in state.held:
                state.held[root.id] = Held(held, start)
            elif state.held[root.id].digest != held:
                # GitLab tells its time in whole seconds, so this read may have begun in the same
                # one as the read before; what that one brought must not pass for this one's.
                newest = max(state.projects.values(), default=start)
                changed = max(start, plus(newest, milliseconds=1))
                state.held[root.id] = replace(state.held[root.id], digest=held, changed=changed)

    def is_quiet(
        self,
        stream: Stream,
        through: str | None,
        start: str,
        *,
        project: Project | None = None,
        held: Held | None = None,
    ) -> bool:
        """Whether what was read up to `through` certainly is as it was, or is read again today.

        `held` is what is known of the group's list; None when there is none to go by.
        """
        if stream.again is None or through is None or plus(through, hours=_LONGEST_HOURS) <= start:
            return False
        if stream.again.signal == "list":
            return held is not None and through >= held.changed
        if stream.again.signal == "activity":
            active_at = project.last_activity_at if project else None
            since = plus(through, hours=-_ACTIVITY_LAG_HOURS, minutes=-self._lookback_minutes)
            return active_at is not None and active_at < since
        return True

    def _digest(self, root: Group, again: Again) -> str | None:
        """A digest of the group's list, whatever its order; None when it cannot be read."""
        with self._lock:
            asked = (root.id, again.path)
            if asked not in self._digests:
                path = f"groups/{root.id}/{again.path}"
                try:
                    pages = read_pages(self._client, self._ahead, path, dict(again.query), _KEY)
                    self._digests[asked] = _digest_of([row for rows in pages for row in rows])
                except FatalError:
                    raise
                except GitlabError:
                    # Without this signal every list is asked itself, and says what is wrong.
                    self._digests[asked] = None
            return self._digests[asked]


def _digest_of(rows: list[dict[str, object]]) -> str:
    texts = sorted(orjson.dumps(row, option=orjson.OPT_SORT_KEYS) for row in rows)
    return hashlib.blake2b(b"\n".join(texts), digest_size=8).hexdigest()
