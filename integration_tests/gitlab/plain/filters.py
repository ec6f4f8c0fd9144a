"""What the parameters of a plain list select, and how its rows are ordered."""

from __future__ import annotations

from operator import attrgetter
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
LONG = 1_000
"""Rows of a list from which on its order is kept."""
ALL = "all"
"""What filters by state take for no filter at all."""


TIMES = ("after", "before")
"""How parameters end that select by a time."""


def within(
    call: Call, resource: Resource, rows: list[Row], parameter: str, column: str
) -> list[Row]:
    """The rows that pass a filter by time that was sent; raises 400 for what is no time."""
    bound = call.query.moment(parameter)
    if bound is None:
        return []
    # Days are those of the zone that the instance is set to.
    ahead = call.settings.zone_hours * 3600 * SECOND if parameter in TIMES else 0
    times = ((row, _time(call, resource, row, column)) for row in rows)
    return [
        row for row, when in times if when is not None and _lies(parameter, when + ahead, bound)
    ]


def passes(call: Call, resource: Resource, row: Row, parameter: str, column: str) -> bool:
    """Whether a row passes another filter; raises 400 for a value that does not fit."""
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


class Ordering:
    """Puts the rows of a list in order; a long one that did not change is not sorted again."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource
        self._last: tuple[tuple[Any, ...], list[Row], list[Row]] | None = None

    def rows(self, call: Call, rows: list[Row]) -> list[Row]:
        """The rows as the request wants them, in a list that nobody changes."""
        orders = self._orders(call)
        if len(rows) < LONG:
            return self._sorted(call, rows, orders)
        version = call.world.table(self._resource.table or self._resource.name).version
        key = (version, *orders)
        if self._last is not None and self._last[0] == key and self._last[1] == rows:
            return self._last[2]
        found = self._sorted(call, rows, orders)
        facts = {column for column, _ in orders} - OF_ROWS
        # What else a row is sorted by may change without its table.
        if all(column in row.facts for column in facts for row in rows):
            self._last = key, rows, found
        return found

    def _orders(self, call: Call) -> list[tuple[str, bool]]:
        """The columns to sort by, the most important one last, each with whether it descends."""
        resource = self._resource
        first, *ties = resource.sorting
        column, descending = first
        if resource.orders:
            column = call.query.choice("order_by", resource.orders, column)
        if resource.orders or resource.order.endswith(" sort"):
            default = "desc" if descending else "asc"
            descending = call.query.choice("sort", ("asc", "desc"), default) == "desc"
        return [("id", descending), *reversed(ties), (column, descending)]

    def _sorted(self, call: Call, rows: list[Row], orders: list[tuple[str, bool]]) -> list[Row]:
        by_id, *more = orders
        rows = sorted(rows, key=attrgetter("id"), reverse=by_id[1])
        for column, down in [] if more == [by_id] else more:
            rows.sort(key=sort_key(call, self._resource, column), reverse=down)
        return rows


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
