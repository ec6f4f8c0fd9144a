"""Which slices a stream has now, given what was asked for and what was read before."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from source_gitlab.client.errors import Skipped
from source_gitlab.declarations import streams
from source_gitlab.reading.instants import at, plus
from source_gitlab.reading.slices import Slice
from source_gitlab.reading.state import Group as GroupState
from source_gitlab.reading.state import key_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_gitlab.client.http import Client
    from source_gitlab.config import Config
    from source_gitlab.declarations import Stream
    from source_gitlab.reading.state import StreamState
    from source_gitlab.report import Report
    from source_gitlab.scopes import Group, Project, Scopes

LOGGER = logging.getLogger("airbyte.source-gitlab")

# A listing is believed for this long, if the probe of the group's projects does not contradict it.
# Only equal numbers of projects lost and gained, none of them changed itself, would go unseen.
_LISTING_HOURS = 24


class Planner:
    """Plans the slices of every stream. Thread-safe, as its scopes are."""

    def __init__(self, client: Client, config: Config, scopes: Scopes, report: Report) -> None:
        """Plan over `scopes`; what is left out on purpose goes to `report`."""
        self._client = client
        self._config = config
        self._scopes = scopes
        self._report = report
        self._version: tuple[int, int] | None = None

    def plan(self, stream: Stream, state: StreamState) -> Iterator[Slice]:
        """The slices of `stream`; `state` is brought up to date with what is in scope.

        Raises:
            NotFound: after all slices: a group or project that the user named does not resolve.
            GitlabError: GitLab could not be asked what is in scope.
        """
        roots = self._scopes.roots()
        start = at(self._client.now())
        overlap_start = plus(start, minutes=-2 * self._config.lookback_minutes)
        state.forget_before(overlap_start)
        kind = self._kind(stream)
        if kind == "inventory":
            yield from (
                self._slice(stream, "inventory", root.id, None, start) for root in roots.groups
            )
            if roots.projects and stream.name == "projects":
                yield self._slice(stream, "inventory", 0, None, start)
        elif kind == "group":
            for root in roots.groups:
                for row in self._scopes.group_rows(root):
                    known = state.groups.get(row["id"])
                    through = known.through if known else None
                    yield self._slice(stream, "group", row["id"], through, start)
        elif kind == "project":
            yield from self._projects(stream, self._scopes.projects(), state, start)
        else:
            yield from self._in_groups(stream, state, start)
        if roots.missing:
            raise roots.missing[0]

    def _kind(self, stream: Stream) -> str:
        """How the stream is read from this GitLab: old versions lack some group lists."""
        kind = stream.kind
        if kind == "child":
            return streams()[stream.parent or ""].kind
        needed = stream.descendants_since
        if needed and self._scopes.roots().groups and self.version() < needed:
            return "group" if stream.scopes == ("group",) else "project"
        return kind

    def version(self) -> tuple[int, int]:
        """GitLab's version, major and minor; (0, 0) when it does not tell."""
        if self._version is None:
            try:
                text = str(self._client.one("version").get("version", ""))
            except Skipped:
                text = ""
            found = re.match(r"(\d+)\.(\d+)", text)
            self._version = (int(found[1]), int(found[2])) if found else (0, 0)
        return self._version

    def _slice(
        self, stream: Stream, scope: str, number: int, through: str | None, start: str
    ) -> Slice:
        since = plus(through, minutes=-self._config.lookback_minutes) if through else None
        if since and since > start:
            LOGGER.warning(
                "The state of %s lies in the future (%s): rows changed before then are not read.",
                stream.name,
                through,
            )
        return Slice(stream=stream.name, scope=scope, id=number, since=since, start=start)

    def _projects(
        self, stream: Stream, projects: list[Project], state: StreamState, start: str
    ) -> Iterator[Slice]:
        for project in projects:
            if self._is_off(stream, project):
                continue
            through = state.projects.get(project.id)
            yield self._resumed(self._slice(stream, "project", project.id, through, start), state)

    def _in_groups(self, stream: Stream, state: StreamState, start: str) -> Iterator[Slice]:
        """One slice for each chosen group, and one for each project that entered it since."""
        roots = self._scopes.roots()
        parent = streams()[stream.parent] if stream.parent else stream
        if parent.scopes == ("group",):
            for root in roots.groups:
                known = state.groups.setdefault(root.id, GroupState())
                slice_ = self._slice(stream, "group", root.id, known.through, start)
                yield self._resumed(slice_, state)
            return
        if roots.whole:
            for root in roots.groups:
                yield from self._in_group(stream, root, state, start)
        yield from self._projects(stream, list(roots.projects), state, start)

    def _in_group(
        self, stream: Stream, root: Group, state: StreamState, start: str
    ) -> Iterator[Slice]:
        known = state.groups.get(root.id)
        newcomers: list[int] = []
        if known is None or known.through is None:
            known = self._first_listing(stream, root, state, start)
        elif not self._still_holds(stream, root, known):
            wanted, others = self._list(stream, root)
            newcomers = sorted(wanted - known.projects)
            known.projects &= wanted
            known.others = others
            known.listed = start
        slice_ = self._slice(stream, "group", root.id, known.through, start)
        yield self._resumed(slice_, state)
        for number in newcomers:
            slice_ = self._slice(stream, "project", number, state.projects.get(number), start)
            slice_["group"] = root.id
            yield self._resumed(slice_, state)

    def _first_listing(
        self, stream: Stream, root: Group, state: StreamState, start: str
    ) -> GroupState:
        """Everything in the group is about to be read, or was read by Airbyte's connector."""
        wanted, others = self._list(stream, root)
        known = GroupState(projects=wanted, others=others, listed=start)
        before = {number: state.projects.pop(number) for number in wanted & set(state.projects)}
        if before:
            known.through = min(before.values())
            known.projects = set(before)
            # The count contradicts the next probe until every other project was read as well.
            known.listed = None
        state.groups[root.id] = known
        return known

    def _list(self, stream: Stream, root: Group) -> tuple[set[int], int]:
        listing = self._scopes.listing(root)
        wanted = {p.id for p in listing.values() if not self._is_off(stream, p)}
        return wanted, len(listing) - len(wanted)

    def _still_holds(self, stream: Stream, root: Group, known: GroupState) -> bool:
        """Whether the group certainly has the projects that it had when they were last listed."""
        now = at(self._client.now())
        if known.listed is None or plus(known.listed, hours=_LISTING_HOURS) < now:
            return False
        probe = self._scopes.probe(root)
        if probe.total != len(known.projects) + known.others:
            return False
        since = plus(known.listed, minutes=-self._config.lookback_minutes)
        for project in probe.newest:
            if project.updated_at is not None and project.updated_at < since:
                return True
            covered = project.id in known.projects
            if project.updated_at is None or covered == self._is_off(stream, project):
                return False
        return probe.complete

    def _is_off(self, stream: Stream, project: Project) -> bool:
        if stream.feature is None or stream.feature not in project.off:
            return False
        message = f"The feature {stream.feature} is switched off in {project.path}."
        self._report.skip(stream.name, f"project {project.id}", "feature", message)
        return True

    @staticmethod
    def _resumed(slice_: Slice, state: StreamState) -> Slice:
        position = state.positions.get(key_of(slice_))
        if position:
            slice_["position"] = position
        return slice_
