"""Groups and projects by the name that a user wrote: an id, or a path.

A path goes into an address with its slashes as %2F and its dots as %2E: what is behind a plain dot
is a format to GitLab's router, so the redirect of a renamed project would lose it. Web servers in
front of GitLab may refuse or decode %2F (https://docs.gitlab.com/api/rest/#namespaced-paths); what
is called so is then looked for in GitLab's lists.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from source_gitlab.gitlab.errors import (
    BadRequest,
    Intercepted,
    Malformed,
    NoSuchList,
    ReadError,
    Skipped,
)
from source_gitlab.gitlab.pagination import pages_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from source_gitlab.gitlab.pagination import Answer, Query, Row

_MOST_PAGES = 10
# What stands between may have mixed up two answers once.
_TRIES = 3
_NUMBER = re.compile("[0-9]{1,18}")
_CONTAINER = re.compile("(project|group)s/([0-9]{1,18})/")


# What GitLab addresses by the number that it has in its project or group
# (https://docs.gitlab.com/api/issues/, merge_requests/, epics/, alert_management_alerts/,
# feature_flag_user_lists/); everything else has its id there.
_BY_IID = frozenset(
    {
        *("issues", "merge_requests", "epics"),
        *("alert_management_alerts", "feature_flags_user_lists"),
    }
)


class SlashRefused(ReadError):
    """Something in front of GitLab lets no %2F through, and no list shows what was named."""


def encoded(name: str) -> str:
    """A name as one segment of an address."""
    return quote(name, safe="").replace(".", "%2E")


def the_one(ask: Callable[[], Any], path: str, url: str, known: Mapping[str, int]) -> Any:
    """What `ask` brings from `path`, of which `url` is the whole address; `known` as below.

    Raises:
        Malformed: it is another object each time.
        GitlabError: as `ask` does.
    """
    for _ in range(_TRIES):
        data = ask()
        problem = other_than(path, data, known)
        if problem is None:
            return data
    message = f"{url} answered with another object, for {problem}."
    raise Malformed(message, url=url)


def other_than(path: str, data: Any, known: Mapping[str, int]) -> str | None:
    """How an answer tells that it is not what stands at `path`.

    It may tell by its number, where the path ends with that, by the project or group that the path
    begins with, and by the columns of `known`. None where it is the right one, or does not tell: a
    branch or a tag may be called like a number.
    """
    if not isinstance(data, dict):
        return None
    for column, number in {**_told_by(path), **known}.items():
        found = data.get(column)
        if type(found) is int and found != number:
            return f"its {column} is {found}"
    return None


def _told_by(path: str) -> dict[str, int]:
    """The columns of an object that its address tells."""
    found: dict[str, int] = {}
    container = _CONTAINER.match(path)
    if container is not None:
        found[f"{container[1]}_id"] = int(container[2])
    head, _, last = path.rpartition("/")
    if _NUMBER.fullmatch(last):
        column = "iid" if "/" in head and head.rpartition("/")[2] in _BY_IID else "id"
        found[column] = int(last)
    return found


def find(
    one: Callable[[str, Query], Row],
    rows: Callable[[str, Query], Answer],
    kind: str,
    name: str,
    query: Query,
) -> Row:
    """GitLab's row of what is called `name` among the "groups" or "projects".

    Raises:
        SlashRefused: it may be there, but cannot be asked for by its path.
        GitlabError: as `client.errors` sorts it; Skipped when it is not there.
    """
    try:
        return one(f"{kind}/{encoded(name)}", query)
    except (BadRequest, Intercepted, Malformed, NoSuchList) as error:
        if "/" not in name:
            raise
        try:
            number = next(_numbers(rows, kind, name), None)
        except Skipped:
            number = None
        if number is None:
            raise SlashRefused(_refused(kind, name), url=error.url, status=error.status) from error
    return one(f"{kind}/{number}", query)


def _numbers(rows: Callable[[str, Query], Answer], kind: str, name: str) -> Iterator[int]:
    """The ids of what has this path, in GitLab's lists.

    Lists of projects are searched in whole paths with `search_namespaces`, and in the last part
    alone without; lists of groups in the last part (https://docs.gitlab.com/api/groups/).
    """
    leaf = name.strip("/").rpartition("/")[2]
    common: dict[str, Any] = {"order_by": "id", "sort": "asc", "per_page": 100}
    if kind == "groups":
        searches = [{"search": leaf, "all_available": True}]
    else:
        searches = [{"search": name, "search_namespaces": True}, {"search": leaf}]
        common["simple"] = True
    column = "full_path" if kind == "groups" else "path_with_namespace"
    for search in searches:
        pages = pages_of(lambda query: rows(kind, query), {**common, **search})
        for _, page in zip(range(_MOST_PAGES), pages, strict=False):
            for row in page.data:
                is_it = str(row.get(column)).lower() == name.strip("/").lower()
                if is_it and type(row.get("id")) is int:
                    yield row["id"]


def _refused(kind: str, name: str) -> str:
    return (
        f"Something in front of GitLab refuses or decodes the encoded slash (%2F) of {name!r}."
        " Let it pass %2F on (Apache: AllowEncodedSlashes NoDecode; nginx: proxy_pass without a"
        f" path), or write its id in {kind}_list."
    )
