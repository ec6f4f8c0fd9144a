"""What a chart or a tile asks views: the query in pieces, between which conditions fit."""

# The only texts put into SQL here stand in `charts`; the path of a group is a literal.
# ruff: noqa: S608

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from source_gitlab.views.catalog import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST: Final = 10
"""How many names a ranking has at most."""


@dataclass(frozen=True)
class Question:
    """Rows of views, counted: what a chart and a tile have in common.

    `source` is what stands behind FROM, with views in `{}`; `project` the column of its project;
    `when` the column of time by which the period is chosen, None where a period means nothing.
    Beside what its views require it needs one of the streams of `needs`, if there are any; without
    those of `uses` it says less.
    """

    title: str
    reading: str
    source: str
    where: str = "true"
    project: str = "project_id"
    when: str | None = None
    unit: str = ""
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()

    def views(self) -> set[str]:
        """The views that it asks."""
        return set(re.findall(r"\{(\w+)\}", self.source))

    def streams(self) -> set[str]:
        """The streams whose tables it asks beside views."""
        return set(re.findall(r"main\.(\w+)", self.source))

    def pieces(self, columns: str, tail: str, time: str | None = None) -> dict[str, str | None]:
        """The query in pieces, between which conditions fit: see `sql`."""
        place = re.sub(r"\{(\w+)\}", rf"{SCHEMA}.\1", self.source)
        return {
            "head": f"select {columns}\nfrom {place}\nwhere {self.where}",
            "project": self.project,
            "time": time or self.when,
            "tail": tail,
        }


@dataclass(frozen=True)
class Tile(Question):
    """One number for a group and a period: `value` is an aggregate."""

    value: str = "count(*)"

    @property
    def query(self) -> dict[str, str | None]:
        """The query in pieces, with one column."""
        return self.pieces(f"{self.value} as value", "")


@dataclass(frozen=True)
class Chart(Question):
    """Numbers by month (`bars`, `lines`, `stack`) or by name (`ranking`, `classes`).

    `x` is the month or the name. `series` are aggregates by the name that the page shows; with
    `split`, a column, there is one of them, and a series for each value of the column. `order` are
    the names of `classes`, the first on top; `parts` are the values of the column in their order.
    """

    name: str = ""
    section: str = ""
    kind: str = "bars"
    x: str = "month"
    series: Mapping[str, str] = field(default_factory=dict)
    split: str | None = None
    order: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    @property
    def is_by_month(self) -> bool:
        """Whether `x` is the month."""
        return self.kind in {"bars", "lines", "stack"}

    @property
    def query(self) -> dict[str, str | None]:
        """The query in pieces: the month or name, the split if there is one, then the series."""
        first = "month" if self.is_by_month else "name"
        columns = [f"{self.x} as {first}", *([f"{self.split} as part"] if self.split else [])]
        columns += [f'{value} as "{name}"' for name, value in self.series.items()]
        tail = "\ngroup by all\norder by 1"
        if self.kind == "ranking":
            tail = f"\ngroup by all\norder by {len(columns)} desc nulls last, 1\nlimit {LONGEST}"
        return self.pieces(", ".join(columns), tail, self.x if self.is_by_month else None)


def sql(query: Mapping[str, str | None], group: str | None, since: str | None) -> str:
    """The query of a group, which is a path, since a day; None for all groups, for all time.

    The page puts the same text together when somebody chooses.
    """
    text = f"{query['head']}"
    if group is not None:
        path = group.replace("'", "''")
        text += (
            f"\n  and {query['project']} in (select project_id from {SCHEMA}.project_groups "
            f"where group_path = '{path}')"
        )
    if since is not None and query["time"]:
        text += f"\n  and {query['time']} >= '{since}'"
    return f"{text}{query['tail']}"
