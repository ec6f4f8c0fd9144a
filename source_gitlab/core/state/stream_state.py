"""The state of one stream, as it is planned from and moved along."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from source_gitlab.core.state import id_sets
from source_gitlab.core.state.branch_heads import BranchHeads
from source_gitlab.core.state.highest_ids import HighestIds
from source_gitlab.core.state.json_form import read_into, without_nulls, written
from source_gitlab.core.state.members import GroupState, MemberAccess, ProjectsListed
from source_gitlab.core.state.owed_parents import OwedParents
from source_gitlab.core.walks.distinct_rows import DistinctRows
from source_gitlab.timestamps import plus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.core.slices import Page, Slice
    from source_gitlab.core.state.origin import Origin
    from source_gitlab.core.walks.row_counts import Counts
    from source_gitlab.gitlab.pagination import Missed
    from source_gitlab.streams import Stream

# Slices under way and slices that failed each stand at an instant of their own; beyond this many,
# neighbours fall back to the earlier of their two instants.
_MOST_INSTANTS = 64
# Some forty bytes each.
_MOST_WINDOWS = 200


class StreamState:
    """The state of one stream. Thread-safe: slices of the stream are read by several threads."""

    def __init__(self) -> None:
        """Nothing has been read."""
        self.projects: dict[int, str] = {}
        self.groups: dict[int, GroupState] = {}
        self.instance: str | None = None
        self.heads = BranchHeads()
        self.highest_ids = HighestIds()
        self.counts: dict[str, Counts] = {}
        # What is being read: members of a group that come into it, and what they bring with them.
        self.entering: dict[int, set[int]] = {}
        self._joining: dict[str, list[int]] = {}
        self.positions: dict[str, dict[str, Any]] = {}
        self.projects_listed: dict[int, ProjectsListed] = {}
        self.owed = OwedParents()
        self.recent: dict[str, str] = {}
        self.partial: set[int] = set()
        self.origin: Origin | None = None
        self._texts: dict[int, tuple[frozenset[int], str]] = {}
        self._stuck: set[str] = set()
        self._lacking: set[str] = set()
        self.distinct_rows = DistinctRows()
        self._lock = threading.RLock()

    @classmethod
    def load(cls, raw: Mapping[str, Any] | None, stream: Stream | None = None) -> StreamState:
        """The state that `to_json` wrote, or one of Airbyte's connector, read with caution.

        With `stream` its positions must be those of that stream.

        Raises:
            StateError: it is neither. It names the part that cannot be understood.
        """
        state = cls()
        is_none = isinstance(raw, dict) and raw.get("__ab_no_cursor_state_message")
        if raw and not is_none:
            read_into(state, raw, stream)
        return state

    def to_json(self) -> dict[str, Any]:
        """The state as JSON; every part that is empty is left out."""
        with self._lock:
            return written(self)

    @property
    def is_full_of_counts(self) -> bool:
        """Whether no other list is counted, because the state would grow too large."""
        with self._lock:
            return sum(len(one.windows) for one in self.counts.values()) >= _MOST_WINDOWS

    def start_over(self) -> None:
        """Forget what was read, so that all of it is read again as if it had never been."""
        with self._lock:
            for part in (
                self.projects,
                self.groups,
                self.positions,
                self.projects_listed,
                self.counts,
            ):
                part.clear()
            self.instance = None
            self.heads, self.highest_ids, self.owed = BranchHeads(), HighestIds(), OwedParents()

    @property
    def newest(self) -> str:
        """The latest instant up to which any project was read; "" when none was."""
        with self._lock:
            return max(self.projects.values(), default="")

    def levels(self, projects: list[int]) -> dict[str, list[int]]:
        """These projects by the instant up to which they count as read; few instants."""
        levels: dict[str, list[int]] = defaultdict(list)
        for number in projects:
            levels[self.projects[number]].append(number)
        while len(levels) > _MOST_INSTANTS:
            # The smallest set joins the one before it: those projects are read from there again.
            in_order = sorted(levels)
            smallest = min(in_order[1:], key=lambda level: len(levels[level]))
            before = in_order[in_order.index(smallest) - 1]
            levels[before] += levels.pop(smallest)
        return levels

    def members_text(self, number: int) -> str:
        """The members for which a group's list is read, as `id_sets.encode` writes them."""
        with self._lock:
            return self.text_of(number, self.groups[number].projects)

    def text_of(self, number: int, members: set[int]) -> str:
        """The members of a group as text, encoded again only when they are others than before."""
        kept = self._texts.get(number)
        if kept is None or kept[0] != members:
            kept = self._texts[number] = (frozenset(members), id_sets.encode(members))
        return kept[1]

    def cover(
        self,
        number: int,
        members: set[int],
        others: int,
        listed: str | None,
        seen: MemberAccess | None = None,
    ) -> list[int]:
        """Note the members of a group whose list is read next; the ones to be read on their own.

        Those are the members that entered since the list was last read, and those of which only a
        part was `seen` then, and all is now. Where members were read
        on their own before, most of them, the list goes on from the earliest of their instants.
        """
        with self._lock:
            group = self.groups.setdefault(number, GroupState())
            seen = seen or MemberAccess()
            if group.through is None:
                before = members & set(self.projects)
                if not before or 2 * len(before) < len(members):
                    group.projects = set(members)
                else:
                    group.projects = before
                    group.through = min(self.projects[one] for one in before)
                for one in before:
                    del self.projects[one]
            elif group.standing is not None:
                group.projects = group.projects - (group.partial - seen.partial)
            group.standing, group.partial = seen.standing, set(seen.partial)
            self.retain(number, members, others, listed)
            self.entering[number] = members - group.projects
            return sorted(self.entering[number])

    def retain(self, number: int, members: set[int], others: int, listed: str | None) -> None:
        """Note the members of a group whose list is being read: those that left are uncovered."""
        with self._lock:
            group = self.groups[number]
            group.projects = group.projects & members
            group.others, group.listed = others, listed
            group.entered = len(members - group.projects)

    def group(self, number: int) -> GroupState:
        """A copy of what is known of a group."""
        with self._lock:
            known = self.groups.get(number, GroupState())
            return replace(known, projects=set(known.projects), partial=set(known.partial))

    def see(self, number: int, *, partial: bool) -> None:
        """Note whether a project that is read on its own shows only a part of its rows.

        One that did, and does so no more, is read again from the start.
        """
        with self._lock:
            if partial:
                self.partial.add(number)
            elif number in self.partial:
                self.partial.discard(number)
                self.projects.pop(number, None)
                self.positions.pop(f"project:{number}", None)

    def advance(self, slice_: Slice, page: Page) -> None:
        """Note that the rows of `page` are delivered.

        Never later than the slice's start: what was read beside the list (rows without an instant,
        a second list, members that entered) is certain up to there only. Where rows did not come,
        what is known of the slice stays as it is until the next read, which asks for them again.
        """
        with self._lock:
            self.recent.update(page.seen)
            if not any(one.holds for one in page.missed):
                self.owed.settle(page.settled)
            if self._is_stuck(key_of(slice_), page.missed):
                return
            if page.through is not None:
                self._reach(slice_, min(page.through, slice_["start"]))
            if page.counts is not None:
                self.counts[key_of(slice_)] = page.counts
            if page.position:
                position = {"since": slice_["since"], "start": slice_["start"], **page.position}
                self.positions[key_of(slice_)] = without_nulls(position)
            elif page.position is not None:
                self.positions.pop(key_of(slice_), None)
            if slice_["container"] == "project":
                self.heads.reach(slice_["id"], page.heads)
                if page.top is not None:
                    self.highest_ids.reach(slice_["id"], page.top)
            elif page.denied:
                group = self.groups[slice_["id"]]
                kept = group.projects - page.denied
                group.entered += len(group.projects) - len(kept)
                group.projects = kept

    def _is_stuck(self, name: str, missed: list[Missed]) -> bool:
        if any(not one.remembered for one in missed):
            self._lacking.add(name)
        if any(one.holds for one in missed):
            self._stuck.add(name)
        return name in self._stuck

    def join(self, slice_: Slice, rows: list[int]) -> None:
        """Note what a member that enters a group adds to its counts, once the slice is closed."""
        with self._lock:
            self._joining[key_of(slice_)] = rows

    def close(self, slice_: Slice) -> None:
        """Note that the slice is read to its end, unless rows of it, or parts of them, are missing.

        The next read then looks at the slice again, however quiet it is.
        """
        number = slice_["id"]
        with self._lock:
            if key_of(slice_) in self._lacking:
                return
            self.positions.pop(key_of(slice_), None)
            if "group" not in slice_:
                self._reach(slice_, slice_["start"])
                return
            if slice_["container"] == "project":
                self.projects.pop(number, None)
            else:
                self.groups.pop(number, None)
            key = f"group:{slice_['group']}"
            if key in self.counts:
                self.counts[key] = self.counts[key].plus(self._joining.pop(key_of(slice_), []))
            self.entering.get(slice_["group"], set()).discard(number)
            group = self.groups[slice_["group"]]
            group.entered -= number not in group.projects
            group.projects.add(number)

    def _reach(self, slice_: Slice, through: str) -> None:
        # A group and a project may have the same id: only the slice tells which of them it is.
        number = slice_["id"]
        if slice_["container"] == "instance":
            self.instance = through
        elif slice_["container"] == "group" and ("members" in slice_ or "group" in slice_):
            self.groups.setdefault(number, GroupState()).through = through
        else:
            self.projects[number] = through

    def forget(self, start: str, minutes: int) -> None:
        """Drop what no read from `start` on uses: digests before its overlap, parents of nobody."""
        with self._lock:
            through = [group.through for group in self.groups.values() if group.through]
            first = plus(min([start, *through]), minutes=-minutes)
            self.recent = {key: value for key, value in self.recent.items() if value >= first}
            if self.owed and not self.positions:
                in_groups = (group.projects for group in self.groups.values())
                self.owed.retain(set(self.projects).union(*in_groups), groups=self.groups.keys())


def key_of(slice_: Slice) -> str:
    """The name of a slice in `positions`."""
    return f"{slice_['container']}:{slice_['id']}"
