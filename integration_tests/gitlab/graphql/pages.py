"""Pages of connections."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from integration_tests.gitlab.clock import moment
from integration_tests.gitlab.graphql.cost import MOST_ROWS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from integration_tests.gitlab.emulator import Emulator
    from integration_tests.gitlab.rows import Json, Row

_TIMES = ("createdAfter", "createdBefore", "updatedAfter", "updatedBefore")


@dataclass(frozen=True)
class Viewing:
    """Who asks, and the instance that is asked."""

    emulator: Emulator
    viewer: int | None


def page(viewing: Viewing, found: Sequence[Json], given: dict[str, Any]) -> Json:
    """A page of a connection, behind the row that its cursor names.

    What is hidden is taken out of the page that was found, and cursors are those of what is left
    (lib/gitlab/graphql/connection_redaction.rb). Rows without an id have their place as cursor.
    """
    hidden = viewing.emulator.world.settings.graphql_hides
    size = min(given.get("first") or MOST_ROWS, MOST_ROWS)
    ids = [one.get("id", place) for place, one in enumerate(found)]
    start = 0
    if given.get("after"):
        last = orjson.loads(base64.b64decode(given["after"]))["id"]
        start = ids.index(last) + 1 if last in ids else len(found)
    places = [
        place for place in range(len(found))[start : start + size] if ids[place] not in hidden
    ]
    return {
        "count": len(found),
        "nodes": [found[place] for place in places],
        "pageInfo": {
            "hasNextPage": start + size < len(found),
            "hasPreviousPage": start > 0,
            "startCursor": _cursor(ids[places[0]]) if places else None,
            "endCursor": _cursor(ids[places[-1]]) if places else None,
        },
    }


def within(given: dict[str, Any]) -> Callable[[Row], bool]:
    """Tells whether a row lies between the times that are given; the bounds belong to it.

    The filters are those of REST (app/finders/concerns/created_at_filter.rb, updated_at_filter.rb).
    """
    bounds = {one: moment(given[one]) for one in _TIMES if given.get(one) is not None}

    def is_within(row: Row) -> bool:
        created, updated = row.created, row.updated or row.created
        return (
            bounds.get("createdAfter", created) <= created <= bounds.get("createdBefore", created)
        ) and (
            bounds.get("updatedAfter", updated) <= updated <= bounds.get("updatedBefore", updated)
        )

    return is_within


def _cursor(number: object) -> str:
    return base64.b64encode(orjson.dumps({"id": number})).decode()
