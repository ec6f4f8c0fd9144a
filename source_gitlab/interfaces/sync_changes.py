"""What a sync does to a table: which rows came, and which of those that did not are gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from source_gitlab.interfaces.sql_text import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Collection

    from source_gitlab.core.extent import Part


@dataclass(frozen=True)
class Changes:
    """What a replacement did to a table, in rows."""

    new: int
    changed: int
    removed: int

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.removed)


@dataclass(frozen=True)
class Gone:
    """Which rows are gone, of those that a replacement did not bring.

    With `all_but`, those whose `column` has none of the `ids`; without it, those whose `column` has
    one of them. A row without a value there is never gone. With `since`, a column of times and an
    instant, only rows from then on: earlier ones were not asked for. With a `part`, only rows whose
    id it holds: others are another read's.
    """

    column: str
    ids: Collection[int]
    all_but: bool
    since: tuple[str, str] | None = None
    part: Part | None = None

    @property
    def condition(self) -> str:
        """The same in SQL, of a table `o`."""
        own = [self._owner]
        if self.part is not None and self.column:
            of_part = f"o.{quoted(self.column)} + {self.part.first}"
            own.append(f"({of_part}) % {self.part.of} = {self.part.rest}")
        return " AND ".join([*own, self._asked] if self.since else own)

    @property
    def _owner(self) -> str:
        column = f"o.{quoted(self.column)}"
        if not self.ids:
            return f"{column} IS NOT NULL" if self.all_but else "false"
        listed = ", ".join(map(str, sorted(self.ids)))
        return f"{column} {'NOT IN' if self.all_but else 'IN'} ({listed})"

    @property
    def _asked(self) -> str:
        column, instant = self.since or ("", "")
        return f"coalesce(o.{quoted(column)} >= TIMESTAMPTZ {literal(instant)}, false)"


NOTHING: Final = Gone("", (), all_but=False)
"""No row is gone."""
