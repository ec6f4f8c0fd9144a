"""For which members of a group the group's list is read: newcomers, and those that vanish.

A group's list of issues (merge requests, milestones, …) shows the rows of every project that is in
it and visible when it is asked, without a word about those that are not. So a watermark on such a
list holds for the projects only that were there all the time. They are remembered, looked at
before the list is read and again before the watermark moves; what entered since, or was away, is
read on its own, in full. A list that brings nothing does not move its watermark, so a quiet group
costs no second look. Lists that hold rows of groups (epics) are covered group by group.

What goes unseen: a member that vanishes and comes back between two looks, and, in groups of more
than one page of projects, within a day, as many members lost as gained of which none was changed
itself.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from source_gitlab.core.access_levels import (
    REPORTER,
    UNKNOWN,
    AccessLevels,
    depends_on_role,
    is_mixed,
    least_for,
    shut,
)
from source_gitlab.core.inventory import Project
from source_gitlab.core.slices import Place
from source_gitlab.core.state import MemberAccess
from source_gitlab.gitlab.errors import Skipped
from source_gitlab.streams import root_of
from source_gitlab.timestamps import at, plus, seconds_ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from source_gitlab.config import Config
    from source_gitlab.core.inventory import Group, Inventory, Probe
    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.core.skip_log import SkipLog
    from source_gitlab.core.slices import Page, Slice
    from source_gitlab.core.state import GroupState, StreamState
    from source_gitlab.gitlab.client import Client
    from source_gitlab.gitlab.lists import Arrivals
    from source_gitlab.streams import Stream

# A listing is believed for this long if the probe does not contradict it.
_LISTING_HOURS = 24
# The watermark moves, after another look, once so many pages were read, and reading goes on for so
# many more at most while we look. With the rows between two states (engine/checkpoints.py), a
# killed read repeats 5,000 rows.
_PAGES_BETWEEN_LOOKS = 20
_PAGES_MEANWHILE = 10


@dataclass(frozen=True)
class Members:
    """Whose rows a group's list shows; `others` are in it, but left out on purpose.

    Of those that are `partial` it shows a part only, because the user's role is too low.
    """

    ids: set[int]
    others: int
    asked: str | None
    partial: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class _Look:
    """A look at members that `began` when rows up to `reached` had come; the time is monotonic."""

    reached: str
    began: float
    answer: Future[Probe | Project | None]


class Membership:
    """Looks after the members of groups. Thread-safe, as scopes and states are."""

    def __init__(
        self,
        client: Client,
        config: Config,
        inventory: Inventory,
        prefetcher: Prefetcher,
        report: SkipLog,
    ) -> None:
        """Look through `inventory`; projects whose feature is off go to `report`."""
        self._client = client
        self.access_levels = AccessLevels(client, config, prefetcher, inventory.opening)
        self._prefetcher = prefetcher
        self._overlap = config.lookback_minutes
        self._inventory = inventory
        self._report = report

    def entered(self, stream: Stream, root: Group, state: StreamState) -> list[int]:
        """The members that have to be read on their own; `state` then covers the others.

        They are those that entered, and those of which the user now may see more.
        """
        known = state.group(root.id)
        standing = self._standing(stream, root, known)
        # Of two roles one may have been raised and the other one lowered, which shows in no number.
        is_told = not is_mixed(standing) or self._is_believed(known)
        is_same = known.through is not None and known.standing == standing and is_told
        if is_same and self.unchanged(stream, root, known):
            return []
        found = self._members(stream, root, known, fresh=False)
        for number in found.partial:
            self.note_partial(stream, number)
        seen = MemberAccess(standing, found.partial)
        return state.cover(root.id, found.ids, found.others, found.asked, seen)

    def _standing(self, stream: Stream, root: Group, known: GroupState) -> str:
        """How the user stands in the projects of a group, if this stream depends on it."""
        if not depends_on_role(stream):
            return UNKNOWN
        if known.through is None:
            return self.access_levels.of_group(root, len(self._inventory.listing(root).projects))
        probe = self._inventory.probe(root)
        total = len(probe.newest) if probe.complete and not probe.broken else probe.total
        return self.access_levels.of_group(root, total)

    def _is_believed(self, known: GroupState) -> bool:
        now = at(self._client.reached())
        if known.listed is None or seconds_ahead(known.listed, now):
            return False
        return plus(known.listed, hours=_LISTING_HOURS) >= now

    def watched(
        self,
        stream: Stream,
        slice_: Slice,
        state: StreamState,
        pages: Iterator[Page],
        arrivals: Arrivals,
    ) -> Iterator[Page]:
        """The same pages; they move a watermark only when its members are still there.

        A look holds for all that had come when it began, also for pages that were read ahead and
        are taken later: `arrivals` tells when the last answer came.

        Raises:
            Skipped: the slice's own group or project is not.
        """
        unwatched = 0
        idle = may_be_idle(slice_)
        under_way: _Look | None = None
        seen = float("-inf")
        for page in pages:
            unwatched += 1
            idle = idle and not page.rows
            if arrivals.last <= seen:
                unwatched = 0
                yield page
                continue
            reached, page.through = page.through, None
            if under_way is None and reached and unwatched >= _PAGES_BETWEEN_LOOKS:
                # Everything up to here has come; what is seen now was there all the time.
                began, unwatched = time.monotonic(), 0
                answer = self._prefetcher.submit(self._glance(stream, slice_))
                under_way = _Look(reached, began, answer)
            if under_way and (under_way.answer.done() or self._waits_long(unwatched)):
                self._judge(stream, slice_, state, under_way.answer.result())
                seen = under_way.began
                is_later = reached is not None and arrivals.last <= seen
                page.through = reached if is_later else under_way.reached
                under_way = None
            yield page
        if idle or arrivals.last <= seen:
            return
        if under_way is not None and arrivals.last <= under_way.began:
            self._judge(stream, slice_, state, under_way.answer.result())
        else:
            self._judge(stream, slice_, state, self._glance(stream, slice_)())

    def _waits_long(self, pages: int) -> bool:
        return self._prefetcher.workers == 1 or pages >= _PAGES_MEANWHILE

    def is_too_low(self, stream: Stream, root: Group) -> bool:
        """Whether a chosen group is not at the top, and so has no such list; it is reported."""
        if not stream.top_level or "/" not in root.path:
            return False
        message = f"GitLab has {stream.name} of groups at the top only, which {root.path} is not."
        self._report.skip(stream.name, Place("group", root.id), "feature", message)
        return True

    def is_off(self, stream: Stream, project: Project, root: Group | None = None) -> bool:
        """Whether lists show nothing of the project, which is then reported.

        Its feature is switched off, or the user's role is too low for it. The project is one of
        the group `root`, or was asked for by itself.
        """
        if stream.feature is None:
            return False
        place = Place("project", project.id)
        if stream.feature in project.off:
            self._report.skip(stream.name, place, "feature", _off(stream, project))
            return True
        if shut(stream, project, 0) is None:
            return False
        reason = shut(stream, project, self._level(project, root))
        if reason is not None:
            self._report.skip(stream.name, place, "permission", reason)
        return reason is not None

    def is_partial(self, stream: Stream, project: Project) -> bool:
        """Whether a project's own list leaves out rows for which the user's role is too low."""
        least = least_for(stream)
        return bool(least) and self._level(project, None) < least

    def note_partial(self, stream: Stream, project: int) -> None:
        """Let rows of a project stay, of which a role may hide some that were read before.

        Who has no role anywhere, because there is no user, never read more.
        """
        if self.access_levels.user() is not None:
            self._report.extents.missed(stream.name, Place("project", project))

    def _level(self, project: Project, root: Group | None) -> int:
        if root is not None:
            return self.access_levels.level(root, project.id)
        if project.level is None or self.access_levels.sees_all():
            return REPORTER
        return project.level

    def _glance(self, stream: Stream, slice_: Slice) -> Callable[[], Probe | Project | None]:
        """One request that tells whether a slice's members are still there, if one can tell."""
        if slice_["container"] == "project":
            # Other lists of a project are refused when it, or their feature, is gone.
            return (
                partial(self._inventory.project, slice_["id"])
                if stream.empty_when_off
                else _nothing
            )
        root = self._root(slice_)
        if root is None or only_groups(stream):
            return _nothing
        return partial(self._inventory.probe, root, fresh=True)

    def _judge(
        self, stream: Stream, slice_: Slice, state: StreamState, seen: Probe | Project | None
    ) -> None:
        """Take members that are away out of what `state` covers; `seen` is what a glance told."""
        if isinstance(seen, Project):
            if self.is_off(stream, seen):
                raise Skipped(_off(stream, seen), reason="feature")
            return
        root = self._root(slice_)
        if root is not None and self._is_missed(stream, root, state.group(root.id), seen):
            found = self._members(stream, root, state.group(root.id), fresh=True)
            state.leave(root.id, found.ids, found.others, found.asked)

    def _root(self, slice_: Slice) -> Group | None:
        roots = self._inventory.roots().groups if slice_["container"] == "group" else ()
        return next((root for root in roots if root.id == slice_["id"]), None)

    def _members(self, stream: Stream, root: Group, known: GroupState, *, fresh: bool) -> Members:
        """The members; those `known` stay where a listing lacks some, unless they are away."""
        if only_groups(stream):
            asked = at(self._client.reached())
            groups = self._groups(root, fresh=fresh)
            if self._inventory.lacking(root, of_groups=True):
                groups |= self._inventory.unlisted_groups(root, known.projects - groups)
            return Members(groups, 0, asked)
        listing = self._inventory.listing(root, fresh=fresh)
        projects = list(listing.projects.values())
        unknown: set[int] = set()
        is_lacking = self._inventory.lacking(root, of_groups=False) is not None
        if is_lacking:
            unlisted = known.projects - listing.projects.keys()
            more, unknown = self._inventory.unlisted_projects(root, unlisted)
            projects += more
        wanted = {project.id for project in projects if not self.is_off(stream, project, root)}
        least = least_for(stream)
        standing = self.access_levels.of_group(root, len(projects)) if least else UNKNOWN
        partial = {
            number
            for number in wanted
            if is_mixed(standing) and self.access_levels.level(root, number) < least
        }
        others = len(projects) - len(wanted)
        # Without all members, no later read may take this listing for what the group holds.
        asked_at = known.listed if is_lacking else listing.asked
        return Members(wanted | unknown, others, asked_at, partial)

    def _groups(self, root: Group, *, fresh: bool) -> set[int]:
        return {int(row["id"]) for row in self._inventory.group_rows(root, fresh=fresh)}

    def unchanged(self, stream: Stream, root: Group, known: GroupState) -> bool:
        """Whether the group certainly has the members that it had when they were last listed."""
        if only_groups(stream):
            return self._groups(root, fresh=False) == known.projects
        probe = self._inventory.probe(root)
        if probe.broken:
            return False
        if probe.complete:
            return self._wanted(stream, probe, root) == known.projects
        if not self._is_believed(known):
            return False
        changed = self._changed(probe, known)
        return (
            self._inventory.has_projects(root, probe, len(known.projects) + known.others)
            and len(changed) < len(probe.newest)
            and all(self.is_off(stream, one, root) != (one.id in known.projects) for one in changed)
        )

    def _is_missed(
        self, stream: Stream, root: Group, known: GroupState, probe: Probe | None
    ) -> bool:
        """Whether a member whose rows the list should have shown may be away."""
        if probe is None:
            return not known.projects <= self._groups(root, fresh=True)
        if probe.broken:
            return True
        if probe.complete:
            return not known.projects <= self._wanted(stream, probe, root)
        expected = len(known.projects) + known.others + known.entered
        changed = self._changed(probe, known)
        return (
            not self._inventory.has_projects(root, probe, expected, fresh=True)
            or len(changed) == len(probe.newest)
            or any(one.id in known.projects and self.is_off(stream, one, root) for one in changed)
        )

    def _wanted(self, stream: Stream, probe: Probe, root: Group) -> set[int]:
        return {one.id for one in probe.newest if not self.is_off(stream, one, root)}

    def _changed(self, probe: Probe, known: GroupState) -> list[Project]:
        """The projects of the probe that were changed, or may have been, since the listing."""
        since = plus(known.listed, minutes=-self._overlap) if known.listed else ""
        return [
            project
            for project in probe.newest
            if project.updated_at is None or project.updated_at >= since
        ]


def may_be_idle(slice_: Slice) -> bool:
    """Whether the slice keeps its watermark when it brings no rows."""
    # Of members that are read on their own, what lies in the overlap would come again.
    if slice_.get("went_back") or slice_.get("apart"):
        return False
    return slice_["container"] == "group" and "group" not in slice_ and slice_["since"] is not None


def only_groups(stream: Stream) -> bool:
    """Whether the rows of the stream, or of its parent, belong to groups."""
    return root_of(stream).containers == ("group",)


def lists_projects(stream: Stream) -> bool:
    """Whether a read of the stream without a state lists the projects of a chosen group."""
    return root_of(stream).kind in {"selection", "project"} and not only_groups(stream)


def column_of(stream: Stream) -> str | None:
    """The column that tells to which project or group a row belongs; None: to no single one."""
    if stream.distinct or root_of(stream).kind == "instance":
        return None
    if stream.kind == "inventory":
        return "id"
    is_of_groups = root_of(stream).kind == "group" or only_groups(stream)
    return "group_id" if is_of_groups else "project_id"


def _nothing() -> None:
    """What is asked where no single request tells."""


def _off(stream: Stream, project: Project) -> str:
    return f"The feature {stream.feature} is switched off in {project.path}."
