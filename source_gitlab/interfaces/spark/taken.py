"""How far a read came, from the rows that tell it in the table that it was written to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from source_gitlab.engine.plans import Plan, PlanError, applied, reported, unread
from source_gitlab.interfaces.spark.columns import PROGRESS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from source_gitlab.engine.plans import Result


@dataclass(frozen=True)
class Taken:
    """What the newest read that a table holds has brought.

    `state` is that of its stream, to go on from, by Spark or by any other face. `unread` are the
    slices that were not read to their end, as "project 7: why". `report` is what was skipped or
    failed.
    """

    stream: str
    state: dict[str, Any]
    unread: list[str]
    report: dict[str, Any]

    @property
    def is_complete(self) -> bool:
        """Whether everything was read, but for what GitLab refused."""
        return not self.unread


def taken(table: Any) -> Taken | None:
    """What the newest read in `table`, a DataFrame of what was written, has brought.

    None for a table that holds no read. The rows that tell of it may be removed once it is known.

    Raises:
        PlanError: the table was written by another version of the connector.
    """
    told = table.where(table[PROGRESS].isNotNull()).select(PROGRESS).collect()
    return of(row[0] for row in told)


def of(texts: Iterable[str]) -> Taken | None:
    """The same of the texts of those rows, in any order."""
    plans: dict[str, dict[str, Any]] = {}
    results: dict[str, list[Result]] = {}
    for text in texts:
        told = orjson.loads(text)
        if "plan" in told:
            plans[told["plan"]["id"]] = told
        else:
            results.setdefault(told["result"]["plan"], []).append(told["result"])
    if not plans:
        if results:
            message = "The table has results of a read, and not the plan that they are of."
            raise PlanError(message)
        return None
    newest = max(plans.values(), key=lambda one: (one["began"], one["plan"]["id"]))
    plan = Plan.load(newest["plan"])
    found = results.get(plan.id, [])
    left = unread(plan, found)
    places = {one["number"]: one["slice"] for one in plan.slices}
    (name, state), *_ = applied(plan, found).items()
    return Taken(
        stream=name,
        state=state,
        unread=[
            *plan.problems.values(),
            *(f"{places[n]['container']} {places[n]['id']}: {why}" for n, why in left.items()),
        ],
        report=reported([plan.report, *(one["report"] for one in found)]),
    )
