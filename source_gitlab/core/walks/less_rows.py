"""Lists that answer 200 with a part of their rows to those whose role is too low."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_gitlab.core.slices import Place
from source_gitlab.gitlab.errors import Skipped
from source_gitlab.gitlab.pagination import Missed
from source_gitlab.streams.vocabulary import ADMIN, LEVELS

if TYPE_CHECKING:
    from source_gitlab.core.walks.reading import Reading


def note_less(reading: Reading) -> None:
    """Note that rows are missing where the token's user has less than the declared role.

    The state does not move then, so that the rows come once the role is raised. Of the tokens of
    CI jobs, and without one, GitLab does not tell whose they are: nothing is noted.

    Raises:
        GitlabError: as `gitlab.errors` sorts it.
    """
    stream, slice_ = reading.stream, reading.slice_
    user = reading.shared.user() if stream.less_below else None
    if user is None or user.endswith("+"):
        return
    where = Place(slice_["container"], slice_["id"] or None)
    place = "this GitLab"
    if stream.less_below != ADMIN:
        place = reading.shared.report.called(where)
        if _level(reading, user) >= LEVELS[str(stream.less_below)]:
            return
    message = (
        f"{reading.url} shows only a part of its rows to this token, without a word. It takes"
        f" at least the role {str(stream.less_below).capitalize()} in {place}."
    )
    reading.lists.note(Missed(message, reading.url, reason="permission"))


def _level(reading: Reading, user: str) -> int:
    """The access level of a user in the slice's group or project; 0 without a membership."""
    slice_ = reading.slice_
    path = f"{slice_['container']}s/{slice_['id']}/members/all/{user}"
    try:
        level: Any = reading.lists.one(path).get("access_level")
    except Skipped:
        return 0
    return level if isinstance(level, int) else 0
