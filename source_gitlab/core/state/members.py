"""What a state knows of a group: whose rows its lists were read for, and what they were."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from source_gitlab.core.state import id_sets
from source_gitlab.core.state.parts import moment, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet


@dataclass
class GroupState:
    """How far the list of one group is read (None: it is planned only), and for which members.

    `entered` counts members that were seen to have come since, and are not read yet. `standing`
    is how the user stood when it was read (standings.py; None: not known), and `partial` are the
    members of which the user's role showed a part only.
    """

    through: str | None = None
    projects: set[int] = field(default_factory=set)
    others: int = 0
    listed: str | None = None
    entered: int = field(default=0, compare=False)
    standing: str | None = None
    partial: set[int] = field(default_factory=set)

    def to_json(self, projects: str) -> dict[str, Any]:
        """The group as JSON, with its projects as text.

        Of the members that are partial, and those that are not, the smaller set is written.
        """
        result: dict[str, Any] = {"projects": projects, "others": self.others}
        known = {"through": self.through, "listed": self.listed, "standing": self.standing}
        result |= {name: value for name, value in known.items() if value is not None}
        partial = self.partial & self.projects
        if 2 * len(partial) > len(self.projects):
            result["full"] = id_sets.encode(self.projects - partial)
        elif partial:
            result["partial"] = id_sets.encode(partial)
        return result

    @classmethod
    def load(cls, raw: Mapping[str, Any]) -> GroupState:
        """The group that `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: it did not.
        """
        projects = id_sets.decode(raw["projects"])
        partial = id_sets.decode(raw["partial"]) if "partial" in raw else set()
        return cls(
            through=moment(raw["through"]) if raw.get("through") else None,
            projects=projects,
            others=number(raw["others"]),
            listed=moment(raw["listed"]) if raw.get("listed") else None,
            standing=str(raw["standing"]) if raw.get("standing") is not None else None,
            partial=projects - id_sets.decode(raw["full"]) if "full" in raw else partial,
        )


@dataclass(frozen=True)
class MemberAccess:
    """How the user stands in the members of a group, and those of which only a part is shown."""

    standing: str | None = None
    partial: AbstractSet[int] = frozenset()


@dataclass
class ProjectsListed:
    """What is known of a group whose projects are read on their own.

    One list of the group held what `digest` tells from the read of `changed` on; both are None
    for streams that no such list tells of. When they were `listed`, `others` of the group's
    projects were left out on purpose.
    """

    digest: str | None = None
    changed: str | None = None
    others: int = 0
    listed: str | None = None

    def to_json(self) -> dict[str, Any]:
        """What is held as JSON; what is empty is left out."""
        return {name: value for name, value in asdict(self).items() if value}

    @classmethod
    def load(cls, raw: Mapping[str, Any]) -> ProjectsListed:
        """What `to_json` wrote.

        Raises:
            TypeError, ValueError: it did not.
        """
        return cls(
            digest=str(raw["digest"]) if raw.get("digest") else None,
            changed=moment(raw["changed"]) if raw.get("changed") else None,
            others=number(raw.get("others", 0)),
            listed=moment(raw["listed"]) if raw.get("listed") else None,
        )


def covered_by(groups: Iterable[GroupState]) -> dict[int, str]:
    """How far projects were read as members of groups, which may be read on their own now."""
    covered: dict[int, str] = {}
    for group in groups:
        if group.through is not None:
            for one in group.projects - group.partial:
                covered[one] = max(group.through, covered.get(one, ""))
    return covered
