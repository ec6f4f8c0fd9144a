"""What a sync did, by stream, and the exit code that says it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from source_gitlab.engine.exit_codes import DONE, INCOMPLETE, INTERRUPTED, USAGE

if TYPE_CHECKING:
    from source_gitlab.core.skip_log import Entry


@dataclass
class Tally:
    """What a sync did to one stream, in rows; `total` is what the file holds at the end."""

    read: int = 0
    new: int = 0
    updated: int = 0
    removed: int = 0
    total: int = 0
    problem: str | None = None
    misnamed: bool = False


@dataclass
class Outcome:
    """What a sync did. `since` is when the file was last synced before, or None.

    `fatal` is why the sync stopped early, and `fatal_code` the exit code that it makes;
    `interrupted` tells that the user stopped it. Without `compares`, nobody knows which rows were
    there before: tallies have those that were written as `new`.
    """

    tallies: dict[str, Tally]
    since: str | None
    requests: int = 0
    seconds: float = 0.0
    selection: list[Entry] = field(default_factory=list)
    skipped: list[Entry] = field(default_factory=list)
    failed: list[Entry] = field(default_factory=list)
    fatal: str | None = None
    fatal_code: int = INCOMPLETE
    interrupted: bool = False
    compares: bool = True

    @property
    def complete(self) -> bool:
        """Whether every stream was read to its end."""
        return self.fatal is None and not self.interrupted and not self.incomplete

    @property
    def status(self) -> str:
        """How it ended: "complete", "incomplete" or "interrupted"."""
        if self.interrupted:
            return "interrupted"
        return "complete" if self.complete else "incomplete"

    @property
    def code(self) -> int:
        """The exit code that says it to a scheduler."""
        if self.interrupted:
            return INTERRUPTED
        if self.fatal is not None:
            return self.fatal_code
        if not self.incomplete:
            return DONE
        # What was named wrongly stays wrong, however often it is read; what failed may not.
        failed = any(entry.reason == "failed" for entry in self.selection)
        return USAGE if set(self.incomplete) <= self.misnamed and not failed else INCOMPLETE

    @property
    def misnamed(self) -> set[str]:
        """The streams that lack nothing but what the user named and is not there."""
        return {name for name, tally in self.tallies.items() if tally.misnamed}

    @property
    def incomplete(self) -> dict[str, str]:
        """Why, by stream that was not read to its end."""
        return {name: tally.problem for name, tally in self.tallies.items() if tally.problem}

    @property
    def changed(self) -> int:
        """Rows that are new, updated or gone."""
        return sum(t.new + t.updated + t.removed for t in self.tallies.values())
