"""What a state was made with: which GitLab, from which start date on, and as whom.

A state says "everything up to here is read". That holds for the GitLab, the start date and the
user that it was made with, and for no others, so it names them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from source_gitlab.reading.instants import at, instant

if TYPE_CHECKING:
    from collections.abc import Mapping

# GitLab's clock and the user's may differ, and so do their time zones.
_TOLERANCE_SECONDS = 86_400


@dataclass(frozen=True)
class Origin:
    """What a state was made with.

    `instance` is the name of the GitLab (`addresses.instance_name`), `start_date` the instant
    before which rows may not have been read (None: all were), `user` the token's user, with a
    `+` behind one who sees everything (None: it was not known).
    """

    instance: str
    start_date: str | None = None
    user: str | None = None

    def to_json(self) -> dict[str, str]:
        """The origin as JSON; what is None is left out."""
        found = {"instance": self.instance, "start_date": self.start_date, "user": self.user}
        return {name: value for name, value in found.items() if value is not None}

    @classmethod
    def load(cls, raw: Mapping[str, Any]) -> Origin:
        """The origin that `to_json` wrote.

        Raises:
            KeyError, ValueError: it did not.
        """
        start, user = raw.get("start_date"), raw.get("user")
        return cls(
            instance=str(raw["instance"]),
            start_date=instant(start) if start else None,
            user=str(user) if user else None,
        )

    def reaches(self, start_date: str | None) -> bool:
        """Whether what was read goes back to `start_date` (None: to the first row)."""
        return (self.start_date or "") <= (start_date or "")

    def shows_all_to(self, user: str | None) -> bool:
        """Whether `user` sees no more than the one with whom all this was read."""
        known = self.user
        return known is None or user is None or user in {known, known.removesuffix("+")}

    def since(self, start_date: str | None) -> Origin:
        """The same, but read from `start_date` on only."""
        return replace(self, start_date=start_date)


def lies_ahead(start_date: str, now: float) -> bool:
    """Whether `start_date` is in the future, whatever the clocks; `now` in seconds since 1970."""
    return instant(start_date) > at(now + _TOLERANCE_SECONDS)
