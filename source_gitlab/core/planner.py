"""Which slices a stream has now, given what was asked for and what was read before."""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import TYPE_CHECKING

from source_gitlab.core.group_places import tell_paths
from source_gitlab.core.membership import only_groups
from source_gitlab.core.origin_check import OriginCheck, must_fit
from source_gitlab.core.read_start import ReadStart
from source_gitlab.core.selection import all_of
from source_gitlab.core.sharding import Sharding
from source_gitlab.core.slices import Place, Slice
from source_gitlab.core.state import GroupState, ProjectsListed, key_of
from source_gitlab.core.state.members import covered_by
from source_gitlab.core.sweeps import swept
from source_gitlab.gitlab.errors import FatalError, GitlabError
from source_gitlab.streams import root_of
from source_gitlab.timestamps import in_words, instant, plus, seconds_ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from source_gitlab.config import Config
    from source_gitlab.core.change_detection import ChangeProbes
    from source_gitlab.core.inventory import Group, Inventory, Project
    from source_gitlab.core.membership import Membership
    from source_gitlab.core.selection import NotFound
    from source_gitlab.core.state import StreamState
    from source_gitlab.gitlab.client import Client
    from source_gitlab.streams import Stream

# How long ago a watermark was written that lies in the future, is not known. It was up to so many
# days ago, and as long again as it is ahead.
_UNKNOWN_DAYS = 2
_EVER = "0001-01-01"

LOGGER = logging.getLogger("source_gitlab")

_NOTHING: Mapping[int, str] = {}


