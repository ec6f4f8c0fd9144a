"""Whether the rows of a group's list lie in that group, by what GitLab's own rows say.

A proxy or a cache may answer with the list of another group. Its rows would pass for those of the
group, whose own ones would pass for gone, or for old.

In lists of projects with `with_shared=false`, of descendant groups, of issues, of merge requests
and of epics without those of ancestors, every row lies in the group or below it (app/finders/
group_projects_finder.rb, app/finders/issuable_finder/params.rb), and tells its full path. GitLab
changes the paths of all that is below a group in the transaction that renames it
(app/models/route.rb), so no row tells an old one after its group has the new one.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from source_gitlab.core.name_advice import by_name
from source_gitlab.gitlab.errors import Malformed
from source_gitlab.streams import root_of

if TYPE_CHECKING:
    from source_gitlab.core.slices import Row, Slice
    from source_gitlab.gitlab.client import Client
    from source_gitlab.gitlab.lists import Sound
    from source_gitlab.gitlab.pagination import Answer
    from source_gitlab.streams import Stream

# What stands behind the path of a group in that of what is in it, and in references.
_BEHIND = tuple("/#!&")


def tell_paths(stream: Stream) -> bool:
    """Whether the rows of a stream's lists tell the full path of where they lie."""
    return "references" in root_of(stream).columns


class GroupPlaces:
    """Knows where groups are. Thread-safe."""

    def __init__(self, client: Client) -> None:
        """Ask nothing yet."""
        self._client = client
        self._lock = threading.Lock()
        self._moved: dict[int, str] = {}

    def sound(self, number: int, path: str) -> Sound:
        """What raises `Malformed` for a page of other groups, for `Lists`.

        `path` is where the group `number` was when it was asked for.
        """
        return partial(self.checked, number, path)

    def of_slice(self, stream: Stream, slice_: Slice) -> Sound | None:
        """The same for the list of a slice; None where its rows do not tell where they lie."""
        path = slice_.get("path")
        if slice_["container"] != "group" or path is None or not tell_paths(stream):
            return None
        return self.sound(slice_["id"], path)

    def checked(self, number: int, path: str, url: str, answer: Answer) -> Answer:
        """The page of a group's list at `url`, if its first row lies in the group.

        A group that may have been renamed meanwhile is asked for. One page is of one list, so that
        one row tells of all.

        Raises:
            Malformed: the row lies in another group.
            GitlabError: it does not lie where the group was, and the group could not be asked for.
        """
        told = _told(answer.data[0]) if answer.data else None
        if told is None or _lies_in(answer.data[0], told, number, self._moved.get(number, path)):
            return answer
        now = str(self._client.one(f"groups/{number}", by_name("groups"))["full_path"])
        with self._lock:
            self._moved[number] = now
        if _lies_in(answer.data[0], told, number, now):
            return answer
        message = (
            f"{url} answered with rows of another group ({told}) where those of the group {now}"
            " were asked for. A proxy or a cache in front of GitLab may mix up answers."
        )
        raise Malformed(message, url=url)


def _told(row: Row) -> str | None:
    """The full path of a project or group, or the full reference of what lies in one."""
    references = row.get("references")
    told = row.get("path_with_namespace") or row.get("full_path")
    if told is None and isinstance(references, dict):
        told = references.get("full")
    return told if isinstance(told, str) else None


def _lies_in(row: Row, told: str, number: int, path: str) -> bool:
    """Whether a row, which tells that path or reference, lies in the group of this path.

    GitLab's paths know no letter case. Another group may have taken the path of one that was
    renamed, which projects right in it tell.
    """
    start, rest = told[: len(path)].lower(), told[len(path) :]
    if start != path.lower() or (rest and not rest.startswith(_BEHIND)):
        return False
    namespace = row.get("namespace")
    if not isinstance(namespace, dict) or type(namespace.get("id")) is not int:
        return True
    is_own = str(namespace.get("full_path", "")).lower() == path.lower()
    return not is_own or namespace["id"] == number
