"""One stream, tried at one place: a row of its list, or what a refusal of it means."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from source_gitlab.core.refusals import judged
from source_gitlab.core.transform import RowTransformer
from source_gitlab.core.walks.connection_source import Source
from source_gitlab.core.walks.connections import shows
from source_gitlab.core.walks.graphql import of_few_days
from source_gitlab.core.walks.objects import asked
from source_gitlab.gitlab.errors import ReadError, Skipped
from source_gitlab.setup_check.needs import role_of
from source_gitlab.setup_check.result import (
    FEATURE_OFF,
    NEEDS_ANOTHER_TOKEN,
    NEEDS_ROLE,
    NEEDS_SCOPE,
    NEEDS_TIER,
    NEEDS_TOKEN,
    OK,
    PROBE_FAILED,
    Verdict,
)
from source_gitlab.streams.vocabulary import ADMIN, LEVELS, ROLES
from source_gitlab.timestamps import at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.gitlab.graphql import Operation, Reply
    from source_gitlab.gitlab.pagination import Missed, Query, Row
    from source_gitlab.setup_check.budget import Budget
    from source_gitlab.setup_check.identity import Identity
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


@dataclass(frozen=True)
class Place:
    """A container that streams are tried on, or a parent's row that they are below.

    `level` is the token's role there, if known.
    """

    kind: str
    id: int
    path: str
    level: int | None = None


@dataclass(frozen=True)
class Trial:
    """How it went at one place; `row` came, in the shape that the streams below it take."""

    verdict: Verdict
    row: Row | None = None


class _Asked:
    """One list in GraphQL, with what of its first page does not come."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.api_url = budget.api_url
        self.missed: list[Missed] = []

    def graphql(self, operation: Operation, _named: str) -> Reply:
        return self._budget.graphql(operation)

    def note(self, *missed: Missed) -> None:
        self.missed += missed


