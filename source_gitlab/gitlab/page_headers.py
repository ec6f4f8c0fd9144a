"""Whether the headers that tell of pages reach us, which one list alone may not show.

Lists by page number always have them (lib/gitlab/pagination/offset_header_builder.rb), so one such
list without them says that something on the way drops them. The last page of a list that is
continued from its last row has none in any case (lib/gitlab/pagination/keyset/header_builder.rb).
"""

from __future__ import annotations

import re
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from source_gitlab.gitlab.errors import Emptied, FatalError, GitlabError
from source_gitlab.gitlab.next_page import CURSORS, is_linked, is_told, numbered, total_of
from source_gitlab.gitlab.pagination import Answer, answer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from source_gitlab.gitlab.pagination import Query

    Asker = Callable[[str, Query], object]

# Lists that GitLab cuts into pages by number unless it is asked for another way. Some others come
# whole, and without these headers.
_BY_NUMBER = frozenset({"groups", "projects", "descendant_groups", "subgroups"})
# And those of a group or project that `paginate` presents, in lib/api, whatever is in them.
_PAGED = re.compile(
    r"groups|projects|groups/[^/]+/(?:projects|descendant_groups|subgroups)"
    r"|(?:groups|projects)/[^/]+/(?:issues|merge_requests|labels|milestones|members|members/all)"
    r"|projects/[^/]+/(?:pipelines|jobs|releases|deployments|environments"
    r"|repository/(?:branches|tags|commits|contributors))"
    r"|(?:groups|projects)/[^/]+/(?:hooks|access_requests|access_tokens|deploy_tokens|badges"
    r"|boards|variables|runners|packages)"
    r"|projects/[^/]+/(?:users|deploy_keys|protected_branches|protected_tags|snippets|forks"
    r"|starrers|remote_mirrors|pages/domains|pipeline_schedules|triggers|resource_groups"
    r"|freeze_periods|feature_flags|feature_flags_user_lists|cluster_agents|secure_files"
    r"|job_token_scope/(?:allowlist|groups_allowlist))"
    # lib/api/notes.rb, discussions.rb, award_emoji.rb, resource_label_events.rb and their like
    r"|projects/[^/]+/(?:issues|merge_requests)/[0-9]+/(?:notes|discussions|award_emoji"
    r"|resource_(?:label|state|milestone)_events)"
)
_COUNTED = "{path} was answered with an empty page of a list that has {total} rows by its header."
_NOT_EMPTY = "{path} was answered with an empty list, and has rows when it is asked for by number."
_UNTOLD = (
    "{path} was answered with an empty list without the headers that GitLab sends with each of its"
    " pages. A proxy or a cache in front of GitLab may have made it."
)
# One of them that anyone may ask for, and that costs GitLab little.
_PATH = "projects"
_QUERY: Query = {"simple": True, "per_page": 1}


class PageHeaders:
    """Learns from every list; asks for one where none has shown it. Thread-safe."""

    def __init__(self, api_url: str) -> None:
        """Nothing is known yet; errors name lists below `api_url`."""
        self._api_url = api_url
        self._lock = threading.Lock()
        self._arrive: bool | None = None

    def answer(
        self,
        path: str,
        query: Mapping[str, Any],
        data: Any,
        headers: Mapping[str, str],
        ask: Asker,
    ) -> Answer:
        """What came for a request, with what is known of the list.

        `ask` gets a list below /api/v4, and takes what came to `answer`.

        Raises:
            Malformed: how its next page is asked for cannot be understood.
            Emptied: rows of the list did not come.
            FatalError: nothing can be asked for any more.
        """
        if data == [] and _is_first(path, query):
            self._must_be_empty(path, query, headers, ask)
        if isinstance(data, list) and not self._arrive:
            if is_linked(headers):
                self._arrive = True
            elif _is_by_number(path, query):
                self._arrive = False
        return answer_of(data, headers, query, partial(self._are_stripped, path, query, ask))

    def _must_be_empty(
        self, path: str, query: Mapping[str, Any], headers: Mapping[str, str], ask: Asker
    ) -> None:
        """Let an empty first page pass for an empty list, or for one whose headers get lost.

        Otherwise it is not GitLab's, and rows must not go because of it.
        """
        if is_told(headers):
            if total_of(headers):
                raise Emptied(_COUNTED.format(path=self._url(path), total=total_of(headers)))
            return
        if _is_keyset(query):
            # No header comes with the end of such a list, but with each page by number.
            first = ask(path, {**numbered(query), "per_page": 2, "page": 1})
            if isinstance(first, Answer) and first.data != []:
                raise Emptied(_NOT_EMPTY.format(path=self._url(path)))
            return
        if self._arrive is None:
            with self._lock:
                if self._arrive is None:
                    self._find_out(ask)
        if self._arrive:
            raise Emptied(_UNTOLD.format(path=self._url(path)))

    def _url(self, path: str) -> str:
        return f"{self._api_url}/{path}"

    def _are_stripped(self, path: str, query: Mapping[str, Any], ask: Asker) -> bool:
        """Whether a list without headers should have had some."""
        if _is_by_number(path, query):
            return True
        if self._arrive is None:
            with self._lock:
                if self._arrive is None:
                    self._find_out(ask)
        return not self._arrive

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


def _is_first(path: str, query: Mapping[str, Any]) -> bool:
    """Whether this asks for the first page of a list of which each page by number is told of."""
    # One row is asked for to count them, or to find out about headers.
    is_probe = str(query.get("per_page", 1)) == "1" and not _is_keyset(query)
    is_start = str(query.get("page", 1)) == "1" and not CURSORS & query.keys()
    return is_start and not is_probe and _PAGED.fullmatch(path) is not None


def _is_keyset(query: Mapping[str, Any]) -> bool:
    """Whether a list is asked for from a row on, and not by page number."""
    return query.get("pagination") == "keyset" or bool(CURSORS & query.keys())


def _is_by_number(path: str, query: Mapping[str, Any]) -> bool:
    return not _is_keyset(query) and path.rpartition("/")[2] in _BY_NUMBER
