"""The state of one stream, as it is planned from and moved along."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from source_gitlab.core.state import id_sets
from source_gitlab.core.state.branch_heads import BranchHeads
from source_gitlab.core.state.highest_ids import HighestIds
from source_gitlab.core.state.json_form import read_into, written
from source_gitlab.core.state.members import GroupState, MemberAccess, ProjectsListed
from source_gitlab.core.state.origin import Origin
from source_gitlab.core.state.owed_parents import OwedParents
from source_gitlab.core.state.progress import home_of, key_of
from source_gitlab.core.walks.row_counts import Counts
from source_gitlab.timestamps import plus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.core.slices import Slice
    from source_gitlab.core.state.progress import Progress
    from source_gitlab.streams import Stream

# Slices under way and slices that failed each stand at an instant of their own; beyond this many,
# neighbours fall back to the earlier of their two instants.
_MOST_INSTANTS = 64
# Some forty bytes each.
_MOST_WINDOWS = 200
# What a slice knows of other lists: some of them are counted; no further one is.
SOME, FULL = "some", "full"


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
        self.joined: dict[str, dict[int, list[int]]] = {}
        self.positions: dict[str, dict[str, Any]] = {}
        self.projects_listed: dict[int, ProjectsListed] = {}
        self.owed = OwedParents()
        self.recent: dict[str, dict[str, str]] = {}
        self.partial: set[int] = set()
        self.origin: Origin | None = None
        self._texts: dict[int, tuple[frozenset[int], str]] = {}
        # Of the state of one slice: whether other lists are counted, and what reading changes.
        self.counting: str | None = None
        self.joining: list[int] | None = None
        self._left: set[int] = set()
        self._seen: dict[str, Any] = {}
        self._passed: str | None = None
        self._expected = 0
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
        state._passed = state.origin.start_date if state.origin else None
        return state

    def to_json(self) -> dict[str, Any]:
        """The state as JSON; every part that is empty is left out."""
        with self._lock:
            return written(self)

    @property
    def is_full_of_counts(self) -> bool:
        """Whether no other list is counted, because the state would grow too large."""
        return self.counting == FULL or self._windows() >= _MOST_WINDOWS

    @property
    def has_counts(self) -> bool:
        """Whether any list of the stream is counted."""
        return self.counting is not None or bool(self.counts)

    def _windows(self) -> int:
        with self._lock:
            return sum(len(one.windows) for one in self.counts.values())

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

    @property
    def latest(self) -> str | None:
        """The latest instant up to which anything was read; None when nothing was."""
        with self._lock:
            groups = (group.through for group in self.groups.values())
            instants = (*self.projects.values(), *groups, self.instance)
            return max(filter(None, instants), default=None)

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

    def known_of(self, slice_: Slice, *, counted: bool) -> dict[str, Any]:
        """What reading a slice needs to know, and only that: a small state, as JSON.

        `counted` tells that lists like the slice's are counted.
        """
        known = StreamState()
        number, home = slice_["id"], home_of(slice_)
        with self._lock:
            if self.origin is not None:
                known.origin = Origin(self.origin.instance, self.origin.start_date)
            if is_list_of_group(slice_):
                known.groups[number] = self.group(number)
                # What an earlier read, which was killed, saw come may have left since.
                self.entering[number] = set(slice_.get("apart", ()))
                known.entering[number] = set(self.entering[number])
            elif slice_["container"] == "project":
                known.heads.reach(number, self.heads.of(number))
                top = self.highest_ids.of(number)
                if number in self.projects:
                    known.projects[number] = self.projects[number]
                if top is not None:
                    known.highest_ids.reach(number, top)
            # Of an older state nobody knows which list shows what; each slice would hold it all.
            homes = ("", home) if is_list_of_group(slice_) else (home,)
            known.recent = {one: dict(self.recent[one]) for one in homes if one in self.recent}
            known.owed = self.owed.part(slice_, self._members_of(number))
            if counted:
                known.counts = {home: self.counts[home]} if home in self.counts else {}
                known.counting = self._counting(home)
            return known.to_json()

    def _members_of(self, number: int) -> set[int]:
        return self.groups[number].projects if number in self.groups else set()

    def _counting(self, home: str) -> str | None:
        if home not in self.counts:
            # Each list that may be counted is expected to take one window.
            self._expected += 1
            if self._windows() + self._expected > _MOST_WINDOWS:
                return FULL
        return SOME if self.counts else None

    def recent_of(self, slice_: Slice) -> dict[str, str]:
        """Digests of rows that need not come again, with their instants."""
        return self.recent.get("", {}) | self.recent.get(home_of(slice_), {})

    def leave(self, number: int, members: set[int], others: int, listed: str | None) -> None:
        """Note who is in a group while its list is read: those that left are uncovered."""
        with self._lock:
            self._left |= self.groups[number].projects - members
            self.retain(number, members, others, listed)
            self._seen = {"left": id_sets.encode(self._left), "others": others}
            self._seen |= {"listed": listed} if listed else {}

    def join(self, rows: list[int]) -> None:
        """Note what the newcomer that is being read adds to the counts of its group."""
        self.joining = rows

    def take_changes(self) -> dict[str, Any]:
        """What a slice that is read came to know beside its pages, since this was last asked."""
        with self._lock:
            changes: dict[str, Any] = {}
            owed = self.owed.take_new()
            if owed:
                changes["owed"] = owed
            if self._seen:
                changes["members"], self._seen = self._seen, {}
            start = self.origin.start_date if self.origin else None
            if start and start != self._passed:
                self._passed = changes["from"] = start
            return changes

    def apply(self, progress: Progress) -> None:
        """Note what the reading of a slice changed, once the rows that came with it are delivered.

        The same progress may come twice. Of one slice it must come in order; slices may come in
        any order.
        """
        slice_ = progress["slice"]
        number, key = slice_["id"], key_of(slice_)
        with self._lock:
            self._pass_over(progress.get("from"))
            if progress.get("seen"):
                self.recent.setdefault(home_of(slice_), {}).update(progress["seen"])
            self.owed.settle(tuple(name) for name in progress.get("settled", ()))
            self.owed.take_over(progress.get("owed"))
            if "through" in progress:
                self._reach(slice_, progress["through"])
            if "counts" in progress and (key in self.counts or not self.is_full_of_counts):
                self.counts[key] = Counts.load(progress["counts"])
            if progress.get("position"):
                self.positions[key] = dict(progress["position"])
            elif "position" in progress:
                self.positions.pop(key, None)
            if slice_["container"] == "project":
                heads = progress.get("heads", {})
                self.heads.reach(number, {ref: sha or None for ref, sha in heads.items()})
                if "top" in progress:
                    self.highest_ids.reach(number, progress["top"])
            if "members" in progress or "denied" in progress:
                self._uncover(number, progress)
            if "closed" in progress:
                self._close(slice_, progress)

    def _pass_over(self, start: str | None) -> None:
        if start and self.origin is not None and self.origin.reaches(start):
            self.origin = self.origin.since(start)

    def _uncover(self, number: int, progress: Progress) -> None:
        group = self.groups.setdefault(number, GroupState())
        members = progress.get("members")
        if members is not None:
            group.projects = group.projects - id_sets.decode(members["left"])
            group.others, group.listed = members["others"], members.get("listed")
        kept = group.projects - set(progress.get("denied", ()))
        group.entered += len(group.projects) - len(kept)
        group.projects = kept

    def _close(self, slice_: Slice, progress: Progress) -> None:
        number = slice_["id"]
        self.positions.pop(key_of(slice_), None)
        if "group" not in slice_:
            self._reach(slice_, progress["closed"])
            return
        if slice_["container"] == "project":
            self.projects.pop(number, None)
        else:
            self.groups.pop(number, None)
        if "joined" in progress:
            # Apart from the counts, which the slice of the group may still replace.
            self.joined.setdefault(home_of(slice_), {})[number] = list(progress["joined"])
        group = self.groups.setdefault(slice_["group"], GroupState())
        self.entering.get(slice_["group"], set()).discard(number)
        group.projects.add(number)

    def _reach(self, slice_: Slice, through: str) -> None:
        # A group and a project may have the same id: only the slice tells which of them it is.
        number = slice_["id"]
        if slice_["container"] == "instance":
            self.instance = through
        elif is_list_of_group(slice_):
            self.groups.setdefault(number, GroupState()).through = through
        else:
            self.projects[number] = through

    def forget(self, start: str, minutes: int) -> None:
        """Drop what no read from `start` on uses: digests before its overlap, parents of nobody."""
        with self._lock:
            through = [group.through for group in self.groups.values() if group.through]
            first = plus(min([start, *through]), minutes=-minutes)
            self._expected = 0
            for home, joined in self.joined.items():
                for number in sorted(joined):
                    if home in self.counts:
                        self.counts[home] = self.counts[home].plus(joined[number])
            self.joined = {}
            for home, digests in list(self.recent.items()):
                kept = {name: when for name, when in digests.items() if when >= first}
                self.recent[home] = kept
                if not kept:
                    del self.recent[home]
            if self.owed and not self.positions:
                in_groups = (group.projects for group in self.groups.values())
                self.owed.retain(set(self.projects).union(*in_groups), groups=self.groups.keys())


def is_list_of_group(slice_: Slice) -> bool:
    """Whether the slice's watermark is one of a group's list, not of the group on its own."""
    return slice_["container"] == "group" and ("deep" in slice_ or "group" in slice_)
