"""What the parameters of a plain list select, and how its rows are ordered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integration_tests.gitlab.clock import DAY, SECOND, moment
from integration_tests.gitlab.plain.template import shown
from integration_tests.gitlab.rows import value_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration_tests.gitlab.call import Call
    from integration_tests.gitlab.plain.resource import Resource
    from integration_tests.gitlab.rows import Row


OF_ROWS = {"id", "iid", "created_at", "updated_at"}
ALL = "all"
"""What filters by state take for no filter at all."""


def passes(call: Call, resource: Resource, row: Row, parameter: str, column: str) -> bool:
    """Whether a row passes a filter that was sent; raises 400 for a value that does not fit."""
    if parameter.endswith(("after", "before")):
        when = _time(call, resource, row, column)
        bound = call.query.moment(parameter)
        if when is None or bound is None:
            return False
        # Days are those of the zone that the instance is set to.
        local = when + call.settings.zone_hours * 3600 * SECOND
        return _lies(parameter, local if parameter in {"after", "before"} else when, bound)
    made = shown(call.world, resource, row)
    wanted = (call.query.text(parameter) or "").lower()
    if parameter == "search":
        return wanted in str(made.get("title") or made.get("name") or "").lower()
    value = made.get(column)
    if parameter == "active":
        # Sent as false it selects nothing (app/finders/users_finder.rb).
        return value == "active" or not call.query.maybe_flag(parameter)
    if isinstance(value, bool):
        return value == call.query.maybe_flag(parameter)
    if parameter == "action":
        # "pushed to" and "pushed new" are one action (app/models/event.rb, action_name).
        value = str(value).partition(" ")[0]
    several = [one.lower() for one in call.query.many(parameter)]
    return str(value).lower() in several or wanted == ALL


def _lies(parameter: str, when: int, bound: int) -> bool:
    """Whether a time lies within a bound: times are inclusive, of days nothing is.

    ``after`` and ``before`` alone are days, of which the first instant behind, or the last one
    ahead of them, passes (app/finders/events_finder.rb).
    """
    if parameter == "after":
        return when >= bound - bound % DAY + DAY
    if parameter == "before":
        return when < bound - bound % DAY
    return when >= bound if parameter.endswith("after") else when <= bound


def _time(call: Call, resource: Resource, row: Row, column: str) -> int | None:
    if column in {"created_at", "updated_at"}:
        return row.created if column == "created_at" else row.updated
    value = shown(call.world, resource, row).get(column)
    return moment(value) if isinstance(value, str) else None


def sort_key(call: Call, resource: Resource, column: str) -> Callable[[Row], tuple[bool, Any]]:
    """By what a column orders rows; null comes last ascending, as in Postgres."""
    of_row = value_of(column) if column in OF_ROWS else None

    def key(row: Row) -> tuple[bool, Any]:
        if of_row is not None:
            value = of_row(row)
        elif column in row.facts:
            value = row.facts[column]
        else:
            value = shown(call.world, resource, row).get(column)
        return (value is None, "" if value is None else value)

    return key
