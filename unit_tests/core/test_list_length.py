"""How the end of a list is found that is too long for GitLab to count."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from source_gitlab.core.walks.list_length import count_beyond
from source_gitlab.gitlab.errors import Malformed
from source_gitlab.gitlab.pagination import Answer

if TYPE_CHECKING:
    from source_gitlab.gitlab.pagination import Query


class Listed:
    """A client of one list of so many rows; without a number it has a next page for ever."""

    api_url = "https://gitlab.example.com/api/v4"

    def __init__(self, rows: int | None) -> None:
        self._rows = rows
        self.asked = 0

    def rows(self, _path: str, query: Query) -> Answer:
        """A page by number."""
        self.asked += 1
        page = int(query["page"])
        if self._rows is None:
            return Answer([], {**query, "page": page + 1}, None)
        left = self._rows - 100 * (page - 1)
        data = [SimpleNamespace()] * max(0, min(100, left))
        return Answer(data, {**query, "page": page + 1} if left > 100 else None, None)


@pytest.mark.parametrize("rows", [10_001, 10_100, 10_101, 34_567, 100_000, 1_234_500])
def test_the_rows_of_a_long_list_are_counted(rows: int) -> None:
    """In some thirty requests at most."""
    client: Any = Listed(rows)
    assert count_beyond(client, "groups/1/labels", {}) == rows
    assert client.asked < 32


def test_a_list_that_never_ends() -> None:
    """Each page names a next one, however far behind it is."""
    client: Any = Listed(None)
    with pytest.raises(Malformed, match="groups/1/labels names a next page again and again"):
        count_beyond(client, "groups/1/labels", {})
    assert client.asked < 32
