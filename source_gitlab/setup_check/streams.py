"""The tests of the streams: one row of each list, tried where it is most likely to be had."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from source_gitlab.core.inventory import Project
from source_gitlab.gitlab.errors import ReadError, Skipped
from source_gitlab.setup_check.budget import OutOfBudget
from source_gitlab.setup_check.result import (
    EMPTY_SCOPE,
    FEATURE_OFF,
    NEEDS_ANOTHER_TOKEN,
    NEEDS_ROLE,
    NEEDS_SCOPE,
    NEEDS_TIER,
    NEEDS_TOKEN,
    NOT_PROBED,
    OK,
    PROBE_FAILED,
    Verdict,
)
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.gitlab.pagination import Row
    from source_gitlab.setup_check.budget import Budget
    from source_gitlab.setup_check.selection import Found
    from source_gitlab.streams import Stream


# https://docs.gitlab.com/api/members/#roles
_ROLES = {
    0: "no member",
    5: "Minimal Access",
    10: "Guest",
    15: "Planner",
    20: "Reporter",
    25: "Security Manager",
    30: "Developer",
    40: "Maintainer",
    50: "Owner",
}
_LEVELS = {name.lower(): level for level, name in _ROLES.items()}
_REPORTER = 20
_PLACES = 3  # groups or projects that one stream is tried on


@dataclass(frozen=True)
class Place:
    """A group or project that streams are tried on; `level` is the token's role there, if known."""

    kind: str
    id: int
    path: str
    level: int | None


@dataclass(frozen=True)
class Trial:
    """How it went at one place; `row` is what came, for the streams below it."""

    verdict: Verdict
    row: Row | None = None


