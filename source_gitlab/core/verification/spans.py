"""Spans of time, by when rows were created."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from source_gitlab.timestamps import plus

if TYPE_CHECKING:
    from source_gitlab.gitlab.client import Query


@dataclass(frozen=True, order=True)
class Span:
    """What was created from `after` on ("": from the first row on) and before `before`.

    Both are instants of whole milliseconds. GitLab stores microseconds and sends milliseconds,
    cut, so a row lies in the same span by what GitLab stores and by what it sends.
    """

    after: str
    before: str

    @property
    def query(self) -> Query:
        """The filters that a list takes for it, which include their bounds."""
        after: Query = {"created_after": self.after} if self.after else {}
        # The last microsecond in front of the bound.
        return {**after, "created_before": f"{plus(self.before, milliseconds=-1)[:-1]}999Z"}

    def cut(self, middle: str) -> tuple[Span, Span]:
        """The same in two parts."""
        return Span(self.after, middle), Span(middle, self.before)

    def holds(self, instant: str) -> bool:
        """Whether an instant lies in it."""
        return self.after <= instant < self.before