class Probes:
    """Tries streams within a budget. Thread-safe."""

    def __init__(self, budget: Budget, identity: Identity) -> None:
        """Ask nothing yet; `identity` is that of the token."""
        self._budget = budget
        self._identity = identity
        self._asking = threading.Lock()
        self._levels: dict[tuple[str, int], int | None] = {}

    def at(self, stream: Stream, place: Place) -> Trial:
        """A stream in a group or project, or in the whole GitLab.

        Raises:
            OutOfBudget: it was not asked.
            Unauthorized: the token was refused meanwhile.
        """
        of_place = stream.parameters(place.kind, place.id, place.path)
        query: Query = {**of_place, **stream.queries[0]}
        try:
            address = stream.address(place.kind, place.id)
            if stream.walk == "graphql":
                today = of_few_days(stream, at(self._budget.now()))
                rows = self._shown(Source.of(stream, place.kind, place.path, place.id), today)
            else:
                rows = self._rows(stream, address, query)
            shaped = RowTransformer(stream).transform(rows[:1], {f"{place.kind}_id": place.id})
        except (ReadError, Skipped) as refusal:
            error = judged(stream, refusal)
            if isinstance(error, Skipped):
                return Trial(self._refused(stream, place, error))
            if error is not None:
                return Trial(Verdict(PROBE_FAILED, str(error)))
            rows = shaped = []
        what = "Read from" if rows else "No rows yet in"
        return Trial(Verdict(OK, f"{what} {place.path}."), next(iter(shaped), None))

    def below(self, child: Stream, parent: Stream, row: Row) -> Trial:
        """A stream below a row of its parent; raises as `at` does."""
        try:
            if child.walk == "graphql":
                rows = self._shown(Source.below(child, row, parent.address_of(row)), {})
            else:
                rows = self._rows(child, child.address(parent=row), dict(child.query), row)
            shaped = RowTransformer(child).transform(rows[:1], parent=row)
        except KeyError as error:
            message = f"A row of {parent.name} came without {error}."
            return Trial(Verdict(PROBE_FAILED, message))
        except Skipped as error:
            path = f"{parent.name} {row.get('iid', row.get('id'))}"
            kind = parent.containers[-1]
            container = row.get(f"{kind}_id")
            number = container if type(container) is int else 0
            # Who was shown the parent's row has a role that is enough for what takes no more.
            takes_no_more = ROLES.index(child.role) <= ROLES.index(parent.role)
            is_enough = child.tier == "free" and takes_no_more
            level = LEVELS.get(role_of(child)) if is_enough else None
            return Trial(self._refused(child, Place(kind, number, path, level), error))
        except ReadError as error:
            return Trial(Verdict(PROBE_FAILED, str(error)))
        message = f"Read below a row of {parent.name}."
        return Trial(Verdict(OK, message), next(iter(shaped), None))

    def with_level(self, place: Place) -> Place:
        """The place with the token's role in it, which lists of groups and projects lack.

        Each group or project is asked for once, whatever streams are tried in it.
        """
        if place.kind == "instance" or not place.id or place.level is not None:
            return place
        with self._asking:
            known = (place.kind, place.id)
            if known not in self._levels:
                try:
                    self._levels[known] = self._level(place)
                except (ReadError, Skipped):
                    # Without the role, the verdict says as much as the refusal itself.
                    self._levels[known] = None
            return replace(place, level=self._levels[known])

    def _level(self, place: Place) -> int | None:
        if place.kind == "project":
            return level_of(self._budget.one(f"projects/{place.id}"))
        if self._identity.user is None:
            return None
        path = f"groups/{place.id}/members/all/{self._identity.user}"
        try:
            level = self._budget.one(path).get("access_level")
        except Skipped as error:
            if error.status != 404:  # noqa: PLR2004 -- the HTTP status itself
                raise
            return 0
        return level if isinstance(level, int) else None

    def _shown(self, source: Source, variables: Mapping[str, Any]) -> list[Row]:
        page = _Asked(self._budget)
        rows = shows(page, source, variables)
        if page.missed and not rows:
            raise ReadError(page.missed[0].message, url=page.missed[0].url)
        return rows

    def _rows(
        self, stream: Stream, address: str, query: Query, parent: Row | None = None
    ) -> list[Row]:
        if stream.walk == "object":
            return asked(stream, self._budget, address, query, parent)
        rows: list[Row] = self._budget.rows(address, {**query, "per_page": 1}).data
        return rows

    def _refused(self, stream: Stream, place: Place, error: Skipped) -> Verdict:
        """What would have to change, as far as it can be told from outside."""
        if error.status == 401:  # noqa: PLR2004 -- the HTTP status itself
            wanted = NEEDS_TOKEN if self._identity.kind == "none" else NEEDS_ANOTHER_TOKEN
            return Verdict(wanted, str(error))
        if error.reason == "scope":
            return Verdict(f"{NEEDS_SCOPE} read_api", str(error))
        if stream.role == ADMIN:
            return Verdict(f"{NEEDS_ROLE} Administrator", str(error))
        if stream.tier != "free":
            known = self.with_level(place) if _may_be_role(stream) else place
            return self._refused_by_tier(stream, known, error)
        return self._refused_by_role(stream, self.with_level(place), error)

    def _refused_by_tier(self, stream: Stream, place: Place, error: Skipped) -> Verdict:
        """The tier, and the role as well where that may be too low.

        What a policy forbids is refused, or null in GraphQL (lib/gitlab/graphql/authorize/), and
        does not tell whether that was for the role or for the licence.
        """
        tier, needed = stream.tier.capitalize(), LEVELS[stream.role]
        message = f"{place.path} has no {tier} licence, or it is switched off"
        is_enough = place.level is not None and place.level >= needed
        if is_enough or self._identity.sees_all or not _may_be_role(stream):
            return Verdict(f"{NEEDS_TIER} {tier}", f"{message}. {error}")
        role = _ROLES[needed]
        have = "of a role that is not known"
        if place.level is not None:
            have = called(place.level)
        message = (
            f"It takes the role {role}, and the token's user is {have}; or {message}. GitLab's"
            f" answer is the same. {error}"
        )
        return Verdict(f"{NEEDS_ROLE} {role} or tier {tier}", message)

    def _refused_by_role(self, stream: Stream, place: Place, error: Skipped) -> Verdict:
        """The role where it is known to be too low; otherwise what else may be in the way."""
        needed = LEVELS[role_of(stream)]
        role = _ROLES[needed]
        if self._identity.sees_all or (place.level is not None and place.level >= needed):
            message = f"The token's role is enough: it is switched off in {place.path}, or hidden"
        elif place.level is not None:
            message = f"The token's user is {called(place.level)} in {place.path}. {error}"
            return Verdict(f"{NEEDS_ROLE} {role}", message)
        elif place.kind == "instance":
            message = f"It is switched off in {place.path}, or kept from this token"
        else:
            kept = "members" if needed == LEVELS["guest"] else f"those with the role {role}"
            message = f"It is switched off in {place.path}, or kept to {kept}"
        return Verdict(FEATURE_OFF, f"{message}. {error}")


def _may_be_role(stream: Stream) -> bool:
    """Whether a refusal may be that of the tier and that of the role."""
    is_paid = stream.tier != "free" and stream.role != ADMIN
    return is_paid and LEVELS[stream.role] > LEVELS["guest"]


def called(level: int) -> str:
    """The name of a role."""
    return _ROLES.get(level, "less")


def level_of(row: Row) -> int | None:
    """The token's role in a project, directly or through a group; None when the row has none."""
    permissions = row.get("permissions")
    if not isinstance(permissions, dict):
        return None
    levels = [entry.get("access_level") for entry in permissions.values() if entry]
    return max((level for level in levels if isinstance(level, int)), default=0)