class StreamTests:
    """Finds a verdict for every declared stream."""

    def __init__(
        self,
        budget: Budget,
        prefetcher: Prefetcher,
        found: Found,
        *,
        enterprise: bool | None,
        kind: str,
    ) -> None:
        """Try the streams on what was `found`; `kind` is that of the token."""
        self._budget = budget
        self._prefetcher = prefetcher
        self._found = found
        self._enterprise = enterprise
        self._kind = kind
        self._asking = threading.Lock()
        self._levels: dict[int, int | None] = {}
        self._features = {int(row["id"]): Project.of(row) for row in found.projects}
        self._groups = [
            Place("group", int(row["id"]), str(row.get("full_path", row["id"])), None)
            for row in found.groups
        ]

    def verdicts(self) -> dict[str, Verdict]:
        """A verdict for each stream, in declared order.

        Raises:
            Unauthorized: the token was refused meanwhile.
        """
        declared = streams()
        children: dict[str, list[Stream]] = {}
        found: dict[str, Verdict] = {}
        tasks: list[Callable[[], dict[str, Verdict]]] = []
        for stream in declared.values():
            if stream.kind == "child":
                children.setdefault(stream.parent or "", []).append(stream)
        for stream in declared.values():
            if stream.kind == "child":
                continue
            known = self._known(stream)
            below = children.get(stream.name, [])
            if known:
                found |= {one.name: known for one in (stream, *below)}
            else:
                tasks.append(partial(self._family, stream, below))
        for verdicts in self._prefetcher.in_order(tasks, max(len(tasks), 1)):
            found |= verdicts
        return {name: found[name] for name in declared}

    def _known(self, stream: Stream) -> Verdict | None:
        """What can be told without asking."""
        if stream.kind == "inventory":
            return self._inventory(stream)
        if stream.tier != "free" and self._enterprise is False:
            message = "This GitLab is the Community Edition, which does not have it."
            return Verdict(f"{NEEDS_TIER} {stream.tier.capitalize()}", message)
        if self._places(stream):
            return None
        if self._only_groups(stream) or not self._found.projects:
            what = "group" if self._only_groups(stream) else "project"
            return Verdict(EMPTY_SCOPE, f"There is no {what} in scope, so it has no rows.")
        return Verdict(FEATURE_OFF, f"{stream.feature} is switched off in {self._sample()}.")

    def _inventory(self, stream: Stream) -> Verdict:
        if stream.name == "groups":
            if not self._found.groups:
                return Verdict(EMPTY_SCOPE, "There is no group in scope, so it has no rows.")
            return Verdict(OK, f"Seen: {self._groups[0].path}.")
        if not self._found.projects:
            return Verdict(EMPTY_SCOPE, "There is no project in scope, so it has no rows.")
        first = self._features[int(self._found.projects[0]["id"])]
        return Verdict(OK, f"Seen: {first.path}.")

    @staticmethod
    def _only_groups(stream: Stream) -> bool:
        return stream.kind == "group" or stream.containers == ("group",)

    def _reads_groups(self, stream: Stream) -> bool:
        """Whether a read would take the stream from a group's list."""
        if not self._groups or stream.kind == "project":
            return False
        return self._only_groups(stream) or self._found.whole

    def _places(self, stream: Stream) -> list[Place]:
        """Where to try the stream, most promising first."""
        if self._reads_groups(stream):
            return self._groups[:_PLACES]
        if self._only_groups(stream):
            return []
        places = []
        for row in self._found.projects:
            project = self._features[int(row["id"])]
            if stream.feature is None or stream.feature not in project.off:
                empty = stream.feature == "repository" and bool(row.get("empty_repo"))
                place = Place("project", project.id, project.path, _level(row))
                places.append((empty, project.archived, place))
        # A stable sort, so that among equals the project that was active last comes first.
        places.sort(key=lambda entry: entry[:2])
        return [place for _, _, place in places[:_PLACES]]

    def _sample(self) -> str:
        paths = [self._features[int(row["id"])].path for row in self._found.projects]
        if len(paths) == 1:
            return paths[0]
        return f"each of the {len(paths)} projects looked at ({paths[0]}, …)"

    def _family(self, stream: Stream, below: list[Stream]) -> dict[str, Verdict]:
        """The verdicts on a stream and on those that hang on its rows."""
        verdict = Verdict(NOT_PROBED, "The test ran out of time or requests.")
        row: Row | None = None
        too_low = -1
        for found_place in self._places(stream):
            try:
                place = self._with_level(found_place) if too_low >= 0 else found_place
                if place.level is not None and place.level <= too_low:
                    continue
                trial = self._try(stream, place)
            except OutOfBudget:
                break
            if verdict.verdict == NOT_PROBED or trial.verdict.readable:
                verdict = trial.verdict
            row = row or trial.row
            if verdict.verdict == OK and (row or not below):
                break
            if verdict.verdict.startswith((NEEDS_SCOPE, NEEDS_TOKEN, NEEDS_ANOTHER_TOKEN)):
                break
            if trial.verdict.verdict.startswith(NEEDS_ROLE):
                too_low = self._with_level(place).level or 0
        found = {stream.name: verdict}
        for child in below:
            found[child.name] = self._child(child, stream, verdict, row)
        return found

    def _try(self, stream: Stream, place: Place) -> Trial:
        path = f"{place.kind}s/{place.id}/{stream.path}"
        query = {**stream.query, **stream.queries[0], "per_page": 1}
        if place.kind == "group":
            query |= stream.group_query
        try:
            rows = self._budget.rows(path, query).data
        except Skipped as error:
            return Trial(self._refused(stream, self._with_level(place), error))
        except ReadError as error:
            return Trial(Verdict(PROBE_FAILED, str(error)))
        what = "Read from" if rows else "No rows yet in"
        return Trial(Verdict(OK, f"{what} {place.path}."), rows[0] if rows else None)

    def _with_level(self, place: Place) -> Place:
        """The place with the token's role in it, which the list of a group's projects lacks.

        Each project is asked for once, whatever streams are tried in it.
        """
        if place.kind != "project" or not place.id or place.level is not None:
            return place
        with self._asking:
            if place.id not in self._levels:
                try:
                    level = _level(self._budget.one(f"projects/{place.id}"))
                except (ReadError, Skipped):
                    # Without the role, the verdict says as much as the refusal itself.
                    level = None
                self._levels[place.id] = level
            return replace(place, level=self._levels[place.id])

    def _child(self, child: Stream, parent: Stream, above: Verdict, row: Row | None) -> Verdict:
        if above.verdict != OK:
            return Verdict(above.verdict, f"As {parent.name}, which it is read through.")
        if row is None:
            message = f"{parent.name} can be read, but had no row to try it on."
            return Verdict(NOT_PROBED, message)
        try:
            self._ask_below(child, row)
        except OutOfBudget:
            return Verdict(NOT_PROBED, "The test ran out of time or requests.")
        except Skipped as error:
            where = f"{parent.name} {row.get('iid', row.get('id'))}"
            return self._refused(child, Place(parent.containers[-1], 0, where, None), error)
        except ReadError as error:
            return Verdict(PROBE_FAILED, str(error))
        return Verdict(OK, f"Read below a row of {parent.name}.")

    def _ask_below(self, child: Stream, row: Row) -> None:
        """Ask for what hangs on a row; raises as the budget does."""
        try:
            path = child.path.format_map(row)
        except KeyError as error:
            message = f"A row of {child.parent} came without {error}."
            raise ReadError(message) from error
        if child.walk == "object":
            self._budget.one(path)
        else:
            self._budget.rows(path, {**child.query, "per_page": 1})

    def _refused(self, stream: Stream, place: Place, error: Skipped) -> Verdict:
        """What would have to change, as far as it can be told from outside."""
        if error.status == 401:  # noqa: PLR2004 -- the HTTP status itself
            wanted = NEEDS_TOKEN if self._kind == "none" else NEEDS_ANOTHER_TOKEN
            return Verdict(wanted, str(error))
        if error.reason == "scope":
            return Verdict(f"{NEEDS_SCOPE} read_api", str(error))
        if stream.tier != "free":
            tier = stream.tier.capitalize()
            message = f"{place.path} has no {tier} licence, or it is switched off. {error}"
            return Verdict(f"{NEEDS_TIER} {tier}", message)
        declared = _LEVELS[stream.role]
        # Guests of a private project see neither its code nor its pipelines
        # (https://docs.gitlab.com/user/permissions/).
        needed = max(declared, _REPORTER) if place.kind == "project" else declared
        if place.level is not None and place.level < needed:
            have = _ROLES.get(place.level, "less")
            message = f"The token's user is {have} in {place.path}. {error}"
            return Verdict(f"{NEEDS_ROLE} {_ROLES[needed]}", message)
        if stream.feature or place.kind == "group":
            message = f"It is switched off in {place.path}, or kept to members. {error}"
            return Verdict(FEATURE_OFF, message)
        higher = next((level for level in (30, 40, 50) if level > (place.level or 0)), 50)
        return Verdict(f"{NEEDS_ROLE} {_ROLES[higher]}", str(error))


def _level(row: Row) -> int | None:
    """The token's role in a project, directly or through a group; None when the row has none."""
    permissions = row.get("permissions")
    if not isinstance(permissions, dict):
        return None
    levels = [entry.get("access_level") for entry in permissions.values() if entry]
    return max((level for level in levels if isinstance(level, int)), default=0)
