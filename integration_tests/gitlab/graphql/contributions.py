"""What accounts did in a group: the sums over the days that are asked for.

The list says that there is a next page behind each page with a row, so it ends with an empty one
(lib/gitlab/graphql/pagination/externally_paginated_array_connection.rb).
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError

from integration_tests.gitlab.graphql.lists import is_refused
from integration_tests.gitlab.graphql.pages import page
from integration_tests.gitlab.plain.resource import resources
from integration_tests.gitlab.plain.tables import rows_below
from integration_tests.gitlab.plain.template import shown

if TYPE_CHECKING:
    from integration_tests.gitlab.graphql.pages import Viewing
    from integration_tests.gitlab.rows import Json

MOST_DAYS = 93


def of_group(viewing: Viewing, source: Json, given: dict[str, Any]) -> Json | None:
    """Null for who is no member of the group, or where the instance lacks the tier."""
    first, last = given["from"], given["to"]
    if (date.fromisoformat(last) - date.fromisoformat(first)).days > MOST_DAYS:
        message = f"The given date range is larger than {MOST_DAYS} days"
        raise GraphQLError(message)
    world, resource = viewing.emulator.world, resources()["group_contributions"]
    group = world.groups[int(source["id"].rpartition("/")[2])]
    if is_refused(viewing, resource, group):
        return None
    summed: dict[str, Json] = {}
    for row in rows_below(world, resource.name, group):
        one = shown(world, resource, row)
        if row.readable and first <= one["date"] <= last:
            number = (one["user"] or {}).get("id", "")
            summed[number] = _sum(summed.get(number), one)
    found = page(viewing, [summed[number] for number in sorted(summed)], given)
    found["pageInfo"]["hasNextPage"] = bool(found["nodes"])
    return found


def _sum(before: Json | None, one: Json) -> Json:
    if before is None:
        return one
    return {
        name: before[name] + value if type(value) is int else value for name, value in one.items()
    }
