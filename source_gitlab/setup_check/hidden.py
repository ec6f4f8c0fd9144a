"""Lists of groups that come empty because the token's role is too low to be shown their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_gitlab.core.access_levels import depends_on_role, least_to_see, shut
from source_gitlab.gitlab.errors import ReadError, Skipped
from source_gitlab.setup_check.probes import called
from source_gitlab.setup_check.result import NEEDS_ROLE, NEEDS_TOKEN, PROBE_FAILED, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection

    from source_gitlab.core.inventory import Project
    from source_gitlab.gitlab.pagination import Query
    from source_gitlab.setup_check.budget import Budget
    from source_gitlab.setup_check.identity import Identity
    from source_gitlab.setup_check.probes import Place, Probes
    from source_gitlab.streams import Stream


class HiddenRows:
    """Tells an empty list from one whose rows are kept from the token. Thread-safe."""

    def __init__(
        self,
        budget: Budget,
        probes: Probes,
        identity: Identity,
        projects: Collection[Project],
        inside: Query,
    ) -> None:
        """Ask nothing yet; `inside` is the query of the projects of a group that are in scope."""
        self._budget = budget
        self._probes = probes
        self._identity = identity
        self._projects = projects
        self._inside = inside

    def verdict(self, stream: Stream, place: Place) -> Verdict | None:
        """What is said of a stream whose list of a group is empty; None where that is all.

        Rows are hidden where the role is too low in each project that was looked at, and GitLab
        has no project of the group in which it is higher, as a sync finds out, too.

        Raises:
            OutOfBudget: it was not asked.
            Unauthorized: the token was refused meanwhile.
        """
        if place.kind != "group" or self._identity.sees_all or not depends_on_role(stream):
            return None
        inside = f"{place.path.lower()}/"
        among = [one for one in self._projects if one.path.lower().startswith(inside)]
        reason = self._reason(stream, among, 0)
        if reason is None:
            return None
        least = least_to_see(stream)
        if self._identity.kind == "none":
            return Verdict(NEEDS_TOKEN, reason)
        query: Query = {**self._inside, "simple": True, "min_access_level": least, "per_page": 1}
        try:
            if self._budget.rows(f"groups/{place.id}/projects", query).data:
                return None
        except (ReadError, Skipped) as error:
            return Verdict(PROBE_FAILED, str(error))
        level = self._probes.with_level(place).level
        is_low = level is None or self._reason(stream, among, level) is not None
        if level is not None:
            reason = f"The token's user is {called(level)} in {place.path}. {reason}"
        return Verdict(f"{NEEDS_ROLE} {called(least)}", reason) if is_low else None

    @staticmethod
    def _reason(stream: Stream, projects: Collection[Project], level: int) -> str | None:
        """Why the role is shown no rows of any of these projects; None where it may be."""
        reasons = [shut(stream, project, level) for project in projects]
        return None if None in reasons else next(iter(reasons), None)
