"""What GitLab has of a list: how many rows in a span, which ones, and whether one is gone."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from source_gitlab.core.row_key import RowKey
from source_gitlab.core.slices import columns_of
from source_gitlab.core.transform import RowTransformer
from source_gitlab.core.verification.spans import Span
from source_gitlab.core.walks.list_length import count_beyond
from source_gitlab.core.walks.pages import PER_PAGE, read_pages
from source_gitlab.core.walks.row_counts import first_row
from source_gitlab.gitlab.errors import NoSuchList, ReadError, Skipped
from source_gitlab.gitlab.lists import Lists
from source_gitlab.streams.vocabulary import LEVELS

if TYPE_CHECKING:
    from source_gitlab.core.access_levels import AccessLevels
    from source_gitlab.core.inventory import Inventory
    from source_gitlab.core.membership import Membership
    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.core.slices import Row
    from source_gitlab.core.verification.lists import CountedList
    from source_gitlab.gitlab.client import Client, Query

# No row of GitLab's is older.
_BEFORE_GITLAB = Span("", "1990-01-01T00:00:00.000Z")
_NOT_FOUND = 404


class UncountedError(Exception):
    """GitLab does not tell how many rows a list has; the message says so to people."""


@dataclass(frozen=True)
class Told:
    """GitLab's number of rows, None for more than it counts; and `rows` where it sent them all.

    `is_sound` is false where one of them could not be read.
    """

    number: int | None
    rows: list[Row] | None = None
    is_sound: bool = True


class Counting:
    """Asks GitLab. Thread-safe."""

    def __init__(
        self, client: Client, prefetcher: Prefetcher, inventory: Inventory, membership: Membership
    ) -> None:
        """Ask nothing yet."""
        self._client = client
        self._prefetcher = prefetcher
        self._inventory = inventory
        self._membership = membership
        self._lock = threading.Lock()
        self._filters: dict[str, bool] = {}
        self._hidden: dict[tuple[str, str, int], str | None] = {}

    @property
    def _access_levels(self) -> AccessLevels:
        return self._membership.access_levels

    def takes_filter(self, one: CountedList) -> bool:
        """Whether this GitLab filters a stream's lists by the time of creation; one tells for all.

        A version that does not know the filters sends every row whatever they say.

        Raises:
            UncountedError: GitLab tells no number of rows at all.
            GitlabError: as `gitlab.errors` sorts it.
        """
        known = self._filters.get(one.stream.name)
        if known is None:
            # Not under the lock: a list that fails does so for minutes.
            number = self.number(one, _BEFORE_GITLAB)
            if number is None and not self._is_long(one):
                url = f"{self._client.api_url}/{one.path}"
                message = f"{url} does not tell how many rows it has."
                raise UncountedError(message)
            known = self._filters[one.stream.name] = number == 0
        return known

    def _is_long(self, one: CountedList) -> bool:
        """Whether a list is too long for GitLab to tell how many rows it has."""
        asked = (count_beyond(self._client, one.path, query) for query in one.queries)
        return any(number is not None for number in asked)

    def told(self, one: CountedList, span: Span | None, mine: int | None) -> Told:
        """GitLab's number for a span (None: the whole list), of which the copy has `mine` rows.

        What fits on a page costs no more to read than to count, and then no row can make up for
        another one. Without `mine`, all rows are read.

        Raises:
            UncountedError: GitLab tells no number.
            GitlabError: as `gitlab.errors` sorts it.
        """
        if mine is None:
            rows, is_sound = self.rows(one, span)
            return Told(len(rows), rows, is_sound)
        if mine <= PER_PAGE:
            found = self._page(one, span)
            if found is not None:
                return found
        return Told(self.length(one) if span is None else self.number(one, span))

    def _page(self, one: CountedList, span: Span | None) -> Told | None:
        """The rows of a span whose lists have one page each; None where there are more."""
        lists = Lists(self._client, one.stream.optional, paging=one.stream.paging)
        transformer, key = RowTransformer(one.stream), RowKey.of(one.stream)
        rows: list[Row] = []
        for query in one.queries:
            narrowed: Query = {**query, **(span.query if span is not None else {})}
            page = lists.rows(one.path, {**narrowed, "per_page": PER_PAGE}, key.checked)
            if page.next is not None:
                return None
            rows += transformer.transform(page.data, columns_of(one.slice_))
        return Told(len(rows), rows, not lists.take())

    def number(self, one: CountedList, span: Span) -> int | None:
        """How many rows of a list were created in a span; None for more than GitLab counts.

        Raises:
            GitlabError: as `gitlab.errors` sorts it.
        """
        total = 0
        for query in one.queries:
            found = first_row(self._client, one.path, {**query, **span.query}).total
            if found is None:
                return None
            total += found
        return total

    def length(self, one: CountedList) -> int:
        """How many rows a list has.

        Raises:
            UncountedError: GitLab does not tell.
            GitlabError: as `gitlab.errors` sorts it.
        """
        total = 0
        for query in one.queries:
            found = first_row(self._client, one.path, query).total
            if found is None:
                found = count_beyond(self._client, one.path, query)
            if found is None:
                url = f"{self._client.api_url}/{one.path}"
                message = f"{url} does not tell how many rows it has."
                raise UncountedError(message)
            total += found
        return total

    def rows(self, one: CountedList, span: Span | None) -> tuple[list[Row], bool]:
        """The rows of a list that were created in a span, as users get them; and whether all came.

        Raises:
            GitlabError: as `gitlab.errors` sorts it.
        """
        lists = Lists(self._client, one.stream.optional, paging=one.stream.paging)
        transformer = RowTransformer(one.stream)
        found: list[Row] = []
        key = RowKey.of(one.stream)
        for query in one.queries:
            narrowed: Query = {**query, **(span.query if span is not None else {})}
            for rows in read_pages(lists, self._prefetcher, one.path, narrowed, key, twice=True):
                found += transformer.transform(rows, columns_of(one.slice_))
        return found, not lists.take()

    def has(self, one: CountedList, row: Row) -> bool:
        """Whether GitLab has one row, whatever the list says; only a 404 says that it has not.

        Raises:
            GitlabError: as `gitlab.errors` sorts it; Skipped when GitLab refuses to tell.
        """
        if not one.stream.item:
            return False
        if None in row.values():
            # Nothing stands at such an address.
            message = f"A row of {one.path} has no address."
            raise ReadError(message)
        try:
            self._client.one(one.stream.address_of(row))
        except NoSuchList:
            raise
        except Skipped as error:
            if error.status == _NOT_FOUND:
                return False
            raise
        return True

    def hides(self, one: CountedList) -> str | None:
        """Why rows of a list may be hidden from the token's user; None when certainly none is.

        Asked once for each list, and only of lists that lack rows.

        Raises:
            GitlabError: as `gitlab.errors` sorts it.
        """
        known = (one.stream.name, one.place.kind, one.slice_["id"])
        with self._lock:
            if known in self._hidden:
                return self._hidden[known]
        found = self._of_project(one) if one.place.kind == "project" else self._of_group(one)
        with self._lock:
            self._hidden[known] = found
        return found

    def _of_project(self, one: CountedList) -> str | None:
        project = self._inventory.project(one.slice_["id"])
        if self._membership.is_off(one.stream, project):
            return f"GitLab shows no {one.stream.name} of it to this token."
        if self._membership.is_partial(one.stream, project):
            return f"This token's user is shown only a part of its {one.stream.name}."
        return None

    def _of_group(self, one: CountedList) -> str | None:
        if "confidential" not in one.stream.columns:
            return None
        user = self._access_levels.user()
        if user is not None and user.endswith("+"):
            return None
        message = f"This token's user may be shown only a part of its {one.stream.name}."
        if user is None:
            return message
        try:
            row = self._client.one(f"groups/{one.slice_['id']}/members/all/{user}")
        except Skipped:
            return message
        level = row.get("access_level")
        return None if isinstance(level, int) and level >= LEVELS["reporter"] else message
