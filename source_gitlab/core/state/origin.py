"""What a state was made with: which GitLab, from which start date on, and as whom.

A state says "everything up to here is read". That holds for the GitLab, the start date and the
user that it was made with, and for no others, so it names them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from source_gitlab.config.shard import Shard
from source_gitlab.core.state.parts import moment
from source_gitlab.timestamps import at, instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# GitLab's clock and the user's may differ, and so do their time zones.
_TOLERANCE_SECONDS = 86_400


@dataclass(frozen=True)
class Origin:
    """What a state was made with.

    `instance` is the name of the GitLab (`addresses.instance_name`), `start_date` the instant
    before which rows may not have been read (None: all were), `user` the token's user, with a
    `+` behind one who sees everything, and `selection` what was chosen, as `selection_of` writes it
    (None for both: it was not known). `shard` is the part of it that the last read took, as `2/4`
    (None: all of it).
    """

    instance: str
    start_date: str | None = None
    user: str | None = None
    selection: str | None = None
    shard: str | None = None

    def to_json(self) -> dict[str, str]:
        """The origin as JSON; what is None is left out."""
        found = {"instance": self.instance, "start_date": self.start_date, "user": self.user}
        found |= {"selection": self.selection, "shard": self.shard}
        return {name: value for name, value in found.items() if value is not None}

    @classmethod
    def load(cls, raw: Mapping[str, Any]) -> Origin:
        """The origin that `to_json` wrote.

        Raises:
            KeyError, ValueError: it did not.
        """
        start, user, selection = raw.get("start_date"), raw.get("user"), raw.get("selection")
        shard = raw.get("shard")
        return cls(
            instance=str(raw["instance"]),
            start_date=moment(start) if start else None,
            user=str(user) if user else None,
            selection=str(selection) if selection else None,
            shard=str(Shard.parse(str(shard))) if shard else None,
        )

    def reaches(self, start_date: str | None) -> bool:
        """Whether what was read goes back to `start_date` (None: to the first row)."""
        return (self.start_date or "") <= (start_date or "")

    def shows_all_to(self, user: str | None) -> bool:
        """Whether `user` sees no more than the one with whom all this was read."""
        known = self.user
        return known is None or user is None or user in {known, known.removesuffix("+")}

    def lost(self, chosen: Sequence[Chosen], *, archived: bool) -> bool:
        """Whether something that was chosen then may not be in what is `chosen` now.

        A name that does not resolve may be another one of anything that was chosen before.
        """
        if self.selection is None:
            return False
        before = set(self.selection.split(","))
        now = set(selection_of(chosen, archived=archived).split(","))
        now |= {f"{one.kind}{_digest(name)}" for one in chosen for name in one.names}
        # Projects that are named are all that is read of projects, whatever groups are.
        if _names_projects(now) and not _names_projects(before):
            return True
        gone = before - now
        for kind in ("g", "p"):
            ids = {token for token in gone if token.startswith(kind.upper())}
            if len(ids) <= sum(one.kind == kind and one.id is None for one in chosen):
                gone -= ids
        return bool(gone)

    def since(self, start_date: str | None) -> Origin:
        """The same, but read from `start_date` on only."""
        return replace(self, start_date=start_date)


def lies_ahead(start_date: str, now: float) -> bool:
    """Whether `start_date` is in the future, whatever the clocks; `now` in seconds since 1970."""
    return instant(start_date) > at(now + _TOLERANCE_SECONDS)


@dataclass(frozen=True)
class Chosen:
    """A group (`kind` is "g") or project ("p") that was named.

    `id` is None where it does not resolve. `names` are what it is called: as it was written, its
    path, and its id.
    """

    kind: str
    id: int | None
    names: tuple[str, ...]

    @classmethod
    def of(cls, kind: str, name: str, row: Mapping[str, Any] | None) -> Chosen:
        """What was written as `name`, with GitLab's `row` of it, if there is one."""
        if row is None:
            return cls(kind, int(name) if name.isdecimal() else None, (name,))
        path = row.get("path_with_namespace") or row.get("full_path") or name
        return cls(kind, row["id"], (name, str(path), str(row["id"])))


def selection_of(chosen: Iterable[Chosen], *, archived: bool) -> str:
    """What is chosen, as text: `G10` for a group and `P101` for a project, whatever their names.

    What does not resolve has a digest of its name instead, behind `g` or `p`, as everything had in
    states of before; `*` stands for all, `a` for archived projects.
    """
    names = {
        f"{one.kind}{_digest(one.names[0])}" if one.id is None else f"{one.kind.upper()}{one.id}"
        for one in chosen
    }
    return ",".join(sorted((names or {"*"}) | ({"a"} if archived else set())))


def _digest(name: str) -> str:
    return hashlib.blake2b(name.casefold().encode(), digest_size=4).hexdigest()


def _names_projects(selection: Iterable[str]) -> bool:
    return any(name.startswith(("p", "P")) for name in selection)
