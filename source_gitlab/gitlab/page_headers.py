"""Whether the headers that tell of pages reach us, which one list alone may not show.

Lists by page number always have them (lib/gitlab/pagination/offset_header_builder.rb), so one such
list without them says that something on the way drops them. The last page of a list that is
continued from its last row has none in any case (lib/gitlab/pagination/keyset/header_builder.rb),
and neither has a list that GitLab sends whole. How a list comes, whoever asks for it knows.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from source_gitlab.gitlab.errors import Emptied, FatalError, GitlabError
from source_gitlab.gitlab.next_page import (
    CURSORS,
    is_linked,
    is_short,
    is_told,
    numbered,
    size_of,
    total_of,
)
from source_gitlab.gitlab.pagination import Answer, answer_of
from source_gitlab.streams.vocabulary import Paging

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from source_gitlab.gitlab.page_size import AdaptivePageSize
    from source_gitlab.gitlab.pagination import Query

    Asker = Callable[[str, Query], object]

_COUNTED = "{url} was answered with an empty page of a list that has {total} rows by its header."
_NOT_EMPTY = "{url} was answered with an empty list, and has rows when it is asked for by number."
_UNTOLD = (
    "{url} was answered with an empty list without the headers that GitLab sends with each of its"
    " pages. A proxy or a cache in front of GitLab may have made it."
)
# A list that anyone may ask for, and that costs GitLab little.
_PATH = "projects"
_QUERY: Query = {"simple": True, "per_page": 1}


class ListPage(NamedTuple):
    """A page that is asked for, of a list whose pages come as `paging`."""

    path: str
    query: Mapping[str, Any]
    paging: Paging

    @property
    def is_first(self) -> bool:
        """Whether it is the first of its list, and asked for to have the rows."""
        # One row is asked for to count them, or to find out about headers.
        is_probe = str(self.query.get("per_page", 1)) == "1" and not self.is_keyset
        is_start = str(self.query.get("page", 1)) == "1" and not CURSORS & self.query.keys()
        return is_start and not is_probe

    @property
    def is_keyset(self) -> bool:
        """Whether it is asked for from a row on, and not by number."""
        return self.query.get("pagination") == "keyset" or bool(CURSORS & self.query.keys())


class PageHeaders:
    """Learns from every list; asks for one where none has shown it. Thread-safe."""

    def __init__(self, api_url: str, sizes: AdaptivePageSize) -> None:
        """Nothing is known yet; errors name lists below `api_url`, and `sizes` is to learn, too."""
        self._api_url = api_url
        self._sizes = sizes
        self._lock = threading.Lock()
        self._arrive: bool | None = None

    def answer(self, page: ListPage, ask: Asker, headers: Mapping[str, str], data: Any) -> Answer:
        """What came for a page, with what is known of its list.

        `ask` gets a list below /api/v4, and takes what came to `answer`.

        Raises:
            Malformed: how its next page is asked for cannot be understood.
            Emptied: rows of the list did not come.
            FatalError: nothing can be asked for any more.
        """
        self._sizes.note(page.path, page.query, size_of(headers))
        is_thinned = page.paging is Paging.SHORT and is_told(headers)
        if data == [] and page.is_first and page.paging is not Paging.NONE and not is_thinned:
            self._must_be_empty(page, headers, ask)
        if not self._arrive and isinstance(data, list) and is_linked(headers):
            self._arrive = True
        stripped = partial(self._are_stripped, page, ask)
        is_full = page.paging is Paging.FULL and isinstance(data, list)
        short = is_full and is_short(len(data), headers)
        answer = answer_of(data, headers, page.query, stripped)
        return replace(answer, thinned=is_thinned, short=short)

    def _must_be_empty(self, page: ListPage, headers: Mapping[str, str], ask: Asker) -> None:
        """Let an empty first page pass for an empty list, or for one whose headers get lost.

        Otherwise it is not GitLab's, and rows must not go because of it.
        """
        url = f"{self._api_url}/{page.path}"
        if is_told(headers):
            if total_of(headers):
                raise Emptied(_COUNTED.format(url=url, total=total_of(headers)), url=url)
            return
        if page.is_keyset:
            # No header comes with the end of such a list, but with each page by number.
            first = ask(page.path, {**numbered(page.query), "per_page": 2, "page": 1})
            if isinstance(first, Answer) and first.data != []:
                raise Emptied(_NOT_EMPTY.format(url=url), url=url)
            return
        if self._do_arrive(ask):
            raise Emptied(_UNTOLD.format(url=url), url=url)

    def _are_stripped(self, page: ListPage, ask: Asker) -> bool:
        """Whether a list without headers should have had some."""
        by_number = page.paging is not Paging.NONE and not page.is_keyset
        return by_number or not self._do_arrive(ask)

    def _do_arrive(self, ask: Asker) -> bool:
        if self._arrive is None:
            with self._lock:
                if self._arrive is None:
                    self._find_out(ask)
        return bool(self._arrive)

    def _find_out(self, ask: Asker) -> None:
        try:
            ask(_PATH, _QUERY)
        except FatalError:
            raise
        except GitlabError:
            # A request more for each list is cheaper than the end of one.
            pass
        if self._arrive is None:
            self._arrive = False
