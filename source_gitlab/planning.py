"""Which slices a stream has now, given what was asked for and what was read before."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from source_gitlab.client.errors import Skipped
from source_gitlab.coverage import Coverage, only_groups
from source_gitlab.declarations import streams
from source_gitlab.reading.instants import at, plus
from source_gitlab.reading.slices import Slice
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


class Planner:
    """Plans the slices of every stream. Thread-safe, as its scopes are."""

    def __init__(self, client: Client, config: Config, scopes: Scopes, report: Report) -> None:
        """Plan over `scopes`; what is left out on purpose goes to `report`."""
        self._client = client
        self._config = config
        self._scopes = scopes
        self.coverage = Coverage(client, config, scopes, report)
        self._version: tuple[int, int] | None = None

    def plan(self, stream: Stream, state: StreamState) -> Iterator[Slice]:
        """The slices of `stream`; `state` is brought up to date with what is in scope.

        Raises:
            NotFound: after all slices: a group or project that the user named does not resolve.
            GitlabError: GitLab could not be asked what is in scope.
        """
        roots = self._scopes.roots()
        start = at(self._client.now())
        state.forget(start, 2 * self._config.lookback_minutes)
        kind = self.kind(stream)
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

    def kind(self, stream: Stream) -> str:
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
            if self.coverage.is_off(stream, project):
                continue
            through = state.projects.get(project.id)
            yield self._resumed(self._slice(stream, "project", project.id, through, start), state)

    def _in_groups(self, stream: Stream, state: StreamState, start: str) -> Iterator[Slice]:
        """One slice for each chosen group, and one for each member that entered it since."""
        roots = self._scopes.roots()
        if roots.whole or only_groups(stream):
            for root in roots.groups:
                yield from self._in_group(stream, root, state, start)
        if not only_groups(stream):
            yield from self._projects(stream, list(roots.projects), state, start)

    def _in_group(
        self, stream: Stream, root: Group, state: StreamState, start: str
    ) -> Iterator[Slice]:
        entered = self.coverage.entered(stream, root, state)
        through = state.group(root.id).through
        yield self._resumed(self._slice(stream, "group", root.id, through, start), state)
        scope = "group" if only_groups(stream) else "project"
        for number in entered:
            alone = state.group(number).through if scope == "group" else state.projects.get(number)
            slice_ = self._slice(stream, scope, number, alone, start)
            slice_["group"] = root.id
            yield self._resumed(slice_, state)

    @staticmethod
    def _resumed(slice_: Slice, state: StreamState) -> Slice:
        position = state.positions.get(key_of(slice_))
        if position:
            slice_["position"] = position
        return slice_
