"""The state that a tap is given and writes: one bookmark a stream, and what was there before.

::

    {"bookmarks": {"issues": {"state": [{"version": 1, …}]}}}

Ours stands in a list, because programs that keep states merge them: of objects they keep names that
a newer state lacks (Meltano does after `--full-refresh`), which would say more than was read. A
list takes the place of the former one as a whole.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import orjson

from source_gitlab.core.state import StateError, StreamState
from source_gitlab.core.state.singer_import import BOOKMARKS, instants, is_flat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from source_gitlab.interfaces.singer.catalog import Choice

Json = dict[str, Any]

LOGGER = logging.getLogger("source_gitlab.singer")

_OURS: Final = "state"
_WRAPPERS: Final = ("value", "singer_state")  # of a STATE message, and of `meltano state get`
_KNOWN: Final = frozenset({BOOKMARKS, "currently_syncing"})


class States:
    """The states of all streams; not thread-safe.

    Bookmarks of streams that are not read stay as they came, those of other taps too, because a
    later run may read them.
    """

    def __init__(self, raw: object = None) -> None:
        """Take the JSON of a state file; None, or an empty object, is no state.

        Raises:
            StateError: it is no state of a tap for GitLab.
        """
        raw = _unwrapped({} if raw is None else raw)
        strangers = [one for one in raw if one not in _KNOWN and not is_flat(one)]
        if strangers:
            message = f"it has no bookmarks, only {', '.join(strangers[:5])}"
            raise StateError(message)
        found = raw.get(BOOKMARKS)
        bookmarks = {} if found is None else found
        if not isinstance(bookmarks, dict):
            message = "its bookmarks are no object"
            raise StateError(message)
        self._raw: Json = {name: one for name, one in raw.items() if name != "currently_syncing"}
        self._bookmarks: Json = dict(bookmarks)

    def load(
        self, chosen: Iterable[Choice], number_of: Callable[[str, str], int | None]
    ) -> dict[str, StreamState]:
        """The states of these streams, by name.

        `number_of("project", name)` is the id of a chosen project or group that is named so.

        Raises:
            StateError: one of them was not written by this tap.
        """
        return {one.stream.name: self._state_of(one, number_of) for one in chosen}

    def _state_of(self, choice: Choice, number_of: Callable[[str, str], int | None]) -> StreamState:
        name = choice.stream.name
        if choice.is_full:
            return StreamState()
        bookmark = self._bookmarks.get(name)
        if isinstance(bookmark, dict) and _OURS in bookmark:
            try:
                (ours,) = bookmark[_OURS]
                return StreamState.load(ours, choice.stream)
            except (TypeError, ValueError) as error:
                why = error if isinstance(error, StateError) else "it is not one state in a list"
                message = f"the bookmark of {name} cannot be understood: {why}"
                raise StateError(message) from error
        state = StreamState()
        state.projects = instants(self._raw, name, number_of)
        if state.projects:
            LOGGER.info(
                "%s: going on from the state of another tap in %s projects or groups; the others"
                " are read in full.",
                name,
                len(state.projects),
            )
        elif bookmark:
            LOGGER.warning(
                "%s: the bookmark of another tap does not tell which projects it covers, so the"
                " stream is read in full.",
                name,
            )
        return state

    def keep(self, name: str, state: Mapping[str, Any]) -> None:
        """Take the state of a stream, behind the records that it covers."""
        self._bookmarks[name] = {_OURS: [orjson.Fragment(orjson.dumps(state))]}

    def to_json(self) -> Json:
        """The whole state, for orjson to write."""
        return {**self._raw, BOOKMARKS: self._bookmarks}


def _unwrapped(raw: object) -> Json:
    """A state without what programs put around it."""
    if isinstance(raw, dict) and not _KNOWN & raw.keys():
        for wrapper in _WRAPPERS:
            if isinstance(raw.get(wrapper), dict):
                return dict(raw[wrapper])
    if not isinstance(raw, dict):
        message = "it is no object"
        raise StateError(message)
    return raw