class Planner:
    """Plans the slices of every stream. Thread-safe, as its scopes are."""

    def __init__(
        self,
        client: Client,
        config: Config,
        inventory: Inventory,
        change_probes: ChangeProbes,
        membership: Membership,
    ) -> None:
        """Plan over `inventory`."""
        self._client = client
        self._origin_check = OriginCheck(client, config, membership.access_levels)
        self._config = config
        self.sharding = Sharding(config.shard)
        self._inventory = inventory
        self._change_probes = change_probes
        self.membership = membership
        self.start = ReadStart(client)
        self._told: set[str] = set()
        self._left_out: defaultdict[str, list[NotFound]] = defaultdict(list)

    def plan(self, stream: Stream, state: StreamState) -> Iterator[Slice]:
        """The slices of `stream`; `state` is brought up to date with what is in scope.

        Of a shard they are those that belong to it, and what `state` knows of others stays.

        Raises:
            NotFound: after all slices: something chosen cannot be read by any stream.
            OtherInstance, StartsAhead: the state or the start date does not fit this GitLab.
            GitlabError: GitLab could not be asked what is in scope.
        """
        must_fit([state], self._config)
        roots = self._inventory.roots()
        self._origin_check.must_have_begun()
        if stream.incremental:
            self._origin_check.settle(stream, state, roots.chosen)
        start = self.start.planned(state.latest)
        state.forget(start, 2 * self._config.lookback_minutes)
        left_out = self._left_out[stream.name] = []
        kind = self.kind(stream)
        if kind in {"inventory", "instance"} and not self.sharding.owns(stream, kind, 0):
            pass
        elif kind == "inventory":
            yield from (
                self._slice(stream, "inventory", root.id, None, start) for root in roots.groups
            )
            if roots.projects and stream.walk == "projects":
                yield self._slice(stream, "inventory", 0, None, start)
        elif kind == "instance":
            through = state.instance
            if not self._change_probes.is_quiet(stream, through, start):
                slice_ = self._slice(stream, "instance", 0, through, start)
                yield self._resumed(stream, slice_, state)
        elif kind == "group":
            yield from self._each_group(stream, state, start)
        elif kind == "project":
            yield from self._each_project(stream, state, start)
        else:
            yield from self._in_groups(stream, state, start)
        problem = all_of([*roots.missing, *left_out])
        if problem is not None:
            raise problem

    def is_whole(self, stream: Stream) -> bool:
        """Whether the slices that were planned cover all that is in scope, of this shard."""
        return self._inventory.roots().complete and not self._left_out[stream.name]

    def entered(self, stream: Stream, state: StreamState) -> None:
        """Note that not all rows before the start date are covered by `state` any more."""
        self._origin_check.entered(stream, state)

    def _each_root(
        self,
        stream: Stream,
        roots: tuple[Group, ...],
        plan: Callable[[Group], Iterator[Slice]],
        *,
        of_groups: bool,
    ) -> Iterator[Slice]:
        """The slices of every group; one whose groups or projects cannot be listed has none.

        Where some of them cannot be listed, the others have slices, and the stream is not whole.
        """
        for root in roots:
            try:
                yield from plan(root)
            except FatalError:
                raise
            except GitlabError as error:
                self._left_out[stream.name].append(self._inventory.leave_out(root, error))
            problem = self._inventory.lacking(root, of_groups=of_groups)
            if problem is not None:
                self._left_out[stream.name].append(problem)

    def is_mine(self, stream: Stream, root: int | None, place: Place) -> bool:
        """Whether this shard reads the rows of a place, which is in the chosen group `root`."""
        if self.kind(stream) == "selection" and root is not None:
            return self.sharding.owns(stream, "group", root)
        return self.sharding.owns(stream, place.kind, place.id or 0)

    def kind(self, stream: Stream) -> str:
        """How the stream is read from this GitLab: old versions lack some group lists."""
        kind = stream.kind
        if kind == "child":
            return root_of(stream).kind
        needed = stream.descendants_since
        if needed and self._inventory.roots().groups and self.start.version() < needed:
            return "group" if stream.containers == ("group",) else "project"
        return kind

    def _slice(
        self, stream: Stream, container: str, number: int, through: str | None, start: str
    ) -> Slice:
        since = plus(through, minutes=-self._config.lookback_minutes) if through else None
        if since and through and stream.recheck:
            # Those that were young at the last read, however long ago that was.
            young = plus(through, days=-stream.recheck)
            since = min(since, max(young, instant(self._config.start_date or _EVER)))
        slice_ = Slice(
            stream=stream.name,
            container=container,
            id=number,
            since=since,
            start=start,
            read_at=max(start, through or start),
        )
        beyond = seconds_ahead(through, start) if through else 0.0
        if since and beyond:
            slice_["since"] = plus(since, seconds=-2 * beyond, days=-_UNKNOWN_DAYS)
            slice_["went_back"] = True
            if stream.name not in self._told:
                self._told.add(stream.name)
                LOGGER.warning(
                    "The state of %s lies %s in the future (%s): a clock was wrong when it was"
                    " written, or is now. What changed since %s is read again.",
                    stream.name,
                    in_words(beyond),
                    through,
                    slice_["since"],
                )
        return slice_

    def _each_group(self, stream: Stream, state: StreamState, start: str) -> Iterator[Slice]:
        """One slice for each group in scope, but for those that are quiet."""
        roots = self._inventory.roots().groups
        self._change_probes.watch(stream, roots, state, start)

        def plan(root: Group) -> Iterator[Slice]:
            projects_listed = state.projects_listed.get(root.id)
            if self.membership.is_too_low(stream, root):
                return
            for row in self._inventory.group_rows(root):
                if stream.top_level and row["id"] != root.id:
                    continue
                if not self.sharding.owns(stream, "group", row["id"]):
                    continue
                through = state.projects.get(row["id"])
                if not self._change_probes.is_quiet(
                    stream, through, start, projects_listed=projects_listed
                ):
                    slice_ = self._slice(stream, "group", row["id"], through, start)
                    yield self._resumed(stream, slice_, state)

        return self._each_root(stream, roots, plan, of_groups=True)

    def _each_project(self, stream: Stream, state: StreamState, start: str) -> Iterator[Slice]:
        """One slice for each project in scope, but for those that are quiet."""
        roots = self._inventory.roots()
        chosen = roots.groups if roots.whole else ()
        self._change_probes.watch(stream, chosen, state, start)
        # The state of a shard does not tell how many projects the group has.
        alone = len(chosen) == 1 and not roots.projects and roots.complete
        alone = alone and self._config.shard is None

        def plan(root: Group) -> Iterator[Slice]:
            if alone:
                suspects = self._suspects(stream, root, state, start)
                if suspects is not None:
                    projects_listed = state.projects_listed.get(root.id)
                    yield from self._projects(
                        stream, suspects, state, start, projects_listed=projects_listed
                    )
                    return
                self._forget_others(stream, root, state, start)
            projects = self._projects_in(root, state)
            yield from self._projects(
                stream, projects, state, start, projects_listed=state.projects_listed.get(root.id)
            )

        yield from self._each_root(stream, chosen, plan, of_groups=False)
        yield from self._projects(stream, list(roots.projects), state, start)

    def _projects_in(self, root: Group, state: StreamState) -> list[Project]:
        """The projects of a group, with those that are known and that a listing lacks."""
        listed = self._inventory.listing(root).projects
        projects = list(listed.values())
        if self._inventory.lacking(root, of_groups=False):
            projects += self._inventory.unlisted_projects(root, state.projects.keys() - listed)[0]
        return projects

    def _suspects(
        self, stream: Stream, root: Group, state: StreamState, start: str
    ) -> list[Project] | None:
        """The projects that may have to be read again; None when only a listing can tell.

        They need not be listed when the group certainly has the projects that were read before,
        and its list tells that none of them changed, or the probe of the group shows each that may
        have.
        """
        projects_listed = state.projects_listed.get(root.id)
        oldest = min(state.projects.values(), default=None)
        if stream.refresh is None or projects_listed is None or oldest is None:
            return None
        if seconds_ahead(max(state.projects.values()), start):
            return None
        suspects: list[Project] = []
        if stream.refresh.signal in {"touch", "list"}:
            probe = self._inventory.probe(root)
            suspects = list(probe.newest)
            # No project behind the last one of the probe was touched later.
            last = probe.newest[-1] if probe.newest else None
            quiet = self._change_probes.is_quiet(
                stream, oldest, start, project=last, projects_listed=projects_listed
            )
            told = probe.complete or quiet
        else:
            told = self._change_probes.is_quiet(
                stream, oldest, start, projects_listed=projects_listed
            )
        known = GroupState(
            projects=set(state.projects),
            others=projects_listed.others,
            listed=projects_listed.listed,
        )
        return suspects if told and self.membership.unchanged(stream, root, known) else None

    def _forget_others(self, stream: Stream, root: Group, state: StreamState, start: str) -> None:
        """Drop what is no longer in the group, so that the count of projects can be right."""
        if stream.refresh is not None and stream.refresh.signal == "touch":
            state.projects_listed.setdefault(root.id, ProjectsListed())
        projects_listed = state.projects_listed.get(root.id)
        listed = self._inventory.listing(root).projects.values()
        if projects_listed is not None and self._inventory.lacking(root, of_groups=False) is None:
            wanted = {one.id for one in listed if not self.membership.is_off(stream, one, root)}
            projects_listed.others, projects_listed.listed = len(listed) - len(wanted), start
            for number in state.projects.keys() - wanted:
                del state.projects[number]

    def _projects(  # noqa: PLR0913 -- what is known of them
        self,
        stream: Stream,
        projects: list[Project],
        state: StreamState,
        start: str,
        *,
        projects_listed: ProjectsListed | None = None,
        covered: Mapping[int, str] = _NOTHING,
    ) -> Iterator[Slice]:
        # A row of several projects may come from another one than before, and never with an
        # earlier time.
        newest = state.newest if stream.distinct else ""
        due: dict[Project, str | None] = {}
        for project in projects:
            if not self.sharding.owns(stream, "project", project.id):
                continue
            if self.membership.is_off(stream, project):
                continue
            is_partial = self.membership.is_partial(stream, project)
            if is_partial:
                self.membership.note_partial(stream, project.id)
            state.see(project.id, partial=is_partial)
            instants = state.projects.get(project.id), covered.get(project.id)
            through = max(filter(None, instants), default=None)
            if self._change_probes.is_quiet(
                stream, through, start, project=project, projects_listed=projects_listed
            ):
                continue
            due[project] = through
        resting = self._change_probes.resting(stream, due, state, start)
        for project, through in due.items():
            if project.id in resting:
                continue
            slice_ = self._slice(stream, "project", project.id, through, start)
            slice_["read_at"] = max(slice_["read_at"], newest)
            yield self._resumed(stream, slice_, state)

    def _in_groups(self, stream: Stream, state: StreamState, start: str) -> Iterator[Slice]:
        """One slice for each chosen group, and one for each member that entered it since."""
        roots = self._inventory.roots()
        if roots.whole or only_groups(stream):

            def plan(root: Group) -> Iterator[Slice]:
                if not self.sharding.owns(stream, "group", root.id):
                    return iter(())
                if self.membership.is_too_low(stream, root):
                    return iter(())
                return self._in_group(stream, root, state, start)

            by_group = only_groups(stream)
            yield from self._each_root(stream, roots.groups, plan, of_groups=by_group)
        if not only_groups(stream) and roots.projects:
            covered = covered_by(map(state.group, list(state.groups)))
            yield from self._projects(stream, list(roots.projects), state, start, covered=covered)

    def _in_group(
        self, stream: Stream, root: Group, state: StreamState, start: str
    ) -> Iterator[Slice]:
        entered = self.membership.entered(stream, root, state)
        through = state.group(root.id).through
        slice_ = self._slice(stream, "group", root.id, through, start)
        slice_["deep"] = True
        if entered:
            slice_["apart"] = entered
        yield self._resumed(stream, slice_, state)
        scope = "group" if only_groups(stream) else "project"
        for number in entered:
            alone = state.group(number).through if scope == "group" else state.projects.get(number)
            slice_ = self._slice(stream, scope, number, alone, start)
            slice_["group"] = root.id
            yield self._resumed(stream, slice_, state)

    def _resumed(self, stream: Stream, slice_: Slice, state: StreamState) -> Slice:
        """The slice, with what `state` knows of it; and `state` with what the slice changes."""
        position = state.positions.get(key_of(slice_))
        if position and seconds_ahead(position["start"], slice_["start"]):
            # It belongs to a read of which it is not known when it began.
            position = None
            state.positions.pop(key_of(slice_))
        if stream.sweep and slice_["since"]:
            slice_["sweep"], position = swept(slice_, position)
        if slice_["since"] is None or stream.walk == "commits":
            # The start date decides how far back it is read.
            self._origin_check.entered(stream, state)
        if position:
            slice_["position"] = position
        root, in_group = root_of(stream), slice_["container"] == "group"
        is_named = root.walk == "graphql" or root.is_named_by_path
        if is_named or (in_group and tell_paths(stream)):
            path = self._inventory.path_of(Place(slice_["container"], slice_["id"]))
            if path is not None:
                slice_["path"] = path
        if stream.incremental:
            slice_["known"] = state.known_of(slice_, counted=root.counts_late_rows)
        return slice_
