"""What a stream takes to be read, so that one that was tried speaks for others.

With hundreds of streams, a request for each would be more than a test may cost. What GitLab refuses
it refuses by tier, by role and by what is switched off, alike for all lists that take the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from source_gitlab.core.access_levels import depends_on_role
from source_gitlab.setup_check.result import FEATURE_OFF, NEEDS_ROLE, NEEDS_TIER, OK, Verdict
from source_gitlab.streams.vocabulary import ROLES, TIERS

if TYPE_CHECKING:
    from source_gitlab.streams import Stream

_TIERS: Final = tuple(f"{NEEDS_TIER} {tier.capitalize()}" for tier in TIERS)


@dataclass(frozen=True)
class Needs:
    """What a stream takes: `place` is the kind of its container, or the parent that it is below.

    It tells of GraphQL, too, where the list is there.

    `role` is enough everywhere, and `least` may be: some lists are open to lesser roles in some
    projects, or show them less instead of refusing. `family` are the first words of its path:
    lists of one family most often share all the rest.
    """

    place: str
    tier: str
    feature: str | None
    role: str
    least: str
    family: str

    @classmethod
    def of(cls, stream: Stream, place: str) -> Needs:
        """The needs of a stream whose list is tried in a container of the kind `place`."""
        where = f"below {stream.parent}" if stream.parent else place
        if stream.walk == "graphql":
            # Another API: a token, a proxy or a licence may be good for one of them alone.
            where += " in GraphQL"
        family = stream.path.rpartition("}")[2].strip("/").partition("/")[0]
        # Where GitLab answers everybody, with less to some, an answer tells nothing of the role.
        is_open = stream.role == stream.less_below
        role = ROLES[0] if is_open else role_of(stream)
        least = ROLES[0] if is_open or depends_on_role(stream) else stream.role
        return cls(where, stream.tier, stream.feature, role, least, family)

    @property
    def broad(self) -> Needs:
        """The same for all families."""
        return replace(self, family="")


def role_of(stream: Stream) -> str:
    """The role for which GitLab refuses a stream for no other reason than what is switched off.

    Pipelines and jobs are read by guests where they are public, and by reporters elsewhere
    (`public_builds` in app/policies/project_policy.rb).
    """
    if stream.feature == "builds":
        return max(stream.role, "reporter", key=ROLES.index)
    return stream.role


def speaks_for(tried: Needs, verdict: Verdict, other: Needs) -> int:
    """How well a stream that was tried tells of another one; 0 when it does not.

    A role that is enough is so for lesser ones, and one that is too low is so for greater ones.
    What is switched off is told of lists of the same feature or family alone.
    """
    by_role = verdict.verdict.startswith(NEEDS_ROLE)
    is_known = by_role or verdict.verdict in {OK, FEATURE_OFF, *_TIERS}
    if not is_known or (tried.place, tried.tier) != (other.place, other.tier):
        return 0
    if tried == other:
        return 3
    if tried.broad == other.broad and (verdict.verdict != FEATURE_OFF or tried.feature):
        return 2
    if verdict.verdict == OK:
        return int(ROLES.index(tried.least) >= ROLES.index(other.role))
    return int(by_role and ROLES.index(tried.role) <= ROLES.index(other.least))
